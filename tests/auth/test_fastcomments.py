"""FastComments' Secure SSO, with the vector that their own helper gives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from collabchat_asgi import ConfigError, Denied
from collabchat_asgi.auth import fastcomments_sso

from .conftest import AskedWith

STAMP = 1_700_000_000_000
DATA = "eyJpZCI6InUxIiwiZW1haWwiOiJhQGIuY28iLCJ1c2VybmFtZSI6IkEifQ=="
HASH = "054b4619b10f9a733c7924b6e81d41b88d0c0f93688237bea1c2d5f5eb17bf40"
DAY_MS = 86_400_000
Json = dict[str, Any]

hook = fastcomments_sso("SECRET", tenant="acme", now=lambda: STAMP / 1_000)


def payload(**changed: Any) -> str:
    every = {"userDataJSONBase64": DATA, "verificationHash": HASH, "timestamp": STAMP, **changed}
    return json.dumps(every)


def signed(user: Any, stamp: int = STAMP) -> str:
    data = base64.b64encode(json.dumps(user).encode()).decode()
    digest = hmac.new(b"SECRET", f"{stamp}{data}".encode(), hashlib.sha256).hexdigest()
    return payload(userDataJSONBase64=data, verificationHash=digest, timestamp=stamp)


@pytest.mark.parametrize("stamp", [STAMP, str(STAMP)])
async def test_their_vector(stamp: int | str, asked_with: AskedWith) -> None:
    identity = await hook(asked_with(token=payload(timestamp=stamp)))
    assert (identity.user_id, identity.name) == ("u1", "A")
    assert identity.tenants == {"acme": "commenter"}


@pytest.mark.parametrize(
    ("flags", "role"),
    [
        ({"isAdmin": True}, "admin"),
        ({"isModerator": True}, "moderator"),
        ({"isAdmin": "false"}, "commenter"),
        ({"isAdmin": "true"}, "commenter"),
        ({"isAdmin": 1, "isModerator": "no"}, "commenter"),
        ({"isAdmin": "false", "isModerator": True}, "moderator"),
    ],
)
async def test_roles(flags: Json, role: str, asked_with: AskedWith) -> None:
    identity = await hook(asked_with(token=signed({"id": "u1", "avatar": "a.png"} | flags)))
    assert identity.tenants == {"acme": role}
    assert identity.avatar == "a.png"


@pytest.mark.parametrize("days", [0, 1.99])
async def test_within_two_days(days: float, asked_with: AskedWith) -> None:
    await hook(asked_with(token=signed({"id": "u1"}, STAMP - int(days * DAY_MS))))


BAD = {
    "nothing": None,
    "no JSON": "{",
    "no object": "[]",
    "deep": "[" * 20_000,
    "no fields": "{}",
    "unsigned": payload(verificationHash=""),
    "signed by another": payload(verificationHash="0" * 64),
    "a hash that is not ASCII": payload(verificationHash="é" * 32),
    "a hash that is no text": payload(verificationHash=[HASH]),
    "a lone surrogate": payload(verificationHash="\ud800"),
    "data with a lone surrogate": payload(userDataJSONBase64="\ud800"),
    "other data": payload(userDataJSONBase64=DATA.replace("y", "z")),
    "another time": payload(timestamp=STAMP + 1),
    "a time that is true": payload(timestamp=True),
    "a time that is a fraction": payload(timestamp=float(STAMP)),
    "future": signed({"id": "u1"}, STAMP + DAY_MS),
    "too old": signed({"id": "u1"}, STAMP - 2 * DAY_MS - 1_000),
    "no user": signed({}),
    "a user that is a list": signed([]),
    "an empty id": signed({"id": ""}),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
async def test_anything_else_is_denied(token: str | None, asked_with: AskedWith) -> None:
    with pytest.raises(Denied):
        await hook(asked_with(token=token))


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ConfigError):
        fastcomments_sso("")
