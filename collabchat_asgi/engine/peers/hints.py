"""What processes tell each other, sealed with a key that only the storage gives.

The broker carries it and reads nothing. What it sees, and whoever listens on it:

- the topic: a hash of tenant and page (whoever can guess both can recognise the page), the one
  that all processes share, or the one that is a process's own;
- who speaks: the process, under a name drawn by chance at its start, and the number of this hint;
- how long the rest is, and when it came.

Everything else (kinds, positions, texts, names, people) is AES-256-GCM. Each process seals with a
key of its own, derived from the storage's and its name, and its running number is the nonce: none
comes twice. Header and topic are bound to it: a hint means nothing on another page.

Whoever can publish on the broker but not read the database can forge nothing: a strange hint only
means "read the log". What was said once and comes again is told by `core.peers`.

The storage's key can be changed (`Storage.rotate_key`). The old one opens hints for
`OLD_KEY_SECONDS` more; a process that hears what it cannot open looks whether the key is another.
A process of a release that sealed in another way counts as a stranger: its pages reach ours
through the log, its people are not counted here.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...core.measures import Row
from ...core.model import Event, PageKey, User
from ..clock import Clock

CONTROL_TOPIC = "collabchat.control"

INBOX = "collabchat.to."
"""With the name of a process behind it: the topic of what is meant for that one alone."""

FORMAT = b"\x02"
"""The first byte: how the rest is sealed."""

RUN_BYTES = 16
NUMBER_BYTES = 8
HEADER_BYTES = len(FORMAT) + RUN_BYTES + NUMBER_BYTES
TIME_BYTES = 8

OLD_KEY_SECONDS = 60.0

KNOWN_SPEAKERS = 1_000
"""Processes whose derived keys are kept."""


class PeopleChanged(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    version: int
    connections: int
    joined: list[int]
    left: list[int]
    names: list[User] = []
    """Of those who joined or are called otherwise, where pages tell who is here."""


class PeopleAll(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """To the process that asked, or on the page's topic to all: one of `parts` parts of everyone
    whom a process has on the page."""

    version: int
    connections: int
    part: int
    parts: int
    people: list[int]
    names: list[User] = []
    topic: str = ""
    """Of the page. Empty: the one that this comes on."""


class PeopleAt(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """On a page's topic, for who has lost a change, or to a process that is new: how many changes
    this process has told so far of each of these topics. The empty one: what this comes on."""

    rows: list[tuple[str, int]]


class WhoIsHere(msgspec.Struct, frozen=True, array_like=True, tag="q"):
    """Asks for `PeopleAll` of a page: every process on its topic, or one alone."""

    topic: str = ""
    """Of the page. Empty: the one that this comes on."""


class Happened(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """Events of the topic's page. Empty: something happened, read the log."""

    epoch: str
    events: tuple[Event, ...]
    traces: tuple[str, ...] = ()
    """Where somebody traces: what the first of them were part of, as `traceparent`."""
    after: str = ""
    """The broadcast id of the event that the first of them follows, or "" where it is not known."""


