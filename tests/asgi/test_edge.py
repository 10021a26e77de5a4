"""What is ours and what is not, mounts and root paths, and how a socket begins and ends."""

from __future__ import annotations

import inspect
import json
import logging
import random
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    Limits,
    Timing,
)

from .driver import AsgiMessage, Call, connect, get, make, scope, until

SEED, SCOPES = 300, 300


class Host:
    """Remembers with what it was called, object for object."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((scope, receive, send))


async def test_what_is_not_ours_passes_untouched() -> None:
    rng = random.Random(SEED)
    host = Host()
    app = CollabChatMiddleware(host, collab=make())
    for number in range(SCOPES):
        given = stranger(rng)
        before = repr(given)

        async def receive() -> AsgiMessage:
            return {"type": "http.request"}

        async def send(message: AsgiMessage) -> None:
            return None

        await app(given, receive, send)
        assert len(host.calls) == number + 1, f"seed {SEED}, scope {number}: {given}"
        scope_, receive_, send_ = host.calls[-1]
        assert scope_ is given
        assert receive_ is receive
        assert send_ is send
        assert repr(given) == before
    assert app.collab._starting is None, "and nothing was started for it"
    print(f"{SCOPES} scopes, seed {SEED}")


def stranger(rng: random.Random) -> AsgiMessage:
    kind = rng.choice(["http", "websocket", "http", "telnet", "lifespan-like"])
    paths = ["/", "/collabchat", "/collabchats/ws", "/xcollabchat/ws", "/collabchatws", "/api/x"]
    paths += ["/Collabchat/ws", "//collabchat/ws", "/a/collabchat/ws", "", "/collabcha", "/é/ü"]
    path = rng.choice(paths)
    if kind == "websocket" and rng.random() < 0.5:
        path = rng.choice(["/collabchat/", "/collabchat/wss", "/collabchat/ws/", "/collabchat/v1"])
    headers = [(bytes([rng.randrange(97, 123)]), rng.randbytes(5)) for _ in range(rng.randrange(5))]
    root = rng.choice(["", "", "/api", "/a"])
    if root and path.startswith(root + "/collabchat/"):
        root = ""
    return {
        "type": kind,
        "path": path,
        "root_path": root,
        "headers": headers,
        "state": {},
        **({"method": rng.choice(["GET", "POST"])} if rng.random() < 0.9 else {}),
        **({"extensions": {"x": {}}} if rng.random() < 0.3 else {}),
    }


def test_the_calls_stay_async() -> None:
    """uvicorn takes a plain function for an ASGI 2 app."""
    assert inspect.iscoroutinefunction(CollabChatMiddleware.__call__)
    assert inspect.iscoroutinefunction(CollabChat.__call__)


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/collabchat/health", ""),
        ("/api/collabchat/health", "/api"),
        ("/api/collabchat/health", "/api/"),
        ("/collabchat/health", "/api"),
    ],
)
async def test_root_paths(path: str, root_path: str) -> None:
    app = CollabChatMiddleware(Host(), collab=make())
    status, _, body = await get(app, path, root_path=root_path)
    assert status == 200, body
    socket = await connect(app, path.replace("health", "ws"), root_path=root_path)
    socket.put("websocket.disconnect", code=1001)
    await socket.done()
    await app.collab.close()


@pytest.mark.parametrize("prefix", ["/collabchat", "/chat/v2", "/x/"])
async def test_prefixes(prefix: str) -> None:
    app = CollabChatMiddleware(Host(), collab=make(prefix=prefix))
    status, _, _ = await get(app, prefix.rstrip("/") + "/health")
    assert status == 200
    await app.collab.close()


@pytest.mark.parametrize("kind", ["starlette", "fastapi", "nested"])
async def test_mounted(kind: str) -> None:
    collab = make()
    app: Any
    if kind == "fastapi":
        app = FastAPI()
        app.mount("/notes", collab)
    elif kind == "starlette":
        app = Starlette(routes=[Mount("/notes", app=collab)])
    else:
        app = Starlette(routes=[Mount("/a", routes=[Mount("/notes", app=collab)])])
    base = "/a/notes" if kind == "nested" else "/notes"
    status, _, body = await get(app, f"{base}/health")
    assert status == 200, body
    assert (await get(app, f"{base}/nothing"))[0] == 404
    socket = await connect(app, f"{base}/ws")
    socket.put("websocket.disconnect", code=1001)
    await socket.done()
    stray = Call(app, scope("websocket", f"{base}/elsewhere"))
    stray.put("websocket.connect")
    await stray.done()
    assert stray.kinds == ["websocket.close"]
    await collab.close()


async def test_426_names_the_likely_cause() -> None:
    app = CollabChatMiddleware(Host(), collab=make())
    status, headers, body = await get(app, "/collabchat/ws")
    assert status == 426
    assert "Upgrade" in json.loads(body)["message"]
    assert headers["access-control-allow-origin"] == "*"
    upgrade = [(b"host", b"example.com"), (b"upgrade", b"websocket")]
    _, _, body = await get(app, "/collabchat/ws", headers=upgrade)
    assert "no WebSocket library" in json.loads(body)["message"]
    foreign = [(b"host", b"example.com"), (b"origin", b"https://elsewhere.example")]
    _, _, body = await get(app, "/collabchat/ws", headers=foreign)
    assert "allowed_origins" in json.loads(body)["message"]
    await app.collab.close()


async def test_426_does_not_blame_upgrade_where_host_is_lost() -> None:
    """A page that asks its own site sends no Origin, and its address in Referer."""
    app = CollabChatMiddleware(Host(), collab=make(allowed_origins="https://friend.example"))

    async def hint(**headers: str) -> str:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        status, _, body = await get(app, "/collabchat/ws", headers=raw)
        assert status == 426
        return str(json.loads(body)["message"])

    lost = await hint(host="127.0.0.1:8000", referer="https://app.example.com/page")
    assert "pass the Host header on" in lost
    assert "proxy_set_header Host" in lost
    without_port = await hint(host="app.example.com", referer="http://app.example.com:8443/page")
    assert "pass the Host header on" in without_port
    for fine in (
        {"host": "app.example.com", "referer": "https://app.example.com/page"},
        {"host": "app.example.com"},
        {"host": "app.example.com", "referer": "https://friend.example/"},
        {"host": "a.example", "referer": "https://b.example/", "sec_fetch_site": "cross-site"},
        {"host": "a.example", "referer": "about:client"},
    ):
        assert "dropped the Upgrade header" in await hint(**fine)
    status, headers, body = await get(app, "/collabchat/ws", method="HEAD")
    assert (status, headers["upgrade"], body) == (426, "websocket", b"")
    await app.collab.close()


async def test_what_strangers_hear_of_our_health() -> None:
    collab = make(drain_token="s3cret")
    await collab.start()
    collab._engine.running.healing.storage_error = "db.internal:5432: no answer"

    async def reasons(client: str, **headers: str) -> Any:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        status, _, body = await get(collab, "/health", client=(client, 1), headers=raw)
        assert status == 503
        return json.loads(body)["reasons"]

    told = ["storage: db.internal:5432: no answer"]
    assert await reasons("127.0.0.1", host="127.0.0.1:8000") == told
    assert await reasons("203.0.113.9", host="x", authorization="Bearer s3cret") == told
    assert await reasons("203.0.113.9", host="127.0.0.1:8000") == ["storage"]
    assert await reasons("127.0.0.1", host="app.example.com") == ["storage"]
    await collab.close()


async def test_no_answer_is_a_page_of_its_own_but_the_usage_page() -> None:
    collab = make()
    for path in ("/health", "/v1/chats", "/nothing", "/ws"):
        _, headers, _ = await get(collab, path)
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
    _, headers, _ = await get(collab, "/usage")
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    await collab.close()


async def test_many_header_lines_and_lists_over_several() -> None:
    """As many as a server lets through; a proxy may add its own at the end."""
    asked: list[Any] = []

    def authenticate(request: Any) -> Any:
        asked.append(request)
        return Identity("ann", tenants={"acme": "commenter"})

    collab = make(authenticate=authenticate, trusted_proxies="127.0.0.1")
    headers = [(b"x-%d" % number, b"x") for number in range(300)]
    headers += [(b"cookie", b"a=%d" % number) for number in range(150)]
    headers += [(b"cookie", b"sid=s3cret"), (b"authorization", b"Bearer t0ken")]
    headers += [(b"x-forwarded-for", b"203.0.113.9")]
    status, _, body = await get(collab, "/v1/chats", headers=headers, query_string=b"urlId=page")
    assert status == 200, body
    [request] = asked
    assert request.cookies["sid"] == "s3cret"
    assert request.token == "t0ken"
    assert request.client == ("203.0.113.9", 0)
    await collab.close()


@pytest.mark.parametrize("page", [b"%C3%A9", b"\xc3\xa9"])
async def test_a_page_is_found_by_its_name_however_it_is_escaped(page: bytes) -> None:
    """Not every client escapes what is not ASCII, and the socket's page is this one."""
    asked: list[str] = []

    def authorize(access: AccessRequest) -> bool:
        asked.append(access.url_id)
        return True

    collab = make(authorize=authorize)
    assert (await get(collab, "/v1/chats", query_string=b"urlId=" + page))[0] == 200
    assert asked == ["é"]
    await collab.close()


