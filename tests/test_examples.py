"""Every example runs as its first comment says, and the README shows nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat

ROOT = Path(__file__).parents[1]


def serve(app: str, tmp_path: Path) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db"}
    return ServerProcess(app, env=env, directory=ROOT)


async def test_fastapi(tmp_path: Path) -> None:
    with serve("examples.fastapi_app:app", tmp_path) as server:
        ann = await SocketClient.join(server.url, "page", visitor_id="a" * 32)
        bob = await SocketClient.join(server.url, "page", visitor_id="b" * 32)
        await ann.do(create_chat())
        await bob.expect("events")
        await ann.close()
        await bob.close()


async def test_hooks(tmp_path: Path) -> None:
    with serve("examples.hooks:app", tmp_path) as server:
        ann = await SocketClient.join(server.url, "/drafts/1", token="s3cret")
        await ann.do(create_chat())
        bob = await SocketClient.connect(server.url, token="t0ken")
        await bob.send({"type": "subscribe", "urlId": "/drafts/1"})
        assert (await bob.expect("error"))["code"] == "forbidden"
        await ann.close()
        await bob.close()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name
)
def test_the_first_line_tells_how_to_start_it(path: Path) -> None:
    assert re.match(r"# \S+ ", path.read_text().splitlines()[0])


def test_the_readme_shows_files_that_exist() -> None:
    """A code block that follows `<!-- examples/x.py -->` is that file, or a part of it."""
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"<!-- (\S+) -->\n```\w*\n(.*?)```", readme, re.DOTALL)
    assert shown
    for name, code in shown:
        assert code.strip() in (ROOT / name).read_text(), name