class IsTyping(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    user_id: str
    chat_id: str
    user: str
    """The user as JSON, as it goes into the frame."""


class HaveRead(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """Users and the numbers of the topic's page up to which they have read."""

    rows: list[tuple[str, int]]
    epoch: str = ""
    """Of these numbers; older releases do not say it."""


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    """To all on the control topic, or to one process."""

    ask: bool = False
    """Whoever hears it shall echo the running time of this hint, so that their age is known
    here."""
    echo_ms: int | None = None
    """To one: its running time when it asked."""
    expiry_seconds: float = 0.0
    """To all: so long after its last word the people of this process are not counted any more."""


Spending = tuple[int, int, int, int, int, int]
"""Of one user, address or tenant: kind, hash, operations, comments and reads since the last time,
and the connections that are open."""


class Spent(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """On the control topic: what was taken from allowances that all processes share."""

    rows: list[Spending]


class ControlMoved(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """On the control topic: the control page has a new event."""


class CountsWanted(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """On the control topic: asks every process for its `ProcessCounts`."""

    id: int
    busiest: bool
    """With its busiest pages and tenants."""


class ProcessCounts(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    """On the control topic: one of `parts` parts of what a process has counted."""

    id: int
    """Of the question."""
    part: int
    parts: int
    rows: list[Row]


Hint = (
    Happened
    | PeopleChanged
    | PeopleAll
    | PeopleAt
    | WhoIsHere
    | IsTyping
    | HaveRead
    | Heartbeat
    | Spent
    | ControlMoved
    | CountsWanted
    | ProcessCounts
)


@dataclass(frozen=True, slots=True)
class Received:
    """A hint of another process, as it was sealed."""

    run: str
    number: int
    said_ms: int
    """How long that process had run when it said this, in milliseconds of its own clock."""
    hint: Hint


_decoder = msgspec.msgpack.Decoder(Hint)
_encode = msgspec.msgpack.Encoder().encode


def inbox_of(run: str) -> str:
    """The topic of what is meant for this process alone: ASCII, 46 bytes."""
    return INBOX + run


def topic_of(key: PageKey) -> str:
    """ASCII, 43 bytes, and nothing that a user has written."""
    digest = hashlib.blake2b(f"{key.tenant_id}\0{key.url_id}".encode(), digest_size=16)
    return "collabchat." + digest.hexdigest()


class HintCodec:
    """Seals what the process `run` (32 hexadecimal digits) says, and opens what others have
    sealed with the same storage's key."""

    def __init__(self, key: bytes, run: str, clock: Clock) -> None:
        self._run = bytes.fromhex(run)
        self._clock = clock
        self._began = clock.monotonic()
        self._number = 0
        self._key = _Key(key)
        self._old: _Key | None = None
        self._old_until = 0.0

    @property
    def now_ms(self) -> int:
        """How long this process has run."""
        return int((self._clock.monotonic() - self._began) * 1000)

    def use(self, key: bytes) -> bool:
        """Seal with this key from now on. Whether it is another than before."""
        if key == self._key.key:
            return False
        self._old, self._key = self._key, _Key(key)
        self._old_until = self._clock.monotonic() + OLD_KEY_SECONDS
        return True

    def seal(self, topic: str, hint: Hint) -> bytes:
        self._number += 1
        number = self._number.to_bytes(NUMBER_BYTES)
        header = FORMAT + self._run + number
        body = self.now_ms.to_bytes(TIME_BYTES) + _encode(hint)
        cipher = self._key.of(self._run)
        return header + cipher.encrypt(_nonce(number), body, header + topic.encode())

    def is_own(self, payload: bytes) -> bool:
        """Whether it says that it is of this process: such a one need not be opened."""
        return payload[1 : 1 + RUN_BYTES] == self._run and payload[:1] == FORMAT

    def open(self, topic: str, payload: bytes) -> Received | None:
        """None where it was not sealed with the storage's key for this topic, or is no hint."""
        if payload[:1] != FORMAT or len(payload) < HEADER_BYTES:
            return None
        header, sealed = payload[:HEADER_BYTES], payload[HEADER_BYTES:]
        run, number = header[1 : 1 + RUN_BYTES], header[-NUMBER_BYTES:]
        bound = header + topic.encode()
        body = self._key.opened(run, number, sealed, bound)
        if body is None and self._old is not None:
            if self._clock.monotonic() < self._old_until:
                body = self._old.opened(run, number, sealed, bound)
            else:
                self._old = None
        if body is None:
            return None
        try:
            hint: Hint = _decoder.decode(body[TIME_BYTES:])
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        said_ms = int.from_bytes(body[:TIME_BYTES])
        return Received(run.hex(), int.from_bytes(number), said_ms, hint)


class _Key:
    """One key of the storage, and what was derived from it."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._ciphers: OrderedDict[bytes, AESGCM] = OrderedDict()

    def of(self, run: bytes) -> AESGCM:
        cipher = self._ciphers.get(run)
        if cipher is None:
            cipher = self._ciphers[run] = self._derived(run)
            if len(self._ciphers) > KNOWN_SPEAKERS:
                self._ciphers.popitem(last=False)
        return cipher

    def opened(self, run: bytes, number: bytes, sealed: bytes, bound: bytes) -> bytes | None:
        # Only who had the key is remembered: names that were made up must not push out the others.
        cipher = self._ciphers.get(run) or self._derived(run)
        try:
            body = cipher.decrypt(_nonce(number), sealed, bound)
        except InvalidTag:
            return None
        if run not in self._ciphers:
            self.of(run)
        return body

    def _derived(self, run: bytes) -> AESGCM:
        person = b"collabchat hints"
        return AESGCM(hashlib.blake2b(run, digest_size=32, key=self.key, person=person).digest())


def _nonce(number: bytes) -> bytes:
    return number.rjust(12, b"\0")
