"""WSGI apps under ASGI: side by side, streamed, closed; nothing of one request is in the next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request

from collabchat_asgi import wsgi
from collabchat_asgi.testing import HandshakeRefused, TestClient
from tests.asgi.driver import Call, get, scope, until


def serving(*parts: bytes, headers: list[tuple[str, str]] | None = None) -> Any:
    """A WSGI app that answers so."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers or [])
        return iter(parts)

    return wsgi.adapt(app)


class Parts:
    """An iterable that knows whether it was closed."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self.closed.set()


def of(parts: Parts) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return parts

    return wsgi.adapt(app)


def call(app: Any, *body: bytes, **more: Any) -> Call:
    made = Call(app, scope("http", "/", **more))
    for part in body:
        made.put("http.request", body=part, more_body=True)
    made.put("http.request", body=b"", more_body=False)
    return made


def body_of(made: Call) -> bytes:
    return b"".join(message.get("body", b"") for message in made.sent)


async def test_requests_run_side_by_side() -> None:
    app = Flask(__name__)
    meeting = threading.Barrier(4)

    @app.get("/meet")
    def meet() -> str:
        return str(meeting.wait(5))

    client = TestClient(wsgi.adapt(app))
    answers = await asyncio.gather(*(client.host.get("meet") for _ in range(4)))
    assert sorted(answer.body for answer in answers) == [b"0", b"1", b"2", b"3"]


async def test_a_websocket_is_refused() -> None:
    with pytest.raises(HandshakeRefused) as refused:
        await TestClient(wsgi.adapt(Flask(__name__))).open()
    assert refused.value.status == 403


async def test_a_request_that_begins_inside_the_last_send_is_like_any_other() -> None:
    """uvicorn starts what is waiting on the connection from within the `send` of the answer before,
    and the new task inherits whatever is in the context there."""
    app = Flask(__name__)

    @app.get("/")
    def home() -> dict[str, str]:
        return {"host": "still here"}

    adapted = wsgi.adapt(app)
    answers: list[Any] = []
    tasks: list[asyncio.Task[None]] = []
    finished = asyncio.Event()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            if len(tasks) < 50:
                begin()
            else:
                finished.set()

    def begin() -> None:
        tasks.append(asyncio.ensure_future(adapted(scope("http", "/"), receive, send)))

    begin()
    async with asyncio.timeout(30):
        await finished.wait()
        await asyncio.gather(*tasks)
    statuses = [message["status"] for message in answers if "status" in message]
    assert statuses == [200] * 50


async def test_everything_is_sent_by_the_task_of_the_request() -> None:
    senders: set[Any] = set()

    async def run() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            senders.add(asyncio.current_task())

        await serving(b"one", b"two")(scope("http", "/"), receive, send)

    task = asyncio.ensure_future(run())
    await task
    assert senders == {task}


async def test_a_response_is_passed_on_as_it_is_made() -> None:
    seen = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"first"
        assert seen.wait(10)
        yield b"second"

    made = call(of(Parts(parts())))
    await until(lambda: body_of(made) == b"first", "the first part")
    seen.set()
    await made.done()
    assert body_of(made) == b"firstsecond"
    assert made.sent[-1]["more_body"] is False


async def test_the_last_byte_is_the_last_message_where_the_length_is_known() -> None:
    """A client that has all it was told to expect may ask again at once."""
    made = call(serving(b"abc", b"de", b"beyond", headers=[("Content-Length", "5")]))
    await made.done()
    assert [(message.get("body"), message.get("more_body")) for message in made.sent[1:]] == [
        (b"abc", True),
        (b"de", False),
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_iterable_is_closed_at_its_end(method: str) -> None:
    parts = Parts(iter([b"", b"all"]))
    made = call(of(parts), method=method)
    await made.done()
    assert parts.closed.is_set()
    assert body_of(made) == (b"all" if method == "GET" else b"")


async def test_a_client_that_leaves_ends_the_stream() -> None:
    go_on = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            yield b"tick"
            go_on.wait(10)

    parts = Parts(endless())
    made = call(of(parts))
    await made.until_sent("http.response.body")
    made.put("http.disconnect")
    await until(lambda: made.received == 2, "the disconnect")
    await asyncio.sleep(0)
    told = len(made.sent)
    go_on.set()
    await made.done()
    assert parts.closed.is_set()
    assert len(made.sent) == told


async def test_a_server_that_stops_is_not_held_up_by_a_stream() -> None:
    go_on = threading.Event()

    def waits() -> Iterator[bytes]:
        yield b"tick"
        go_on.wait(10)
        yield b"tock"

    parts = Parts(waits())
    made = call(of(parts))
    await made.until_sent("http.response.body")
    made.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made.done()
    go_on.set()
    assert await asyncio.to_thread(parts.closed.wait, 10)
    assert body_of(made) == b"tick"


async def test_a_client_that_leaves_during_its_upload_is_no_request() -> None:
    asked: list[Any] = []
    made = Call(wsgi.adapt(lambda environ, start: asked.append(environ)), scope("http", "/"))
    made.put("http.request", body=b"half", more_body=True)
    made.put("http.disconnect")
    await made.done()
    assert (asked, made.sent) == ([], [])


async def test_an_exception_is_the_servers_to_answer() -> None:
    def fails(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise LookupError("no such thing")

    made = call(wsgi.adapt(fails))
    with pytest.raises(LookupError, match="no such thing"):
        await made.done()
    assert made.sent == []

    def breaks() -> Iterator[bytes]:
        yield b"begun"
        raise LookupError("in the middle")

    parts = Parts(breaks())
    made = call(of(parts))
    with pytest.raises(LookupError, match="in the middle"):
        await made.done()
    assert parts.closed.is_set()
    assert made.sent[-1]["more_body"] is True, "nobody may take it for the whole"


async def test_large_uploads_and_those_in_chunks_are_read_whole() -> None:
    app = Flask(__name__)

    @app.post("/")
    def echo() -> Response:
        return Response(request.get_data())

    parts = [bytes([n]) * 1_000_000 for n in range(12)]
    made = call(wsgi.adapt(app), *parts, method="POST")  # without a Content-Length
    await made.done()
    assert body_of(made) == b"".join(parts)


async def test_async_views_run() -> None:
    app = Flask(__name__)

    @app.get("/")
    async def home() -> str:
        await asyncio.sleep(0)
        return str(threading.current_thread() is threading.main_thread())

    status, _, body = await get(wsgi.adapt(app), "/")
    assert (status, body) == (200, b"True"), "in the server's own loop"


async def test_what_the_app_sees_of_a_request() -> None:
    seen: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("204 No Content", [("X-Odd", "caf\xe9")])
        return []

    headers = [
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-forwarded-for", b"1.1.1.1"),
        (b"x-forwarded-for", b"2.2.2.2"),
        (b"x_forwarded_for", b"6.6.6.6"),
        (b"content-type", b"text/plain"),
    ]
    status, told, _ = await get(
        wsgi.adapt(app),
        "/app/caf\u00e9",
        root_path="/app",
        headers=headers,
        query_string=b"q=\xff",
        client=None,
    )
    assert (status, told["x-odd"]) == (204, "caf\xe9")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/app", "/caf\xc3\xa9")
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_X_FORWARDED_FOR"] == "1.1.1.1,2.2.2.2"
    assert (seen["CONTENT_TYPE"], seen["QUERY_STRING"]) == ("text/plain", "q=\xff")
    assert "REMOTE_ADDR" not in seen
    assert "CONTENT_LENGTH" not in seen
