"""Clients are sent away before the server closes them all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from collabchat_asgi.testing import HttpClient, ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat

ROOT = Path(__file__).parents[2]
ANN = "ann@acme:commenter"
TOKEN = {"Authorization": "Bearer s3cret"}


def serve(tmp_path: Path, **env: str) -> ServerProcess:
    given = {
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db",
        "BLACKBOX_TIMING": json.dumps({"drain_seconds": 0.3}),
    }
    return ServerProcess("tests.blackbox.app:app", env=given | env, directory=ROOT)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serve(tmp_path, COLLABCHAT_DRAIN_TOKEN="s3cret") as process:
        yield process


async def test_sigterm_is_said_before_it_is_done(tmp_path: Path) -> None:
    with serve(tmp_path, COLLABCHAT_DRAIN_ON_SIGTERM="1") as server:
        people = [await SocketClient.join(server.url, "page", token=ANN) for _ in range(5)]
        ack = await people[0].do(create_chat())
        assert server.process is not None
        server.process.terminate()
        for client in people:
            bye = await client.expect("bye", code=4512)
            assert 0 <= bye["retryAfterMs"] <= 300
            await client.expect_close(4512)
        assert server.process.wait(10) is not None
        server.start()
        again = await people[0].resume()
        await again.until_position("page", ack["seq"])
        await again.close()


async def test_a_pre_stop_hook_drains(server: ServerProcess) -> None:
    client = await SocketClient.join(server.url, "page", token=ANN)
    answer = await HttpClient(url=server.url).post("drain", {}, headers=TOKEN)
    assert (answer.status, answer.json()["seconds"]) == (202, 0.3)
    await client.expect("bye", code=4512)
    await client.expect_close(4512)
    late = await SocketClient.open(server.url, token=ANN)
    await late.send({"type": "hello", "token": ANN})
    bye = await late.expect("bye", code=4512)
    assert 0 <= bye["retryAfterMs"] <= 300, "or all would come back at once"
    await late.expect_close(4512)
    health = await HttpClient(url=server.url).get("health")
    assert (health.status, health.json()["reasons"]) == (503, ["draining"])


async def test_only_a_post_drains(server: ServerProcess) -> None:
    assert (await HttpClient(url=server.url).get("drain")).status == 405


async def test_a_page_open_on_this_machine_cannot_drain(server: ServerProcess) -> None:
    http = HttpClient(url=server.url)
    evil = {"Origin": "https://evil.example", "Content-Type": "application/json", **TOKEN}
    assert (await http.post("drain", {}, headers=evil)).status == 403
    assert (
        await http.post("drain", {}, headers={"Content-Type": "text/plain", **TOKEN})
    ).status == 415
    assert (await http.get("health")).status == 200


async def test_nobody_drains_without_the_token(server: ServerProcess, tmp_path: Path) -> None:
    """What comes from this machine may come through a proxy on it."""
    http = HttpClient(url=server.url)
    wrong = {"Authorization": "Bearer guess"}
    for headers in ({}, wrong, {"X-Forwarded-For": "203.0.113.9"}):
        answer = await http.post("drain", {}, headers=headers)
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")
        assert "drain_token" in answer.json()["message"]
    with serve(tmp_path) as without:
        answer = await HttpClient(url=without.url).post("drain", {}, headers=TOKEN)
        assert answer.status == 403
