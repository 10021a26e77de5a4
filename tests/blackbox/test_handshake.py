"""PROTOCOL section 3: who gets in, by which door, and with which first word."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from collabchat_asgi.testing import HttpClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.socket_client import PROTOCOL, SocketClient, bearer

from .conftest import FRIEND, Site
from .servers import shown

# Origin


@pytest.mark.parametrize("kind", ["same", "friend", "none"])
async def test_an_honest_origin_is_let_in(site: Site, kind: str) -> None:
    same = site.url.removesuffix("/collabchat")
    client = await site.connect(origin={"same": same, "friend": FRIEND, "none": None}[kind])
    assert client.welcome["tenantId"] == "acme"


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        f"{FRIEND}.evil.example",
        f"{FRIEND}:8443",
        "not an origin",
    ],
)
async def test_a_foreign_origin_is_403_before_accept(site: Site, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await site.open(origin=origin, token=site.token())
    malformed = origin == "not an origin"
    assert refused.value.response.status_code == (shown.malformed_origin if malformed else 403)


# Subprotocol and token


async def test_the_subprotocol_is_selected_when_offered(site: Site) -> None:
    client = await site.connect(subprotocols=("something.else", PROTOCOL))
    assert client.socket.subprotocol == PROTOCOL


async def test_a_client_that_offers_none_is_let_in(site: Site) -> None:
    client = await site.connect(subprotocols=())
    assert client.socket.subprotocol is None


async def test_a_client_of_another_version_only_is_told_to_reload(site: Site) -> None:
    client = await site.open(subprotocols=("collabchat.v9",))
    await client.expect_close(4406)


async def test_a_bearer_subprotocol_is_read_and_never_echoed(site: Site) -> None:
    token = site.token("bea")
    client = await site.connect(token=None, subprotocols=(bearer(token), PROTOCOL))
    assert client.socket.subprotocol == PROTOCOL
    assert client.welcome["user"]["id"] == site.user("bea")


@pytest.mark.parametrize("header", ["Cookie", "X-Sid"])
async def test_the_hook_reads_cookies_and_headers(site: Site, header: str) -> None:
    value = f"sid={site.token('bea')}" if header == "Cookie" else site.token("bea")
    client = await site.connect(token=None, headers={header: value})
    assert client.welcome["user"]["id"] == site.user("bea")


# Other doors


async def test_a_plain_get_is_426_with_a_hint(site: Site) -> None:
    response = await HttpClient(url=site.url).get("ws")
    assert response.status == 426
    assert response.headers["content-type"].startswith("application/json")
    assert len(json.dumps(response.json())) > 20


async def test_another_path_is_answered_by_the_wrapped_app(site: Site) -> None:
    parts = urlsplit(site.url)
    response = await HttpClient(url=f"{parts.scheme}://{parts.netloc}").get("")
    assert response.json() == {"host": "still here"}


# hello


async def test_welcome_says_what_a_client_needs(site: Site) -> None:
    welcome = (await site.connect()).welcome
    assert welcome["user"] == {"id": site.user("ann"), "name": site.user("ann").title()}
    assert welcome["limits"].items() >= {"frameBytes": 65_536, "bodyChars": 2_000}.items()
    assert welcome["limits"]["dedupeMs"] >= 7 * 86_400_000
    assert abs(welcome["now"] - 1000 * time.time()) < 60_000
    assert welcome["pingIntervalMs"] > 0
    assert isinstance(welcome["connectionId"], str)
    assert "/" in welcome["server"]
    assert "expiresInMs" not in welcome


async def test_a_token_that_runs_out_is_announced(site: Site) -> None:
    client = await site.connect(token=site.token() + "~100")
    assert 90_000 < client.welcome["expiresInMs"] <= 100_000


async def test_everything_may_be_sent_behind_hello_at_once(site: Site) -> None:
    client = await site.open(token=site.token())
    await client.send(client.dial.hello)
    await client.send({"type": "subscribe", "urlId": site.page})
    broadcast_id = await client.say(create_chat(), site.page)
    await client.expect("welcome")
    await client.expect("subscribed", urlId=site.page)
    await client.expect("ack", broadcastId=broadcast_id)


FIRST_FRAMES = {
    "not hello": '{"type":"subscribe","urlId":"p"}',
    "an unknown type": '{"type":"hi"}',
    "no JSON": "hello",
    "an array": "[]",
    "a bad field": '{"type":"hello","tenantId":5}',
    "a long visitorId": json.dumps({"type": "hello", "visitorId": "v" * 65}),
    "binary": b'{"type":"hello"}',
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("frame", FIRST_FRAMES.values(), ids=FIRST_FRAMES)
async def test_a_first_frame_that_is_no_hello_closes(site: Site, frame: str | bytes) -> None:
    client = await site.open(token=site.token())
    await client.send_raw(frame)
    await client.expect_close(4400)


@pytest.mark.usefixtures("neighbour")
async def test_a_hello_over_8_kib_closes(site: Site) -> None:
    client = await site.open()
    await client.send({"type": "hello", "token": site.token(), "client": "x" * 8_192})
    with pytest.raises(AssertionError, match="closed 4"):
        await client.expect("welcome")
    assert client.close_code in (4400, 4413)


@pytest.mark.usefixtures("neighbour")
async def test_a_second_hello_closes(site: Site) -> None:
    client = await site.connect()
    await client.send(client.dial.hello)
    await client.expect_close(4400)


async def test_no_hello_in_time_closes(hasty: str) -> None:
    client = await SocketClient.open(hasty)
    await client.expect_close(4508)


async def test_several_tenants_need_a_choice(site: Site) -> None:
    token = f"{site.user('ann')}@acme:commenter,beta:reader"
    client = await site.open(token=token)
    await client.send(client.dial.hello)
    await client.expect_close(4400)
    assert (await site.connect(token=token, tenant="beta")).welcome["tenantId"] == "beta"


REFUSALS = {
    "denied": ({"token": "nobody"}, 4401),
    "without a token": ({"token": None}, 4401),
    "another tenant": ({"tenant": "beta"}, 4403),
    "a hook that raises": ({"token": "broken"}, 4503),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(("dial", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_who_may_not_come_in(site: Site, dial: dict[str, str | None], code: int) -> None:
    client = await site.open(**({"token": site.token()} | dial))
    await client.send(client.dial.hello)
    reason = await client.expect_close(code)
    assert len(reason.encode("ascii")) <= 60
    assert client.of("welcome") == []


async def test_nothing_behind_a_failed_hello_is_done(site: Site) -> None:
    client = await site.open(token="nobody")
    await client.send(client.dial.hello)
    with suppress(ConnectionClosed):  # the close may be quicker
        await client.say(create_chat(), site.page)
    await client.expect_close(4401)
    assert (await site.http().chats(site.page))["chats"] == []


# Anonymous visitors


async def test_a_visitor_has_a_public_id_that_gives_nothing_away(site: Site) -> None:
    secret = f"visitor-secret-{site.mark}"
    client = await site.connect(token=None, visitor_id=secret)
    digest = hashlib.sha256(b"acme\0" + secret.encode()).digest()
    public = "anon:" + base64.urlsafe_b64encode(digest).decode()[:22]
    assert client.welcome["user"]["id"] == public


# refresh


async def test_refresh_prolongs(site: Site) -> None:
    client = await site.connect(token=site.token() + "~100")
    await client.send({"type": "refresh", "token": site.token() + "~500"})
    assert (await client.expect("refreshed"))["expiresInMs"] > 400_000


async def test_a_bad_refresh_keeps_the_old_identity(site: Site) -> None:
    client = await site.connect(token=site.token() + "~100")
    await client.send({"type": "refresh", "token": "nobody"})
    await client.expect("error", code="unauthenticated")
    await client.do(create_chat(), site.page)


async def test_a_refresh_is_decided_by_its_token_alone(site: Site) -> None:
    """Whatever the connection came with, a cookie too, says nothing about the new token."""
    client = await site.connect(headers={"Cookie": f"sid={site.token()}"})
    await client.send({"type": "refresh", "token": "nobody"})
    await client.expect("error", code="unauthenticated")


@pytest.mark.usefixtures("neighbour")
async def test_another_users_token_closes(site: Site) -> None:
    client = await site.connect()
    await client.send({"type": "refresh", "token": site.token("mallory")})
    await client.expect_close(4403)


async def test_what_ran_out_is_closed(site: Site) -> None:
    client = await site.connect(token=site.token() + "~0.5")
    await client.expect_close(4401)
