"""Processes start when they serve, die when they are told to, and come back where they were."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from collabchat_asgi.testing import HttpClient, ServerProcess
from collabchat_asgi.testing.processes import NotStarted
from collabchat_asgi.testing.servers import SERVERS

APP = "tests.testing.hello_app:app"
ROOT = Path(__file__).parents[2]


async def answering_pid(server: ServerProcess) -> int:
    return int((await HttpClient(url=server.url).get("")).body)


def lives(pid: int) -> bool:
    """An orphan that has ended may wait for an init that takes its time."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


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


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    "name",
    [
        name if name == "granian" else pytest.param(name, marks=pytest.mark.long)
        for name in SERVERS
        if not name.startswith("uvicorn")
    ],
)
async def test_every_server_takes_its_workers_with_it(name: str, how: signal.Signals) -> None:
    with ServerProcess(APP, server=name, directory=ROOT) as server:
        worker, url = await answering_pid(server), server.url
        server.restart(how=how)
        assert not lives(worker)
        assert await answering_pid(server) != worker
        assert server.url == url


async def test_a_frozen_process_answers_nobody_until_it_thaws() -> None:
    with ServerProcess(APP, directory=ROOT) as server:
        server.freeze()
        with pytest.raises(TimeoutError):
            await HttpClient(url=server.url, deadline=0.2).get("")
        server.thaw()
        assert await answering_pid(server) == server.pid


@pytest.mark.parametrize("name", SERVERS)
def test_an_app_that_cannot_start_tells_why(name: str) -> None:
    server = ServerProcess("tests.testing.nothing_here:app", server=name, directory=ROOT)
    with pytest.raises(NotStarted, match="nothing_here"):
        server.start()
