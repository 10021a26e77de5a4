"""An operation between the socket and the log, its place among its connection's, and its answer."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Protocol

import msgspec

from ...core import rules
from ...core.frames import encode_ack
from ...core.model import Operation, Position, User
from ...core.usage import Tally
from ...errors import Refused
from ...hooks import Identity
from ..measuring.traces import Span


class Lane:
    """The operations of one connection on one page: what was sent behind a failed one may not
    overtake it (PROTOCOL section 4). `order` is the place of an operation among them."""

    __slots__ = ("_count", "_halted", "_order", "_refusal", "asking", "newest", "waiting")

    def __init__(self) -> None:
        self.asking: set[int] = set()
        """Places of those whose permission is being asked for again."""
        self.newest = 0
        """The last place that has been queued."""
        self.waiting = 0
        """Operations that have no answer yet."""
        self._count = 0
        self._halted: str | None = None
        self._order = 0
        self._refusal: Refused | None = None

    @property
    def active(self) -> bool:
        return self._halted is not None or bool(self.asking) or self.waiting > 0

    def next(self) -> int:
        """The place of an operation that has just come."""
        self._count += 1
        return self._count

    def halt(self, broadcast_id: str, order: int, refusal: Refused) -> None:
        """This operation was answered with `retry: true`: it must come again before any other."""
        if refusal.retry and (self._halted is None or order < self._order):
            self._halted, self._order, self._refusal = broadcast_id, order, refusal

    def held_back(self, broadcast_id: str, order: int) -> Refused | None:
        """How to refuse what would overtake the operation that has to come again."""
        if self._halted == broadcast_id:
            self._halted = self._refusal = None
        return self._refusal if order > self._order else None

    def waits(self, order: int) -> bool:
        """Whether permission is being asked again for something that was sent before this."""
        return bool(self.asking) and any(earlier < order for earlier in self.asking)


class Receipt(msgspec.Struct, frozen=True):
    """What was committed, as every retry is told it again."""

    position: Position
    ts: int
    chat_id: str | None
    comment_id: str | None
    again: bool = False

    def as_ack(self, broadcast_id: str, url_id: str) -> str:
        """The `ack` frame."""
        return encode_ack(
            broadcast_id, url_id, self.position, self.ts, self.chat_id, self.comment_id
        )


Answer = Receipt | Refused | Literal["ask again"]


class Asker(Protocol):
    """Who waits for the answer."""

    def answered(self, submission: Submission, answer: Answer) -> None: ...


class _Nobody:
    def answered(self, submission: Submission, answer: Answer) -> None:
        """It is told to nobody."""


NOBODY: Asker = _Nobody()


class Waiting:
    """Somebody who awaits the answer in `future`."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answered(self, submission: Submission, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)


class Submission(msgspec.Struct, eq=False):
    """One operation from its arrival to its answer: it gains what each room on its way adds."""

    user: User
    tenant_id: str
    sent: Operation
    """As it came."""
    size: int = 0
    """Bytes as received."""
    identity: Identity | None = None
    """Who is asked about; None: the process itself, which asks nobody."""
    asker: Asker = NOBODY
    lane: Lane | None = None
    order: int = 0
    """Its place in the lane, also when permission has been asked for again."""
    trusted: bool = False
    """The host's own: rules hold, `authorize` is not asked and nothing is rationed."""
    connection_id: str = ""
    address: str | None = None
    """Of the client, where that means a person."""
    serial: int = 0
    """Of the revocations when it came."""
    span: Span | None = None
    """Where somebody traces."""

    operation: Any = None
    """`sent` with all ids filled in; then what `before_commit` has made of it."""
    broadcast_id: str = ""
    chat_id: str = ""
    comment_id: str | None = None
    """What it names."""
    fingerprint: bytes = b""
    action: rules.Action = "moderate"
    """The permission that was asked for; another one needs another answer."""
    refusal: Refused | None = None
    """Decided already. It is given only if the storage does not know the operation."""
    asked: bool = False
    """Permission has been asked for before: this is not another operation."""
    ask_again: bool = False
    """The host's own hook decides: it is asked again where the tail touched the same chat."""
    charged: bool = False
    """It was taken from the user's allowance."""
    reserved: bool = False
    """It has its place in the quotas."""
    begins: bool = False
    """As the page's first, as far as was known."""

    ts: int = 0
    """When it was queued: the event's time."""
    tally: Tally | None = None
    """Of its page."""
    accounts: Asker | None = None
    """Who counts what comes of it, and is told before the asker."""
    settled: bool = False
    """It has its answer."""

    def complete(self, now_ms: int, broadcast_id: str) -> None:
        """Fill in what the sender has left to the server."""
        self.operation = rules.with_ids(self.sent, now_ms)
        self.broadcast_id = broadcast_id
        chat_id, self.comment_id = self.operation.named
        self.chat_id = chat_id or ""
        if not self.fingerprint:
            self.fingerprint = rules.fingerprint(self.sent)

    def answer(self, answer: Answer) -> None:
        if self.accounts is not None:
            self.accounts.answered(self, answer)
        self.asker.answered(self, answer)
