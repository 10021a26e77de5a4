"""Section A of the list: before anybody is asked who this is."""

from __future__ import annotations

import contextlib

import pytest

from collabchat_asgi import CollabChatMiddleware
from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing.socket_client import bearer
from tests.asgi.driver import AsgiMessage, Call, make, scope
from tests.blackbox.conftest import Site
from tests.blackbox.servers import shown

from .raw import dial

pytestmark = pytest.mark.usefixtures("neighbour")


MALFORMED = ["http://[", "https://a:99999", "a" * 8_000, "\x80\xff", ""]


@pytest.mark.parametrize(
    "origin",
    [
        *MALFORMED,
        "null",
        "https://friend.example.evil.com",
        "https://evilfriend.example",
        "https://friend.example@evil.com",
        "https://friend.example/path",
        "https://friend.example:8443",
        "http://friend.example",
        "ftp://friend.example",
    ],
    ids=lambda origin: ascii(origin)[:30],
)
async def test_rows_1_to_4_an_origin_that_is_not_ours(site: Site, origin: str) -> None:
    raw = await dial(site.url, [("Origin", origin)])
    assert raw.status == (shown.malformed_origin if origin in MALFORMED else 403)
    await raw.close()


async def test_row_5_an_origin_is_compared_as_a_browser_means_it(site: Site) -> None:
    raw = await dial(site.url, [("Origin", "HTTPS://FRIEND.Example:443")])
    assert raw.status == 101
    await raw.close()


@pytest.mark.parametrize("order", [1, -1])
async def test_row_6_two_origins_are_none(site: Site, order: int) -> None:
    origins = ["https://friend.example", "https://evil.example"][::order]
    raw = await dial(site.url, [("Origin", origin) for origin in origins])
    assert raw.status in (400, 403)  # 400: the server itself refuses them
    await raw.close()


@pytest.mark.parametrize("host", ["friend.example/allowed?", "evil#", "user@evil"])
async def test_row_8_a_crooked_host_fails_closed(site: Site, host: str) -> None:
    raw = await dial(site.url, [("Origin", f"https://{host}")], host=host)
    assert raw.status in (400, 403)
    await raw.close()


@pytest.mark.parametrize(
    ("path", "root_path", "ours"),
    [
        ("/collabchat/ws", "/coll", True),
        ("/api/collabchat/ws", "/api", True),
        ("/collabchat/ws", "/collabchat", False),
        ("/api/collabchat/ws", "/ap", False),
        ("/apicollabchat/ws", "/api", False),
    ],
)
async def test_row_9_a_root_path_is_taken_off_whole_or_not_at_all(
    path: str, root_path: str, ours: bool
) -> None:
    async def host(scope: AsgiMessage, receive: object, send: object) -> None:
        raise RuntimeError("the host was asked")

    app = CollabChatMiddleware(host, collab=make())
    call = Call(app, scope("websocket", path, root_path=root_path))
    call.put("websocket.connect")
    call.put("websocket.disconnect", code=1001)
    with contextlib.nullcontext() if ours else pytest.raises(RuntimeError, match="the host"):
        await call.done()
    await app.collab.close()


@pytest.mark.parametrize(
    "path", ["//collabchat/ws", "/collabchat/ws/", "/collabchat/%2e%2e/ws", "/collabchat/WS"]
)
async def test_row_10_only_the_exact_path_is_ours(site: Site, path: str) -> None:
    raw = await dial(site.url, path=path)
    assert raw.status in (403, 404)
    await raw.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_row_11_only_get_is_hinted(site: Site, method: str) -> None:
    answer = await site.http().request(method, "ws")
    assert answer.status == 405


async def test_row_12_many_headers_are_answered(site: Site) -> None:
    """As many as the server takes at all: uvicorn's WebSocket side parses 128 and no more."""
    raw = await dial(site.url, [("x-a", "1")] * 110)
    assert raw.status in (101, 400, 403, 431)
    await raw.close()
    raw = await dial(site.url, [("x-a", "1")] * 3_000, upgrade=False)
    assert raw.status in (400, 426, 431)
    await raw.close()


async def test_headers_that_would_be_kept_are_bounded(site: Site) -> None:
    """They live as long as the socket. Some servers refuse them before we do, from 16 KiB on."""
    raw = await dial(site.url, [("x-a", "1" * 7_000)] * 6)
    assert raw.status in (431, 400, 403)
    await raw.close()
    raw = await dial(site.url, [("x-a", "1" * 5_000)] * 2)
    assert raw.status == 101
    await raw.close()


@pytest.mark.parametrize("headers", [1, 2])
async def test_row_13_a_bearer_is_read_and_never_echoed(site: Site, headers: int) -> None:
    offered = [bearer(site.token("mallory")), "collabchat.v1"]
    lines = offered if headers == 2 else [", ".join(offered)]
    raw = await dial(site.url, [("Sec-WebSocket-Protocol", line) for line in lines])
    assert raw.status == 101
    assert "sec-websocket-protocol: collabchat.v1\r\n" in raw.headers.lower()
    assert "bearer" not in raw.headers
    await raw.say({"type": "hello"})
    if headers == 2 and not shown.subprotocol_lines:
        assert await raw.closed_with() == 4401
    else:
        assert '"welcome"' in await raw.text()
    await raw.close()


async def test_row_14_two_hundred_subprotocols(site: Site) -> None:
    names = ", ".join(f"p{number}" for number in range(200))
    raw = await dial(site.url, [("Sec-WebSocket-Protocol", f"{names}, collabchat.v1")])
    assert raw.status in (101, 400, 431)
    await raw.close()


async def test_row_14_a_bearer_of_garbage_is_nobody(site: Site) -> None:
    client = await SocketClient.open(site.url, subprotocols=["collabchat.bearer.%%%"])
    await client.send({"type": "hello"})
    await client.expect_close(4401)


async def test_row_16_who_leaves_while_the_hook_runs_leaves_nothing(site: Site) -> None:
    for _ in range(20):
        raw = await dial(site.url)
        token = site.token("gone")
        await raw.send(b'{"type":"hello","token":"%s"}' % token.encode())
        await raw.close()
    client = await site.connect("gone")
    assert client.welcome["user"]["id"] == site.user("gone")


async def test_row_17_a_token_in_the_url_is_not_read(site: Site) -> None:
    raw = await dial(site.url, path=f"/collabchat/ws?token={site.token()}")
    await raw.send(b'{"type":"hello"}')
    assert await raw.closed_with() == 4401
    await raw.close()


@pytest.mark.parametrize("offered", ["collabchat.v2", "collabchat.v0, collabchat.v99"])
async def test_row_45_another_version_only_is_told_to_reload(site: Site, offered: str) -> None:
    raw = await dial(site.url, [("Sec-WebSocket-Protocol", offered)])
    await raw.say({"type": "hello", "token": site.token("mallory")})
    assert await raw.closed_with() == 4406
    await raw.close()


async def test_row_45_a_type_from_the_future_is_unsupported(site: Site) -> None:
    client = await site.connect("mallory")
    await client.send({"type": "batch", "urlId": site.page, "operations": []})
    assert (await client.expect("error"))["code"] == "unsupported"
    await client.ping()
