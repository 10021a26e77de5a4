"""Processes start when they serve, die when they are told to, and come back where they were."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from collabchat_asgi.testing import HttpClient, ServerProcess
from collabchat_asgi.testing.processes import NotStarted

APP = "tests.testing.hello_app:app"
ROOT = Path(__file__).parents[2]


async def answering_pid(server: ServerProcess) -> int:
    return int((await HttpClient(url=server.url).get("")).body)


async def test_it_serves_when_start_returns() -> None:
    with ServerProcess(APP, directory=ROOT) as server:
        assert await answering_pid(server) == server.pid
    assert "Finished server process" in server.log


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_it_comes_back_on_its_port(how: signal.Signals) -> None:
    with ServerProcess(APP, directory=ROOT) as server:
        pid, url = server.pid, server.url
        server.restart(how=how)
        assert not psutil.pid_exists(pid)
        assert (await answering_pid(server), server.url) == (server.pid, url)


async def test_a_frozen_process_answers_nobody_until_it_thaws() -> None:
    with ServerProcess(APP, directory=ROOT) as server:
        server.freeze()
        with pytest.raises(TimeoutError):
            await HttpClient(url=server.url, deadline=0.2).get("")
        server.thaw()
        assert await answering_pid(server) == server.pid


def test_an_app_that_cannot_start_tells_why() -> None:
    server = ServerProcess("tests.testing.nothing_here:app", directory=ROOT)
    with pytest.raises(NotStarted, match="nothing_here"):
        server.start()
