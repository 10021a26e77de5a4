"""Bearer tokens that somebody else has signed."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.rules import ROLE_ACTIONS, Role
from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest, Identity

logger = logging.getLogger("collabchat_asgi.auth")

MAX_TOKEN_CHARS = 8_192


def jwt(
    key: Any,
    *,
    algorithms: Sequence[str],
    audience: str | None = None,
    issuer: str | None = None,
    leeway_seconds: float = 10.0,
    max_lifetime_seconds: float = 366 * 86_400,
    identify: Callable[[dict[str, Any]], Identity] | None = None,
) -> Callable[[ConnectRequest], Awaitable[Identity]]:
    """An `authenticate` hook that verifies JSON Web Tokens (extra `jwt`).

    `algorithms` is what the key is for, and nothing else is accepted; `exp` is required and ends
    the connection, and is at most `max_lifetime_seconds` away: year 9999 is no end at all. No key
    or address is ever taken from a token. `identify` makes an identity of
    the verified claims; by default `sub` is the user, `name` and `picture` are shown, and
    `tenants` maps tenant ids to roles.
    """
    try:
        import jwt as pyjwt
    except ImportError as error:
        raise ConfigError("auth.jwt needs PyJWT: pip install 'collabchat-asgi[jwt]'") from error
    if not algorithms or "none" in [name.lower() for name in algorithms]:
        raise ConfigError("auth.jwt: algorithms must name what the key is for, such as ['RS256']")
    required = ["exp", *(["aud"] if audience else []), *(["iss"] if issuer else [])]

    async def authenticate(request: ConnectRequest) -> Identity:
        token = request.token
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise Denied("a token is needed")
        try:
            claims = pyjwt.decode(
                token,
                key,
                algorithms=list(algorithms),
                audience=audience,
                issuer=issuer,
                leeway=leeway_seconds,
                options={"require": required},
            )
            if int(claims["exp"]) > time.time() + max_lifetime_seconds:
                raise Denied("the token lives too long")
            return (identify or identity_of)(claims)
        except pyjwt.PyJWTError as error:
            logger.info("a token is refused: %s", type(error).__name__)
            raise Denied("the token is not valid") from error

    return authenticate


def identity_of(claims: dict[str, Any]) -> Identity:
    """The default reading of verified claims. Raises `Denied`."""
    subject, tenants = claims.get("sub"), claims.get("tenants")
    if not isinstance(subject, str) or not isinstance(tenants, dict):
        raise Denied("the token names no user or no tenants")
    name, picture = claims.get("name"), claims.get("picture")
    try:
        roles: dict[str, Role] = {
            tenant: role for tenant, role in tenants.items() if role in ROLE_ACTIONS
        }
        return Identity(
            subject,
            tenants=roles,
            name=name if isinstance(name, str) else "",
            avatar=picture if isinstance(picture, str) else None,
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Denied("the token names no valid user, tenants or time") from error
