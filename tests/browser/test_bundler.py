"""The application that the front-end page shows, as it stands there: typed, bundled and used."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from collabchat_asgi.cli import main
from collabchat_asgi.testing import ServerProcess

from .conftest import FOG, ROOT, SELECT

DOCUMENT = ROOT / "collabchat_asgi" / "static" / "README.md"
TOOLS = ROOT / "tests" / "bundler" / "node_modules"
FILE = re.compile(r"```\w+\n(?://|<!--) ([\w./-]+)(?: -->)?\n(.*?)```", re.DOTALL)
TAG = re.compile(r"<script[^`]* vite-ignore [^`]*</script>")

# Beside the application of the document: pages that have the widget, in both ways of loading it.
HEAD = "<!doctype html><meta charset=utf-8><main><p>By noon the fog has gone.</p></main>"
# And one of React's, with the hook of the document and the element.
REACT = """
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { CollabClient } from './src/collabchat/client.js'
import './src/collabchat/widget.js'
import { useCollabPage } from './src/useCollabPage'

const client = CollabClient.shared({ prefix: '/collabchat' })

function View() {
  const { page, state } = useCollabPage(client, '/react') ?? {}
  const add = () => page?.createChat({ selector: [], length: 0 }, 'A note')
  return <>
    <p id="status">{state?.status}, {state?.users} here</p>
    <button id="add" onClick={add}>Note</button>
    <ul id="list">{state?.chats.map(chat => <li key={chat.id}>{chat.comments[0]?.body}</li>)}</ul>
    <collab-chat prefix="/collabchat" page="/react" />
  </>
}
createRoot(document.querySelector('#app')!).render(<StrictMode><View /></StrictMode>)
"""
CONFIG = """
import { mergeConfig } from 'vite'
import config from './vite.config'
export default mergeConfig(config, {
  cacheDir: './.vite',
  build: { rollupOptions: { input: ['index.html', 'imported.html', 'tagged.html', 'react.html'] } },
})
"""


def run(folder: Path, tool: str, *arguments: str) -> str:
    done = subprocess.run(
        [TOOLS / ".bin" / tool, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the document, and the modules that `collabchat assets` copies."""
    assert TOOLS.is_dir(), "npm ci --prefix tests/bundler (tests/run does)"
    folder: Path = tmp_path_factory.mktemp("project")
    document = DOCUMENT.read_text()
    for name, text in FILE.findall(document):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    imported = '<script type="module" src="/src/widget.ts"></script>'
    (folder / "imported.html").write_text(HEAD + imported)
    (tag,) = TAG.findall(document)
    (folder / "tagged.html").write_text(f"{HEAD}<collab-chat></collab-chat>{tag}")
    drawn = '<div id="app"></div><script type="module" src="/react.tsx"></script>'
    (folder / "react.html").write_text(f"<!doctype html><meta charset=utf-8>{drawn}")
    (folder / "react.tsx").write_text(REACT)
    (folder / "all.config.ts").write_text(CONFIG)
    assert main(["assets", str(folder / "src" / "collabchat")]) == 0
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(TOOLS)
    return folder


@pytest.fixture(scope="module")
def bundled(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    said = run(project, "vite", "build", "--config", "all.config.ts")
    assert "warn" not in said.lower(), said
    assert "import.meta.url" not in said, said
    env = {
        "DIST": str(project / "dist"),
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('storage') / 'collabchat.db'}",
    }
    with ServerProcess("tests.browser.bundled_app:app", env=env, directory=ROOT) as server:
        yield server


