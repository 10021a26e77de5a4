"""WSGI apps under ASGI: requests do not wait for each other, and WebSockets are refused."""

from __future__ import annotations

import asyncio
import threading

import pytest
from flask import Flask

from collabchat_asgi import wsgi
from collabchat_asgi.testing import HandshakeRefused, TestClient


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