@pytest.mark.parametrize("page", [b"%FF", b"\xff", b"a%C3", b"%ED%A0%80", b"x&epoch=%80"])
@pytest.mark.parametrize("path", ["/v1/chats", "/v1/events", "/v1/comments"])
async def test_a_query_that_is_no_text_is_refused(path: str, page: bytes) -> None:
    """Repaired, all of these would be one other page, which somebody may have written on."""
    collab = make()
    status, _, body = await get(collab, path, query_string=b"urlId=" + page)
    assert (status, json.loads(body)["code"]) == (400, "invalid"), body
    assert "UTF-8" in json.loads(body)["message"]
    await collab.close()


@pytest.mark.parametrize("path", ["/client.js", "/v1/chats"])
async def test_a_tag_that_a_proxy_has_made_weak_is_still_ours(path: str) -> None:
    collab = make()
    _, told, body = await get(collab, path, query_string=b"urlId=page")
    etag = told["etag"]
    plain = etag.removeprefix("W/")
    assert body
    for lines in ([etag], [f"W/{plain}"], [plain], ["*"], ['"x"', f'"y", W/{plain}']):
        headers = [(b"if-none-match", line.encode()) for line in lines]
        status, again, body = await get(collab, path, headers=headers, query_string=b"urlId=page")
        assert (status, again["etag"], body) == (304, etag, b""), lines
    apache = [(b"if-none-match", f'{plain[:-1]}-gzip"'.encode())]
    assert (await get(collab, path, headers=apache, query_string=b"urlId=page"))[0] == 304
    for other in ('"x"', f'W/"x{plain[1:]}', ""):
        headers = [(b"if-none-match", other.encode())]
        assert (await get(collab, path, headers=headers, query_string=b"urlId=page"))[0] == 200
    await collab.close()


