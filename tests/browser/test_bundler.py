"""The application that the front-end page shows, as it stands there: typed, bundled and used."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from collabchat_asgi.cli import main
from collabchat_asgi.testing import ServerProcess

from .conftest import FOG, ROOT, SELECT

DOCUMENT = ROOT / "collabchat_asgi" / "static" / "README.md"
TOOLS = ROOT / "tests" / "bundler" / "node_modules"
FILE = re.compile(r"```\w+\n(?://|<!--) ([\w./-]+)(?: -->)?\n(.*?)```", re.DOTALL)


def run(folder: Path, tool: str, *arguments: str) -> None:
    done = subprocess.run(
        [TOOLS / ".bin" / tool, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the document, and the modules that `collabchat assets` copies."""
    assert TOOLS.is_dir(), "npm ci --prefix tests/bundler (tests/run does)"
    folder: Path = tmp_path_factory.mktemp("project")
    for name, text in FILE.findall(DOCUMENT.read_text()):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    assert main(["assets", str(folder / "src" / "collabchat")]) == 0
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(TOOLS)
    return folder


@pytest.fixture(scope="module")
def bundled(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    run(project, "vite", "build")
    env = {
        "DIST": str(project / "dist"),
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('storage') / 'collabchat.db'}",
    }
    with ServerProcess("tests.browser.bundled_app:app", env=env, directory=ROOT) as server:
        yield server


def test_it_is_typed(project: Path) -> None:
    """Strict, the declarations themselves included."""
    run(project, "tsc", "--project", ".")


def test_what_is_wrong_is_found(project: Path) -> None:
    """Otherwise everything could be `any`."""
    wrong = project / "src" / "wrong.ts"
    wrong.write_text(
        "import { CollabClient } from './collabchat/client.js'\n"
        "CollabClient.shared().page('/a').addComment(7, 'x')\n"
        "import { mount } from '/collabchat/widget.js'\n"
        "mount(document.body, { theme: 'pink' })\n"
    )
    config = project / "wrong.json"
    config.write_text('{"extends": "./tsconfig.json", "include": ["src/wrong.ts"]}')
    done = subprocess.run(
        [TOOLS / ".bin" / "tsc", "--project", config], capture_output=True, text=True, check=False
    )
    assert re.findall(r"wrong\.ts\((\d+),", done.stdout) == ["2", "4"], done.stdout


@pytest.mark.asyncio(loop_scope="session")
async def test_it_works(browser: Browser, bundled: ServerProcess) -> None:
    pages = []
    for _ in range(2):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{bundled.port}/")
        pages.append(page)
    ada, ben = pages
    await expect(ben.locator("#status")).to_have_text("live, 2 here", timeout=15_000)
    await ada.evaluate(SELECT, FOG)
    await ada.click("#add")
    await expect(ben.locator("#list li")).to_have_text([f"{FOG}: A note"])
    assert await ben.evaluate("[...CSS.highlights.get('note')].map(String)") == [FOG]
    for page in pages:
        await page.context.close()
