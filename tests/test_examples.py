"""Every example runs as its first comment says, and the README shows nothing else."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.servers import free_port

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


NAMES = ("fastapi", "hooks", "login", "starlette", "quart", "flask", "django", "litestar")
OFTEN = ("flask",)
"""Each is another kind of start; the others come with `--all`."""


@contextmanager
def started(name: str, folder: Path) -> Iterator[str]:
    """`examples/run NAME`, from another folder than the checkout; gives the address of its page."""
    port = free_port()
    process = subprocess.Popen(
        [ROOT / "examples" / "run", name, "--port", str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "Uvicorn running on" in line or "Open http" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "name",
    [name if name in OFTEN else pytest.param(name, marks=pytest.mark.long) for name in NAMES],
)
def test_one_command_starts_it(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path) as site:
        if name != "hooks":  # which has no page of its own
            with urlopen(site) as page:
                assert "text/html" in page.headers["content-type"]
        with urlopen(f"{site}/collabchat/widget.js") as module:
            assert module.status == 200
        with urlopen(f"{site}/collabchat/health") as health:
            assert health.status == 200


def test_the_examples_readme_names_each() -> None:
    readme = (ROOT / "examples" / "README.md").read_text()
    for name in NAMES:
        assert f"| `{name}` |" in readme


APPS = {
    "fastapi_app": "app",
    "fastapi_login_app": "app",
    "flask_app": "asgi_app",
    "hooks": "app",
    "litestar_app": "app",
    "quart_app": "app",
    "starlette_app": "app",
}


@pytest.mark.parametrize(
    "name",
    [name if name == "flask_app" else pytest.param(name, marks=pytest.mark.long) for name in APPS],
)
def test_it_is_at_home_in_any_folder(name: str, tmp_path: Path) -> None:
    """Nothing is looked for in the folder that one stands in."""
    env = {"PYTHONPATH": str(ROOT / "examples"), "COLLABCHAT_STORAGE": "memory://"}
    with ServerProcess(f"{name}:{APPS[name]}", env=env, directory=tmp_path, prefix="") as server:
        if name != "hooks":  # which has no page of its own
            with urlopen(server.url) as page:
                assert "text/html" in page.headers["content-type"]


def test_no_example_tells_more_or_answers_to_more_names_than_it_should() -> None:
    files = [path for path in (ROOT / "examples").rglob("*.py") if "own_backend" not in path.parts]
    assert len(files) > len(APPS)
    for path in files:
        text = path.read_text()
        assert not re.search(r"(?i)debug\s*=\s*True", text), path
        assert 'ALLOWED_HOSTS = ["*"]' not in text, path
        assert not re.search(r"\([\"']examples/", text), f"{path}: a path of the folder one is in"


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


def test_no_example_carries_a_secret_that_works() -> None:
    """What is copied runs in production: keys come from the environment, or are drawn at start."""
    for path in (ROOT / "examples").rglob("*.py"):
        source = path.read_text()
        assert not re.search(r"""(?i)secret(_key)?["']?\s*=\s*["']""", source), path.name
        assert not re.search(r"(?i)debug\s*=\s*True", source), path.name