@pytest.mark.parametrize("path", ["/client.js", "/health", "/usage", "/v1/chats", "/ws"])
async def test_head_is_get_without_a_body(path: str) -> None:
    collab = make()
    status, headers, body = await get(collab, path, query_string=b"urlId=page")
    got = await get(collab, path, method="HEAD", query_string=b"urlId=page")
    assert got == (status, headers, b"")
    assert body
    await collab.close()


@pytest.mark.parametrize("extended", [True, False])
async def test_a_foreign_origin_is_denied(extended: bool) -> None:
    app = CollabChatMiddleware(Host(), collab=make())
    headers = [(b"host", b"example.com"), (b"origin", b"https://elsewhere.example")]
    extensions: AsgiMessage = {"websocket.http.response": {}} if extended else {}
    call = Call(app, scope("websocket", "/collabchat/ws", headers=headers, extensions=extensions))
    call.put("websocket.connect")
    await call.done()
    if extended:
        assert call.kinds == ["websocket.http.response.start", "websocket.http.response.body"]
        assert call.sent[0]["status"] == 403
        assert b"allowed_origins" in call.sent[1]["body"]
    else:
        assert call.kinds == ["websocket.close"]
    await app.collab.close()


@pytest.mark.parametrize(
    ("first", "second", "denied"),
    [
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("203.0.113.7", "[::ffff:203.0.113.7]:4711", True),
        ("203.0.113.7", "203.0.113.8", False),
    ],
)
async def test_connections_of_one_address_are_those_of_one_visitor(
    first: str, second: str, denied: bool
) -> None:
    """Whoever has an address of IPv6 has 2^64 of them."""
    limits = Limits(connections_per_address=1)
    collab = make(limits=limits, trusted_proxies=["127.0.0.1"])
    app = CollabChatMiddleware(Host(), collab=collab)

    def comes_from(address: str) -> AsgiMessage:
        headers = [(b"host", b"example.com"), (b"x-forwarded-for", address.encode())]
        extensions: AsgiMessage = {"websocket.http.response": {}}
        return scope("websocket", "/collabchat/ws", headers=headers, extensions=extensions)

    one = Call(app, comes_from(first))
    one.put("websocket.connect")
    await one.until_sent("websocket.accept")
    two = Call(app, comes_from(second))
    two.put("websocket.connect")
    await until(lambda: two.sent, "an answer")
    assert two.sent[0].get("status") == (429 if denied else None)
    one.put("websocket.disconnect")
    await one.done()
    three = Call(app, comes_from(first))
    three.put("websocket.connect")
    await three.until_sent("websocket.accept")
    for call in (two, three):
        call.put("websocket.disconnect")
        await call.done()
    await collab.close()