@contextmanager
def developed(project: Path, server: ServerProcess) -> Iterator[int]:
    """`vite dev` with the configuration of the document, before the server that the tests have."""
    config = project / "vite.config.ts"
    text = config.read_text()
    assert text.count("127.0.0.1:8000") == 1
    config.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    where = ("--host", "127.0.0.1", "--port", str(port), "--strictPort")
    vite = subprocess.Popen(
        [TOOLS / ".bin" / "vite", "dev", "--config", "all.config.ts", *where],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert vite.stdout
        said = ""
        for line in vite.stdout:
            said += line
            if "Local:" in line:
                break
        else:
            raise AssertionError(said)
        yield port
    finally:
        vite.terminate()
        vite.communicate()
        config.write_text(text)


@pytest.mark.long
def test_it_is_typed(project: Path) -> None:
    """Strict, the declarations themselves included."""
    run(project, "tsc", "--project", ".")


@pytest.mark.long
def test_what_is_wrong_is_found(project: Path) -> None:
    """Otherwise everything could be `any`."""
    wrong = project / "src" / "wrong.ts"
    wrong.write_text(
        "import { CollabClient } from './collabchat/client.js'\n"
        "CollabClient.shared().page('/a').addComment(7, 'x')\n"
        "import { mount } from '/collabchat/widget.js'\n"
        "mount(document.body, { theme: 'pink' })\n"
    )
    jsx = project / "src" / "wrong_react.tsx"
    jsx.write_text("export const wrong = <collab-chat bar={7} root='main' />\n")
    config = project / "wrong.json"
    config.write_text('{"extends": "./tsconfig.json", "include": ["src/wrong*", "src/*.d.ts"]}')
    done = subprocess.run(
        [TOOLS / ".bin" / "tsc", "--project", config], capture_output=True, text=True, check=False
    )
    wrong.unlink()
    jsx.unlink()
    found = re.findall(r"wrong(?:_react)?\.(tsx?)\((\d+),", done.stdout)
    assert sorted(found) == [("ts", "2"), ("ts", "4"), ("tsx", "1")], done.stdout


async def two_readers(browser: Browser, port: int) -> None:
    pages = []
    for _ in range(2):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{port}/")
        pages.append(page)
    ada, ben = pages
    await expect(ben.locator("#status")).to_have_text("live, 2 here", timeout=15_000)
    before = await ben.locator("#list li").count()
    await ada.evaluate(SELECT, FOG)
    await ada.click("#add")
    await expect(ben.locator("#list li")).to_have_text([f"{FOG}: A note"] * (before + 1))
    assert await ben.evaluate("[...CSS.highlights.get('note')].map(String)") == [FOG] * (before + 1)
    for page in pages:
        await page.context.close()


async def two_in_react(browser: Browser, port: int) -> None:
    pages = []
    for _ in range(2):
        page = await (await browser.new_context()).new_page()
        await page.goto(f"http://127.0.0.1:{port}/react.html")
        pages.append(page)
    ada, ben = pages
    await expect(ben.locator("#status")).to_have_text("live, 2 here", timeout=15_000)
    await expect(ben.locator("collab-chat .bar .people")).to_have_text("2")
    before = await ben.locator("#list li").count()
    await ada.click("#add")
    await expect(ben.locator("#list li")).to_have_text(["A note"] * (before + 1))
    await expect(ben.locator("collab-chat .bar .discussions")).to_contain_text(str(before + 1))
    for page in pages:
        await page.context.close()


async def with_the_widget(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(address)
    await expect(page.locator("collab-chat .bar .people")).to_be_visible(timeout=15_000)
    widgets = [url for url in asked if url.endswith("/widget.js")]
    assert [url.split("/", 3)[3] for url in widgets] == ["collabchat/widget.js"]
    await page.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_it_works(browser: Browser, bundled: ServerProcess) -> None:
    origin = f"http://127.0.0.1:{bundled.port}"
    await two_readers(browser, bundled.port)
    await two_in_react(browser, bundled.port)
    for name in ("imported", "tagged"):
        await with_the_widget(browser, f"{origin}/{name}.html")


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_it_works_in_development(
    browser: Browser, project: Path, bundled: ServerProcess
) -> None:
    with developed(project, bundled) as port:
        await two_readers(browser, port)
        await two_in_react(browser, port)
        for name in ("imported", "tagged"):
            await with_the_widget(browser, f"http://127.0.0.1:{port}/{name}.html")
