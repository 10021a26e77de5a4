"""Flask's and Quart's own session cookie, made by their own test clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import flask
import pytest
import quart
from itsdangerous import TimestampSigner

from collabchat_asgi import Denied, Identity
from collabchat_asgi.auth import flask_session
from collabchat_asgi.errors import ConfigError

from .conftest import AskedWith

MONTH = 31 * 86_400


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, tenants={"default": "commenter"}) if user else None


async def from_flask() -> tuple[Any, str]:
    app = flask.Flask(__name__)
    app.secret_key = "for tests"

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = "ann"
        return "welcome"

    client = app.test_client()
    client.get("/login")
    cookie = client.get_cookie("session")
    assert cookie
    return app, cookie.value


async def from_quart() -> tuple[Any, str]:
    app = quart.Quart(__name__)
    app.secret_key = "for tests"

    @app.get("/login")
    async def login() -> str:
        quart.session["user"] = "ann"
        return "welcome"

    client = app.test_client()
    await client.get("/login")
    assert client.cookie_jar is not None
    [cookie] = client.cookie_jar
    return app, str(cookie.value)


Login = Callable[[], Awaitable[tuple[Any, str]]]
both = pytest.mark.parametrize("login", [from_flask, from_quart])


@both
async def test_who_is_signed_in_is_known(login: Login, asked_with: AskedWith) -> None:
    app, cookie = await login()
    identity = await flask_session(app, identify)(asked_with(cookies={"session": cookie}))
    assert identity.user_id == "ann"


@both
async def test_a_cookie_by_another_name_is_found(login: Login, asked_with: AskedWith) -> None:
    app, cookie = await login()
    app.config["SESSION_COOKIE_NAME"] = "sid"
    identity = await flask_session(app, identify)(asked_with(cookies={"sid": cookie}))
    assert identity.user_id == "ann"


@both
@pytest.mark.parametrize("spoil", ["", "garbage", "..", "é", "tampered", "resigned"])
async def test_a_bad_cookie_is_denied(login: Login, asked_with: AskedWith, spoil: str) -> None:
    app, cookie = await login()
    hook = flask_session(app, identify)
    if spoil == "tampered":
        spoil = "x" + cookie
    elif spoil == "resigned":
        app.secret_key, spoil = "another key", cookie
    with pytest.raises(Denied):
        await hook(asked_with(cookies={"session": spoil}))


@both
async def test_an_expired_cookie_is_denied(
    login: Login, asked_with: AskedWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as a_month_ago:
        then = int(time.time()) - MONTH - 1
        a_month_ago.setattr(TimestampSigner, "get_timestamp", lambda self: then)
        app, cookie = await login()
    with pytest.raises(Denied):
        await flask_session(app, identify)(asked_with(cookies={"session": cookie}))


async def test_nobody_is_denied(asked_with: AskedWith) -> None:
    app, _ = await from_flask()
    empty = app.session_interface.get_signing_serializer(app).dumps({})
    with pytest.raises(Denied):
        await flask_session(app, identify)(asked_with(cookies={"session": empty}))


async def test_an_app_without_a_key_names_the_cure(asked_with: AskedWith) -> None:
    with pytest.raises(ConfigError, match=r"set app\.secret_key"):
        await flask_session(flask.Flask(__name__), identify)(asked_with())
