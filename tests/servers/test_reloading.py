"""A development server that starts again when any file changes is not set off by what we write."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from collabchat_asgi.reloaders import DEFAULT_STORAGE, default_storage
from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat

APP = """
from fastapi import FastAPI
from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import anonymous

app = FastAPI()
app.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=anonymous()))
"""
VISITOR = "a" * 32
GRANIAN = ["/venv/bin/granian", "--interface", "asgi", "--reload", "app:app"]


async def said(server: ServerProcess) -> int:
    """One thing more, and how many have been said."""
    async with await SocketClient.join(server.url, "page", visitor_id=VISITOR) as ann:
        return int((await ann.do(create_chat()))["seq"])


async def test_only_an_edit_starts_granian_again(tmp_path: Path) -> None:
    source = tmp_path / "code"
    source.mkdir()
    (source / "app.py").write_text(APP)
    env = {"PYTHONPATH": str(source), "XDG_STATE_HOME": str(tmp_path / "state")}
    server = ServerProcess(
        "app:app", server="granian", env=env, directory=source, arguments=["--reload"]
    )
    with server:
        assert await said(server) == 1
        for edit in (1, 2):
            started = server.log.count("Started worker-1")
            assert started == edit
            (source / "app.py").write_text(f"{APP}# {edit}\n")
            server.wait_for(lambda log, before=started: log.count("Started worker-1") > before)
            assert await said(server) == edit + 1, "the pages are the same"
        assert server.log.count("Started worker-1") == 3
    assert {path.name for path in source.iterdir()} <= {"app.py", "__pycache__"}
    assert "pages are kept in" in server.log


def test_other_servers_keep_pages_where_they_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for argv in (["uvicorn", "--reload"], ["granian", "app:app"], ["hypercorn", "--reload"], []):
        assert default_storage(argv, {}) == DEFAULT_STORAGE
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    for argv, environ in ((GRANIAN, {}), (["x"], {"WATCHFILES_CHANGES": "[]"})):
        url = default_storage(argv, state | environ)
        assert Path(url.removeprefix("sqlite:///")).parent.is_dir()
        assert not Path(url.removeprefix("sqlite:///")).is_relative_to(Path.cwd() / "code")
        assert url == default_storage(argv, state | environ), "the next start finds the same"


def test_pages_that_are_there_already_stay_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "collabchat.db").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert default_storage(GRANIAN, os.environ) == DEFAULT_STORAGE
    assert r"--reload-ignore-patterns 'collabchat\.db'" in caplog.text
