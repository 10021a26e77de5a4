"""What processes tell each other, signed: an unsigned or strange hint only means "read the log".

The key is the storage's, so whoever can publish on the broker but not read the database can forge
nothing (research: H9).
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from ..core.model import Event, PageKey

SIGNATURE_BYTES = 16
CONTROL_TOPIC = "collabchat.control"


class _Hint(msgspec.Struct, frozen=True, array_like=True):
    run: str
    """The process that tells it."""


class Happened(_Hint, frozen=True, array_like=True, tag="e"):
    """Events of the topic's page. Empty: something happened, read the log."""

    epoch: str
    events: tuple[Event, ...]


class PeopleChanged(_Hint, frozen=True, array_like=True, tag="d"):
    version: int
    connections: int
    joined: list[int]
    left: list[int]


class PeopleAll(_Hint, frozen=True, array_like=True, tag="f"):
    """One of `parts` parts of everyone whom a process has on this page."""

    version: int
    connections: int
    part: int
    parts: int
    people: list[int]


class WhoIsHere(_Hint, frozen=True, array_like=True, tag="q"):
    """Asks the process `of` (empty: every process) for `PeopleAll` of the topic's page."""

    of: str


class IsTyping(_Hint, frozen=True, array_like=True, tag="t"):
    user_id: str
    chat_id: str
    user: str
    """The user as JSON, as it goes into the frame."""


class Heartbeat(_Hint, frozen=True, array_like=True, tag="h"):
    """On the control topic. `answer`: whoever hears it shall beat as well. `changed` holds topics
    whose people changed lately, with the version."""

    answer: bool
    changed: list[tuple[str, int]]


class ControlMoved(_Hint, frozen=True, array_like=True, tag="c"):
    """On the control topic: the control page has a new event."""


Hint = Happened | PeopleChanged | PeopleAll | WhoIsHere | IsTyping | Heartbeat | ControlMoved

_decoder = msgspec.msgpack.Decoder(Hint)
_encode = msgspec.msgpack.Encoder().encode


def topic_of(key: PageKey) -> str:
    """ASCII, 43 bytes, and nothing that a user has written."""
    digest = hashlib.blake2b(f"{key.tenant_id}\0{key.url_id}".encode(), digest_size=16)
    return "collabchat." + digest.hexdigest()


class HintCodec:
    """Signs with the storage's key, and reads what others have signed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, topic: str, hint: Hint) -> bytes:
        body = _encode(hint)
        return self._sign(topic, body) + body

    def decode(self, topic: str, payload: bytes) -> Hint | None:
        """None where the signature or the shape is not ours."""
        signature, body = payload[:SIGNATURE_BYTES], payload[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(topic, body)):
            return None
        try:
            hint: Hint = _decoder.decode(body)
            return hint
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None

    def _sign(self, topic: str, body: bytes) -> bytes:
        signer = hashlib.blake2b(
            topic.encode() + b"\0" + body, digest_size=SIGNATURE_BYTES, key=self._key
        )
        return signer.digest()
