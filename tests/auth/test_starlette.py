"""Starlette's own session, with its own cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity
from collabchat_asgi.auth import starlette_session
from collabchat_asgi.testing import TestClient


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, tenants={"default": "commenter"}) if user else None


async def login(request: Request) -> Response:
    request.session["user"] = "ann"
    return PlainTextResponse("welcome")


def an_app(*, session_first: bool) -> Starlette:
    collab = CollabChat(authenticate=starlette_session(identify), storage="memory://")
    middleware = [
        Middleware(SessionMiddleware, secret_key="for tests"),
        Middleware(CollabChatMiddleware, collab=collab),
    ]
    routes = [Route("/login", login)]
    return Starlette(routes=routes, middleware=middleware[:: 1 if session_first else -1])


async def test_who_is_signed_in_is_known() -> None:
    async with TestClient(an_app(session_first=True)) as client:
        await client.host.get("login")
        ann = await client.connect()
        assert ann.welcome["user"]["id"] == "ann"


@pytest.mark.parametrize("cookies", [{}, {"session": "garbage"}])
async def test_nobody_and_a_forged_cookie_are_denied(cookies: dict[str, str]) -> None:
    async with TestClient(an_app(session_first=True), cookies=cookies) as client:
        answer = await client.http.get("v1/chats", urlId="page")
        assert answer.status == 401


async def test_a_tampered_cookie_is_denied() -> None:
    async with TestClient(an_app(session_first=True)) as client:
        await client.host.get("login")
        client.cookies["session"] = "x" + client.cookies["session"]
        assert (await client.http.get("v1/chats", urlId="page")).status == 401


async def test_a_missing_session_names_the_cure(caplog: pytest.LogCaptureFixture) -> None:
    async with TestClient(an_app(session_first=False)) as client:
        await client.host.get("login")
        answer = await client.http.get("v1/chats", urlId="page")
    assert answer.status == 503
    assert "add CollabChatMiddleware before SessionMiddleware" in caplog.text
    assert "SessionMiddleware" not in answer.body.decode()
