"""FastComments' Secure SSO payload, so that who has it keeps it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..core.rules import Role
from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest, Identity


def fastcomments_sso(
    api_secret: str,
    *,
    tenant: str = "default",
    max_age_seconds: float = 2 * 86_400,
    now: Callable[[], float] = time.time,
) -> Callable[[ConnectRequest], Awaitable[Identity]]:
    """An `authenticate` hook that takes the Secure SSO object, as JSON, for the token.

    `{userDataJSONBase64, verificationHash, timestamp}` with `verificationHash` =
    hex(HMAC-SHA256(api_secret, timestamp + userDataJSONBase64)) and `timestamp` in milliseconds,
    not in the future (but for a minute of skew) and at most `max_age_seconds` old. `isAdmin: true`
    makes an admin, `isModerator: true` a moderator; anything but the JSON value `true` makes none.
    """
    if not api_secret:
        raise ConfigError("auth.fastcomments_sso: api_secret is empty")

    async def authenticate(request: ConnectRequest) -> Identity:
        data, signature, stamp = _fields(request.token)
        signed = hmac.new(api_secret.encode(), f"{stamp}{data}".encode(), hashlib.sha256)
        if not hmac.compare_digest(signed.hexdigest().encode(), signature.encode()):
            raise Denied("the signature is not valid")
        age = now() - stamp / 1000
        if not -60 <= age <= max_age_seconds:
            raise Denied("the login has expired")
        return _identity(data, tenant)

    return authenticate


def _fields(token: str | None) -> tuple[str, str, int]:
    try:
        payload = json.loads(token or "")
        data, signature = payload["userDataJSONBase64"], payload["verificationHash"]
        stamp = payload["timestamp"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Denied("an SSO token is needed") from error
    if isinstance(stamp, str) and stamp.isascii() and stamp.isdigit() and len(stamp) <= 16:
        stamp = int(stamp)
    if not (isinstance(data, str) and isinstance(signature, str) and type(stamp) is int):
        raise Denied("an SSO token is needed")
    if not (data.isascii() and signature.isascii()):
        raise Denied("an SSO token is needed")
    return data, signature, stamp


def _identity(data: str, tenant: str) -> Identity:
    try:
        user: dict[str, Any] = json.loads(base64.b64decode(data, validate=True))
        user_id = user.get("id") or user["email"]
        role: Role = (
            "admin"
            if user.get("isAdmin") is True
            else "moderator"
            if user.get("isModerator") is True
            else "commenter"
        )
        name = user.get("displayName") or user.get("username") or ""
        avatar = user.get("avatar")
        return Identity(
            str(user_id),
            tenants={tenant: role},
            name=str(name),
            avatar=avatar if isinstance(avatar, str) else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Denied("the SSO user is not valid") from error
