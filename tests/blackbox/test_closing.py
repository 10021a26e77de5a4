"""PROTOCOL section 5: every planned end has its code, a reason and a `bye`."""

from __future__ import annotations

from pathlib import Path

import pytest

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing import operations as op

from .conftest import BRISK, Site, serve
from .servers import shown


async def test_a_client_may_leave_at_any_time(site: Site) -> None:
    client = await site.join()
    await client.say(op.create_chat())
    await client.close()
    assert client.close_code == 1000


@pytest.mark.usefixtures("neighbour")
async def test_more_connections_than_a_user_may_have(site: Site) -> None:
    for _ in range(50):
        await site.connect("ann")
    client = await site.open(token=site.token("ann"))
    await client.send(client.dial.hello)
    await client.expect_close(4529)


async def test_a_process_that_goes_away_says_so(tmp_path: Path) -> None:
    token = "ann@acme:commenter"
    with serve(f"sqlite:///{tmp_path}/collabchat.db", BRISK) as server:
        client = await SocketClient.join(server.url, "page", token=token)
        ack = await client.do(op.create_chat())
        server.process.terminate()
        await client.ended()
        assert client.close_code in (4512, shown.going_away)
        assert client.close_code == shown.going_away or client.of("bye", code=4512)
        server.stop()
        server.start()
        again = await client.resume()
        await again.until_position("page", ack["seq"])
        await again.close()


async def test_what_was_acked_survives_sigkill(tmp_path: Path) -> None:
    with serve(f"sqlite:///{tmp_path}/collabchat.db", BRISK) as server:
        client = await SocketClient.join(server.url, "page", token="ann@acme:commenter")
        acks = [await client.do(op.create_chat()) for _ in range(5)]
        server.kill()
        await client.expect_close(1006)
        server.start()
        again = await SocketClient.join(server.url, "page", token="ann@acme:commenter")
        assert again.pages["page"].since == {"epoch": acks[0]["epoch"], "seq": 5}
        assert len(again.pages["page"].chats) == 5
        await again.close()
