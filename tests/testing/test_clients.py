"""The test clients themselves: nothing waits for ever, nothing is forgotten, nothing doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from collabchat_asgi.testing import (
    FaultProxy,
    History,
    NotReceived,
    ReconnectingClient,
    SocketClient,
    check,
)
from collabchat_asgi.testing.operations import add_comment, create_chat, resolve_chat

from .standin import StandIn
from .story import PAGE


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as server:
        yield server


def at_once(attempt: int) -> float:
    return 0.001 * attempt


async def test_join_do_and_hear(server: StandIn) -> None:
    async with await SocketClient.join(server.url, PAGE, token="ann") as ann:
        ack = await ann.do(create_chat("hello"))
        event = await ann.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
        assert event["chat"]["comment"]["body"] == "hello"
        assert ann.pages[PAGE].seq == 1


async def test_pings_are_answered(server: StandIn) -> None:
    async with await SocketClient.connect(server.url, token="ann") as ann:
        await ann.expect("ping", n=99)
        await ann.ping()
        assert server.pongs == [99]


async def test_what_does_not_come_is_told_with_what_came(server: StandIn) -> None:
    async with await SocketClient.connect(server.url, token="ann", deadline=0.1) as ann:
        with pytest.raises(NotReceived, match=r"'presence'.*did not come; instead: .*'ping'"):
            await ann.expect("presence")


async def test_a_refused_hello_is_told_with_its_code(server: StandIn) -> None:
    ann = await SocketClient.open(server.url, token="nobody")
    with pytest.raises(NotReceived, match="closed 4401 'who are you"):
        await ann.hello()
    assert await ann.expect_close(4401) == "who are you?"


async def test_resume_goes_on_from_the_position(server: StandIn) -> None:
    ann = await SocketClient.join(server.url, PAGE, token="ann")
    await ann.do(create_chat())
    await ann.until_position(PAGE, 1)
    ann.abort()
    bob = await SocketClient.connect(server.url, token="bob")
    await bob.do(create_chat(), PAGE)
    again = await ann.resume()
    assert (await again.expect("events"))["first"] == 2
    assert len(again.pages[PAGE].chats) == 2
    await again.close()
    await bob.close()


async def test_bytes_are_counted_as_they_travel(server: StandIn) -> None:
    async with await SocketClient.join(server.url, PAGE, token="ann") as ann:
        create = create_chat("жуть")
        await ann.do(create)
        sent = json.dumps({"urlId": PAGE, **create}, ensure_ascii=False)
        assert ann.sent_bytes["create-chat"] == len(sent.encode())


async def test_a_lost_ack_is_asked_for_again(server: StandIn) -> None:
    server.silent_acks = 1
    ann = ReconnectingClient.start([server.url], PAGE, token="ann", backoff=at_once)
    operation = create_chat()
    ack = await asyncio.wait_for(ann.submit(operation), 5)
    assert (ack["seq"], ann.connections) == (1, 2)
    assert server.arrived == [operation["broadcastId"]] * 2
    await ann.stop()


async def test_retry_halts_the_queue_in_order(server: StandIn) -> None:
    away = {"code": "unavailable", "retry": True, "retryAfterMs": 10}
    server.refusals = [away] * 3
    ann = ReconnectingClient.start([server.url], PAGE, token="ann", backoff=at_once)
    acks = await asyncio.wait_for(
        asyncio.gather(*(ann.submit(create_chat(str(n))) for n in range(3))), 5
    )
    assert [ack["seq"] for ack in acks] == [1, 2, 3]
    await ann.stop()


async def test_what_names_an_unmade_id_waits_for_it(server: StandIn) -> None:
    server.refusals = [{"code": "unavailable", "retry": True, "retryAfterMs": 10}]
    ann = ReconnectingClient.start([server.url], PAGE, token="ann", backoff=at_once)
    create = create_chat()
    comment, other = add_comment(create["chat"]["id"]), create_chat()
    answers = [ann.submit(operation) for operation in (create, comment, other)]
    await asyncio.wait_for(asyncio.gather(*answers), 5)
    first_time = list(dict.fromkeys(server.arrived))
    assert first_time == [o["broadcastId"] for o in (create, other, comment)]
    await ann.stop()


async def test_a_final_refusal_ends_the_waiting(server: StandIn) -> None:
    server.refusals = [{"code": "forbidden", "retry": False}]
    ann = ReconnectingClient.start([server.url], PAGE, token="ann", backoff=at_once)
    assert (await asyncio.wait_for(ann.submit(create_chat()), 5))["code"] == "forbidden"
    await ann.settled()
    await ann.stop()


async def test_a_4401_is_the_end(server: StandIn) -> None:
    ann = ReconnectingClient.start([server.url], PAGE, token="nobody", backoff=at_once)
    await ann.until(lambda: ann.stopped_with is not None)
    assert (ann.stopped_with, ann.connections) == (4401, 1)
    await ann.stop()


async def test_promises_are_kept_through_resets(server: StandIn) -> None:
    history = History()
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        clients = [
            ReconnectingClient.start(
                [proxy.url()], PAGE, token=name, name=name, backoff=at_once, history=history
            )
            for name in ("ann", "bob", "eve")
        ]
        for client in clients:
            await client.until(lambda client=client: client.page.epoch or client._known)  # type: ignore[misc]
        create = create_chat()
        await asyncio.wait_for(clients[0].submit(create), 5)
        for number in range(20):
            for client in clients:
                client.submit(add_comment(create["chat"]["id"], str(number)))
            if number % 4 == 3:
                history.fault("reset")
                proxy.reset()
            await clients[number % 3].until(lambda number=number: len(server.arrived) > number)
        for client in clients:
            await client.settled()
            await client.reached("e1", 61)
        history.quiet()
        for client in clients:
            client.write_down()
            await client.stop()
    report = check(history)
    report.assert_kept()
    assert (report.acked, report.deaf, report.faults) == (61, 0, 5)
    assert report.faults_in_flight > 0
    assert [event["seq"] for event in server.log[PAGE]] == list(range(1, 62))


async def test_a_dishonest_server_is_caught(server: StandIn) -> None:
    history = History()
    async with await SocketClient.join(server.url, PAGE, token="ann", history=history) as ann:
        create = create_chat()
        await ann.do(create)
        server.acks.clear()
        await ann.do(create)
        await ann.do(resolve_chat(create["chat"]["id"]))
        await ann.until_position(PAGE, 3)
    assert check(history).names >= {"duplicated", "two-acks-differ"}


@pytest.mark.parametrize("turns", range(6))
async def test_a_client_that_is_stopped_as_its_send_completes_is_stopped(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """asyncio.wait_for of Python 3.11 answers, and forgets that it was cancelled: the loop around
    it would go on for ever, and `stop` would wait for it."""
    async with await SocketClient.connect(server.url, token="ann") as ann:
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(ann.socket, "send", lambda data: sent)
        sending = asyncio.create_task(ann.send_raw("x"))
        await asyncio.sleep(0)
        sent.set_result(None)
        for _ in range(turns):
            await asyncio.sleep(0)
        if sending.cancel():
            with pytest.raises(asyncio.CancelledError):
                await sending
        monkeypatch.undo()