async def test_one_close_whatever_comes_together() -> None:
    """A malformed frame, a second hello, a revocation and a shutdown, all at once."""
    collab = make()
    app = CollabChatMiddleware(Host(), collab=collab)
    socket = await connect(app)
    socket.put("websocket.receive", text="no json")
    socket.say({"type": "hello"})
    socket.put("websocket.receive", bytes=b"\0")
    await collab.revoke(user_id="ann")
    await until(lambda: socket.closes, "a close")
    await collab.close()
    socket.put("websocket.disconnect", code=4400)
    await socket.done()
    assert len(socket.closes) == 1
    assert socket.closes[0] in (4400, 4403)
    assert socket.kinds[-1] == "websocket.close", "and nothing after it"


async def test_nothing_is_sent_after_a_disconnect() -> None:
    collab = make()
    app = CollabChatMiddleware(Host(), collab=collab)
    socket = await connect(app)
    socket.say({"type": "subscribe", "urlId": "page"})
    await socket.frame("snapshot")
    socket.put("websocket.disconnect", code=1006)
    await socket.done()
    before, connections = len(socket.sent), collab._engine.services.door.connections
    await collab.close()
    assert len(socket.sent) == before
    assert connections == {}


async def test_a_disconnect_before_hello_leaves_nothing() -> None:
    app = CollabChatMiddleware(Host(), collab=make())
    for _ in range(3):
        call = Call(app, scope("websocket", "/collabchat/ws"))
        call.put("websocket.connect")
        call.put("websocket.disconnect", code=1006)
        await call.done()
        assert call.kinds == ["websocket.accept"]
    assert app.collab._engine.services.door.connections == {}
    await app.collab.close()


async def test_no_hello_in_time() -> None:
    app = CollabChatMiddleware(Host(), collab=make(timing=Timing(hello_seconds=0.05)))
    call = Call(app, scope("websocket", "/collabchat/ws"))
    call.put("websocket.connect")
    await until(lambda: call.closes, "a close")
    assert call.closes == [4508]
    call.put("websocket.disconnect", code=4508)
    await call.done()
    await app.collab.close()


async def test_the_app_ends_even_if_the_peer_never_does() -> None:
    """After our close the server may never tell of a disconnect."""
    app = CollabChatMiddleware(Host(), collab=make())
    socket = await connect(app)
    socket.put("websocket.receive", text="no json")
    await socket.done()
    assert socket.closes == [4400]
    await app.collab.close()


async def test_frames_that_are_too_large_and_too_many() -> None:
    collab = make(limits=Limits(frames_per_10_seconds=5))
    app = CollabChatMiddleware(Host(), collab=collab)
    large, many = await connect(app), await connect(app)
    large.put("websocket.receive", text='{"type":"ping","x":"' + "x" * 70_000 + '"}')
    for _ in range(7):
        many.say({"type": "ping"})
    for socket, code in ((large, 4413), (many, 4529)):
        await until(lambda socket=socket: socket.closes, "a close")
        assert socket.closes == [code]
        socket.put("websocket.disconnect", code=code)
        await socket.done()
    await collab.close()


async def test_an_answer_without_content_tells_no_length() -> None:
    """RFC 9110, 8.6: not even 0."""
    collab = make()
    status, headers, body = await get(collab, "/v1/ops", method="OPTIONS")
    assert (status, "content-length" in headers, body) == (204, False, b"")
    await collab.close()


async def test_why_somebody_is_refused_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The host may quote what a stranger has sent; it is logged, and travels in a close frame."""

    def refuses(request: ConnectRequest) -> Identity:
        raise Denied("no user \r\nERROR: \x1b[31mall is lost\u2028")

    caplog.set_level(logging.INFO)
    collab = make(authenticate=refuses)
    call = Call(collab, scope("websocket", "/ws"))
    call.put("websocket.connect")
    call.say({"type": "hello"})
    close = await call.until_sent("websocket.close")
    assert (close["code"], close["reason"]) == (4401, "no user ERROR: [31mall is lost?")
    assert not any(set("\r\n\x1b") & set(record.getMessage()) for record in caplog.records)
    call.put("websocket.disconnect", code=4401)
    await call.done()
    await collab.close()
