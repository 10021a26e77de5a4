"""Bearer tokens that somebody else has signed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from ..core.rules import ROLE_ACTIONS, Role
from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest, Identity
from ..hooks.words import as_user_id
from .refusals import Refusals

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
    the connection, and is at most `max_lifetime_seconds` away: year 9999 is no end at all. Clocks
    may differ: a token is taken for `leeway_seconds` after `exp`, and the connection ends then.
    No key or address is ever taken from a token. `identify` makes an identity of the verified
    claims; by default `sub` (text or a whole number) is the user, `name` and `picture` are shown,
    and `tenants` maps tenant ids to roles. A claim that `identify` asks for by `claims["name"]`
    and that the token does not have is a refusal.

    Who is refused is told no reason; the log is, once a minute and reason.
    """
    try:
        import jwt as pyjwt
    except ImportError as error:
        raise ConfigError("auth.jwt needs PyJWT: pip install 'collabchat-asgi[jwt]'") from error
    if key is None or (isinstance(key, str | bytes) and not key.strip()):
        raise ConfigError("auth.jwt: the key is empty, and anybody could sign with it")
    if (
        not algorithms
        or isinstance(algorithms, str)
        or "none" in [name.lower() for name in algorithms]
    ):
        raise ConfigError("auth.jwt: algorithms must name what the key is for, such as ['RS256']")
    refusals = Refusals("auth.jwt")
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
                # A number for a `sub` is no fault of who signs in.
                options={"require": required, "verify_sub": False},
            )
            if int(claims["exp"]) > time.time() + max_lifetime_seconds:
                refusals.note(f"exp is more than {max_lifetime_seconds:g} s away")
                raise Denied("the token lives too long")
            ends = _end_of(claims, leeway_seconds)
            identity = (identify or identity_of)(Claims(claims))
        except pyjwt.PyJWTError as error:
            refusals.note(_reason(error, algorithms))
            raise Denied("the token is not valid") from error
        except MissingClaim as error:
            refusals.note(f"it has no claim {error.name!r}, which identify asks for")
            raise Denied("the token is not valid here") from error
        if isinstance(identity, Identity) and identity.expires_at is None:
            return replace(identity, expires_at=ends)
        return identity

    return authenticate


class MissingClaim(Exception):
    """`claims[name]` of a claim that a token does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Claims(dict[str, Any]):
    """Verified claims. One that is missing is the token's fault, not the hook's."""

    def __missing__(self, name: str) -> NoReturn:
        raise MissingClaim(name)


def _reason(error: Exception, algorithms: Sequence[str]) -> str:
    match type(error).__name__:
        case "ExpiredSignatureError":
            return "it has expired"
        case "InvalidSignatureError":
            return "it was signed with another key"
        case "InvalidAlgorithmError":
            return f"its algorithm is none of {', '.join(algorithms)}"
        case "MissingRequiredClaimError":
            return f"it has no claim {getattr(error, 'claim', '?')!r}"
        case "DecodeError":
            return "it is no JSON Web Token"
        case name:
            return f"{name}: {str(error)[:100]}"


def _end_of(claims: dict[str, Any], leeway_seconds: float) -> datetime:
    try:
        exp = datetime.fromtimestamp(claims["exp"], UTC)
        return exp if exp > datetime.now(UTC) else exp + timedelta(seconds=leeway_seconds)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Denied("the token names no valid time") from error


def identity_of(claims: dict[str, Any]) -> Identity:
    """The default reading of verified claims. Raises `Denied`."""
    subject, tenants = claims.get("sub"), claims.get("tenants")
    if type(subject) not in (str, int) or not isinstance(tenants, dict):
        raise Denied("the token names no user or no tenants")
    name, picture = claims.get("name"), claims.get("picture")
    try:
        roles: dict[str, Role] = {
            tenant: role for tenant, role in tenants.items() if role in ROLE_ACTIONS
        }
        return Identity(
            as_user_id(subject),
            tenants=roles,
            name=name if isinstance(name, str) else "",
            avatar=picture if isinstance(picture, str) else None,
        )
    except (TypeError, ValueError) as error:
        raise Denied("the token names no valid user or tenants") from error
