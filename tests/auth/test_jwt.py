"""Tokens as attackers write them: each is Denied, and nobody is asked about any."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from collabchat_asgi import CollabChat, ConfigError, Denied, Identity
from collabchat_asgi.auth import jwt
from collabchat_asgi.auth.refusals import Refusals
from collabchat_asgi.testing import FakeClock, NotReceived, TestClient

from .conftest import AskedWith

PRIVATE = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SECRET = "a secret of at least thirty-two bytes"
HOUR = 3_600
Json = dict[str, Any]


def claims(**changed: Any) -> Json:
    every = {"sub": "ann", "tenants": {"acme": "commenter"}, "exp": time.time() + HOUR, **changed}
    return {name: value for name, value in every.items() if value is not None}


def signed(
    headers: Json | None = None, key: Any = PRIVATE, alg: str = "RS256", **changed: Any
) -> str:
    return pyjwt.encode(claims(**changed), key, algorithm=alg, headers=headers)


def confused() -> str:
    """Signed with the public key as if it were a shared secret."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims())
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    signature = hmac.new(PUBLIC, b".".join(coded), hashlib.sha256).digest()
    return b".".join([*coded, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def attacks() -> dict[str, str | None]:
    stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    evil = "https://evil.example/keys.json"
    return {
        "none at all": None,
        "garbage": "garbage",
        "dots": "..",
        "not ASCII": "ä.ö.ü",
        "too long": signed(note="x" * 10_000),
        "alg none": pyjwt.encode(claims(), "", algorithm="none"),
        "HS with the public key": confused(),
        "HS with a secret": signed(key=SECRET, alg="HS256"),
        "another algorithm of the key": signed(alg="RS512"),
        "a stranger's key": signed(key=stranger),
        "no exp": signed(exp=None),
        "exp in the past": signed(exp=time.time() - HOUR),
        "exp in the year 9999": signed(exp=253_402_300_799),
        "exp beyond any calendar": signed(exp=10**18),
        "exp is text": signed(exp="soon"),
        "exp is a number in text": signed(exp=str(int(time.time()) + HOUR)),
        "nbf in the future": signed(nbf=time.time() + HOUR),
        "kid is a path": signed({"kid": "../../x"}, key=stranger),
        "kid is SQL": signed({"kid": "' or 1=1 --"}, key=stranger),
        "jku in the header": signed({"jku": evil}, key=stranger),
        "x5u in the header": signed({"x5u": evil}, key=stranger),
        "a key in the header": signed({"jwk": {"kty": "RSA"}}, key=stranger),
        "keys in the claims": signed(key=stranger, iss=evil, jwks_uri=evil),
        "no sub": signed(sub=None),
        "sub is empty": signed(sub=""),
        "sub with NUL": signed(sub="ann\0"),
        "no tenants": signed(tenants=None),
        "a tenant that is none": signed(tenants={"a/b": "reader"}),
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everybody that this process wants to talk to."""
    called: list[Any] = []
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, lambda *address, **_: called.append(address))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    return called


@pytest.mark.parametrize("token", attacks().values(), ids=attacks())
async def test_attacks(token: str | None, asked_with: AskedWith, asked: list[Any]) -> None:
    with pytest.raises(Denied):
        await jwt(PUBLIC, algorithms=["RS256"])(asked_with(token=token))
    assert not asked


async def test_an_honest_token(asked_with: AskedWith) -> None:
    hook = jwt(PUBLIC, algorithms=["RS256"])
    token = signed(name="Ann", picture="https://a.example/ann.png")
    identity = await hook(asked_with(token=token))
    assert (identity.user_id, identity.name) == ("ann", "Ann")
    assert identity.tenants == {"acme": "commenter"}
    assert identity.avatar == "https://a.example/ann.png"
    assert identity.expires_at is not None
    assert abs(identity.expires_at.timestamp() - time.time() - HOUR) < 60


@pytest.mark.parametrize(
    "identify", [None, lambda claims: Identity(claims["sub"], tenants={"acme": "reader"})]
)
async def test_a_token_ends_the_connection_when_no_clock_takes_it_any_more(identify: Any) -> None:
    hook = jwt(PUBLIC, algorithms=["RS256"], leeway_seconds=60, identify=identify)
    app = CollabChat(authenticate=hook, storage="memory://")
    async with TestClient(app, token=signed(exp=time.time() - 5)) as client:
        socket = await client.connect()
        assert socket.welcome["expiresInMs"] == pytest.approx(55_000, abs=5_000)
        in_time = await client.connect(token=signed())
        assert 0 < in_time.welcome["expiresInMs"] <= HOUR * 1_000, "when a client needs another"
        with pytest.raises(NotReceived, match="4401"):
            await client.connect(token=signed(exp=time.time() - 61))


async def test_an_unknown_role_is_none(asked_with: AskedWith) -> None:
    token = signed(tenants={"acme": "emperor", "beta": "reader"})
    identity = await jwt(PUBLIC, algorithms=["RS256"])(asked_with(token=token))
    assert identity.tenants == {"beta": "reader"}


@pytest.mark.parametrize(
    "changed", [{}, {"aud": "others"}, {"iss": "others"}, {"aud": "us"}, {"iss": "them"}]
)
async def test_audience_and_issuer_are_needed_where_named(
    changed: Json, asked_with: AskedWith
) -> None:
    hook = jwt(PUBLIC, algorithms=["RS256"], audience="us", issuer="them")
    await hook(asked_with(token=signed(aud="us", iss="them")))
    with pytest.raises(Denied):
        await hook(asked_with(token=signed(**changed)))


@pytest.mark.parametrize("algorithms", [[], ["none"], ["RS256", "None"], "RS256"])
def test_a_hook_without_algorithms_is_refused(algorithms: Any) -> None:
    with pytest.raises(ConfigError, match="algorithms"):
        jwt(PUBLIC, algorithms=algorithms)


async def test_a_role_that_is_no_text_is_refused(asked_with: AskedWith) -> None:
    token = signed(tenants={"acme": ["admin"]})
    with pytest.raises(Denied):
        await jwt(PUBLIC, algorithms=["RS256"])(asked_with(token=token))


async def test_a_number_for_a_sub_is_a_user(asked_with: AskedWith) -> None:
    identity = await jwt(PUBLIC, algorithms=["RS256"])(asked_with(token=signed(sub=7)))
    assert identity.user_id == "7"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(exp=time.time() - HOUR), "it has expired"),
        (signed(exp=None), "it has no claim 'exp'"),
        (signed(key=SECRET, alg="HS256"), "its algorithm is none of RS256"),
        (confused(), "its algorithm is none of RS256"),
        (signed()[:-8] + "AAAAAAAA", "it was signed with another key"),
        ("garbage", "it is no JSON Web Token"),
        (signed(exp=time.time() + 400 * 24 * HOUR), "exp is more than"),
        (signed(), "it has no claim 'org', which identify asks for"),
    ],
)
async def test_the_log_says_why_once_a_minute(
    token: str, reason: str, asked_with: AskedWith, caplog: pytest.LogCaptureFixture
) -> None:
    hook = jwt(PUBLIC, algorithms=["RS256"], identify=lambda claims: claims["org"])
    for _ in range(20):
        with pytest.raises(Denied) as denied:
            await hook(asked_with(token=token))
        assert reason not in denied.value.message
    [line] = [r.getMessage() for r in caplog.records if r.name == "collabchat_asgi.auth"]
    assert line.startswith(f"auth.jwt: a token is refused: {reason}")


def test_what_was_not_said_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    refusals = Refusals("auth.jwt", clock.monotonic)
    for _ in range(5):
        refusals.note("it has expired")
    clock.advance(60)
    refusals.note("it has expired")
    assert len(caplog.records) == 2
    assert "(4 more since the last such line)" in caplog.text


@pytest.mark.parametrize("key", ["", b"", " \n", None])
def test_an_empty_key_is_none(key: Any) -> None:
    """As of a variable that is not set: whoever knows that signs what they like."""
    with pytest.raises(ConfigError, match="the key is empty"):
        jwt(key, algorithms=["HS256"])
