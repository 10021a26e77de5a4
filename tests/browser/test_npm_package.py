"""What `collabchat assets` writes is an npm package: packed, installed, typed and bundled."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from collabchat_asgi import __version__
from collabchat_asgi.asgi.static import load_static
from collabchat_asgi.cli import main

from .conftest import ROOT

TOOLS = ROOT / "tests" / "bundler" / "node_modules"

MAIN = """
import { mount, type CollabChatElement } from 'collabchat-asgi'
import { CollabClient } from 'collabchat-asgi/client.js'
import { quoted } from 'collabchat-asgi/anchor.js'
import { CanonicalText } from 'collabchat-asgi/text.js'
import type { Chat } from 'collabchat-asgi/types'

const client = CollabClient.shared({ prefix: '/collabchat' })
const chat: CollabChatElement = mount(document.body, { client, words: { Close: 'Shut' } })
const quotes = (chats: readonly Chat[]): string[] => chats.map(each => quoted(each.anchor))
console.log(quotes(chat.threads()), new CanonicalText(document.body).text)
"""
VIEW = """
import type {} from 'collabchat-asgi/jsx'
export const View = () => <collab-chat root="main" lang="de" words={{ Close: 'Zu' }} />
"""
OTHERS = {
    "preact": """/** @jsxImportSource preact */
import type {} from 'collabchat-asgi/jsx/preact'
import type { CollabChatElement } from 'collabchat-asgi'
import { createRef } from 'preact'
const chat = createRef<CollabChatElement>()
export const View = ({ id }: { id: string }) =>
  <collab-chat ref={chat} root="main" page={id} words={{ Close: 'Zu' }} />
""",
    "solid": """/** @jsxImportSource solid-js */
import type {} from 'collabchat-asgi/jsx/solid'
import type { CollabChatElement } from 'collabchat-asgi'
let chat: CollabChatElement | undefined
export const View = (props: { id: string }) =>
  <collab-chat ref={chat} root="main" attr:page={props.id} words={{ Close: 'Zu' }} />
""",
}
WRONG = "export const wrong = <collab-chat words={7} />\n"
CONFIG = {
    "compilerOptions": {
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "bundler",
        "lib": ["ES2023", "DOM", "DOM.Iterable"],
        "strict": True,
        "noEmit": True,
        "types": [],
        "jsx": "react-jsx",
    },
    "include": ["src"],
}


def run(folder: Path, *command: str, wrong: bool = False) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == wrong, said
    return said


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application that has installed the packed one, from nothing but this machine."""
    folder: Path = tmp_path_factory.mktemp("application")
    package = folder / "package"
    assert main(["assets", str(package)]) == 0
    packed = run(folder, "npm", "pack", "--silent", "--offline", str(package)).strip()
    (folder / "package.json").write_text('{"type": "module"}')
    quiet = ("--offline", "--no-audit", "--no-fund", "--silent")
    run(folder, "npm", "install", *quiet, f"./{packed}")
    for name in ("react", "@types", "csstype", "preact", "solid-js", "seroval"):
        if (TOOLS / name).is_dir():
            shutil.copytree(TOOLS / name, folder / "node_modules" / name)
    (folder / "src").mkdir()
    (folder / "src" / "main.ts").write_text(MAIN)
    (folder / "src" / "view.tsx").write_text(VIEW)
    (folder / "tsconfig.json").write_text(json.dumps(CONFIG))
    (folder / "index.html").write_text("<script type=module src=/src/main.ts></script>")
    return folder


def test_its_files_are_those_that_are_served(project: Path) -> None:
    installed = project / "node_modules" / "collabchat-asgi"
    for name, file in load_static().items():
        assert (installed / name).read_bytes() == file.body, name
    assert json.loads((installed / "package.json").read_text())["version"] == __version__


def test_everything_that_it_exports_is_there(project: Path) -> None:
    installed = project / "node_modules" / "collabchat-asgi"
    exports = json.loads((installed / "package.json").read_text())["exports"]
    for target in exports.values():
        for path in target.values() if isinstance(target, dict) else [target]:
            assert (installed / path).is_file(), path


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_typed_in_the_jsx_of_others(project: Path, name: str) -> None:
    options = CONFIG["compilerOptions"] | {"jsx": "preserve"}  # type: ignore[operator]
    folder = project / name
    folder.mkdir()
    config = {"compilerOptions": options, "include": ["."]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    (folder / "view.tsx").write_text(OTHERS[name])
    run(project, str(TOOLS / ".bin" / "tsc"), "--project", name)
    (folder / "wrong.tsx").write_text(OTHERS[name] + WRONG)
    assert "Texts" in run(project, str(TOOLS / ".bin" / "tsc"), "--project", name, wrong=True)


@pytest.mark.long
def test_it_is_typed_also_in_jsx(project: Path) -> None:
    run(project, str(TOOLS / ".bin" / "tsc"), "--project", ".")
    wrong = project / "src" / "wrong.tsx"
    wrong.write_text(WRONG)
    said = run(project, str(TOOLS / ".bin" / "tsc"), "--project", ".", wrong=True)
    wrong.unlink()
    assert "wrong.tsx" in said
    assert "number" in said


def test_it_is_bundled_with_its_languages(project: Path) -> None:
    run(project, str(TOOLS / ".bin" / "vite"), "build")
    texts = [path.read_text() for path in (project / "dist" / "assets").glob("*.js")]
    (german,) = [text for text in texts if "Diskussion" in text]
    assert "HTMLElement" not in german, "a language is a file of its own"
