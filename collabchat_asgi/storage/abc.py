"""The contract of a storage: a gapless log per page and its current records, changed together.

A storage keeps bytes and never looks into them. What it must get right is order, atomicity and
memory of what it has already done; `collabchat_asgi.testing.StorageContract` checks all of it.

Nobody changes what is handed over here. What each operation makes anew is not `frozen` all the
same: that would make the making four times as dear.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Self

from ..core.model import NOWHERE, Mark, PageKey, Position, Record
from ..errors import StorageError

__all__ = [
    "NOWHERE",
    "Committed",
    "Entry",
    "Failed",
    "Group",
    "Kept",
    "Loaded",
    "LogEvent",
    "Mark",
    "Outcome",
    "PageCopy",
    "PageKey",
    "Position",
    "ReadBy",
    "Reason",
    "Record",
    "Reset",
    "Reused",
    "Revise",
    "Rewrite",
    "Storage",
    "Tail",
    "Unknown",
    "UsageDelta",
    "UsageRow",
    "new_epoch",
]


def new_epoch() -> str:
    """A fresh epoch: 48 random bits in 8 characters of `A-Z a-z 0-9 _ -`. It needs to differ from
    the few that its page had before, and travels in every frame."""
    return secrets.token_urlsafe(6)


@dataclass(slots=True, unsafe_hash=True)
class Entry:
    """One operation, ready to be written.

    It is one of three: an event (`event` is given, takes the next `seq`); a note that an operation
    changed nothing (`event` is None, takes no `seq`, but is remembered); or a question
    (`lookup`: nothing is written, only what is known about `broadcast_id` is told).
    """

    broadcast_id: str
    user_id: str
    fingerprint: bytes
    """16 bytes that tell this content from any other."""
    receipt: bytes = b""
    """Opaque; given back to whoever sends the same operation again."""
    event: bytes | None = None
    body_key: str | None = None
    """Key of the record that carries this event's text."""
    puts: Sequence[Record] = ()
    """Inserted, or replaced where the key exists."""
    deletes: Sequence[str] = ()
    """Keys; an unknown key is no error."""
    lookup: bool = False


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One number of a page's log, with its text put back (`""` where the text is gone)."""

    seq: int
    event: bytes
    body: str
    broadcast_id: str


@dataclass(slots=True, unsafe_hash=True)
class Committed:
    """The operation is in the storage, now or since earlier (`again`).

    `position.seq` is the event's number; for one that changed nothing, the head at that moment.
    """

    position: Position
    receipt: bytes
    again: bool = False


@dataclass(frozen=True, slots=True)
class Reused:
    """The `broadcast_id` was used before, by another user or with other content."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Answer to a `lookup`: nobody has used this `broadcast_id` on this page."""


@dataclass(frozen=True, slots=True)
class Failed:
    """This entry alone cannot be stored, now or ever. `error` is for the log, not for clients."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Reset:
    """The expected position is not of this page's history (erased, renewed, written over after its
    end was lost, or trimmed too far):
    load the page and commit again. Nothing of the group was written."""

    position: Position


Outcome = Committed | Reused | Unknown | Failed | Reset


@dataclass(frozen=True, slots=True)
class Tail:
    """What a `Revise` is told: why the entries as given cannot be written.

    `position` is the head now; `events` are all numbers after the expected one, ascending;
    `known` holds the outcome of every entry that was known before, or that cannot be stored
    (`Failed`); neither must come again.
    """

    position: Position
    events: Sequence[LogEvent] = ()
    known: Mapping[str, Committed | Reused | Failed] = field(default_factory=dict)


Revise = Callable[[PageKey, Tail], Sequence[Entry]]
"""Validates a group again on top of `Tail`. Pure, quick, and safe to call from any thread.

Returns the entries to write at `tail.position`: without those in `tail.known`, and without those
that are no longer valid. An exception fails the whole group.
"""


@dataclass(slots=True, unsafe_hash=True)
class Group:
    """Entries of one page, made for `expected`: with them in order, the first event gets
    `expected.seq + 1`, the next one `+ 2`, and so on."""

    page: PageKey
    expected: Position
    entries: Sequence[Entry]
    last: str = ""
    """The broadcast id of the event at `expected` that the entries build on, or "" where that is
    not known."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page as of `position`: one consistent read. Records come in no order."""

    position: Position
    records: Sequence[Record]
    last: str = ""
    """The broadcast id of the event at `position`, or "" where it is not known."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One operation as its page remembers it: an event of the log, a note, or what is left of an
    event that was trimmed."""

    position: Position
    """As it was told when it was committed, so of an older epoch where the page was renewed."""
    broadcast_id: str
    user_id: str
    fingerprint: bytes
    receipt: bytes
    event: bytes | None
    """None for a note, and for an event that the log no longer holds."""
    body_key: str | None
    created_ms: int
    """The time that `trim` goes by."""


@dataclass(frozen=True, slots=True)
class PageCopy:
    """A page whole. Records and operations come in no order."""

    position: Position
    trimmed: int
    """The last number that the log no longer holds."""
    records: Sequence[Record]
    kept: Sequence[Kept]
    read: Mapping[str, int] = field(default_factory=dict)
    """The number up to which each user has read, by user id."""


class ReadBy(NamedTuple):
    """Whose reading of which page."""

    page: PageKey
    user_id: str


Rewrite = Callable[[PageCopy], PageCopy | None]
"""What a page shall be, from what it is; None leaves it alone. Pure, and safe to call from any
thread, more than once. An exception leaves the page alone too, and is raised to who asked."""


class Reason:
    """Why `read` has no events to give."""

    TRUNCATED: ClassVar = "truncated"
    """The log no longer reaches back to `after`."""
    AHEAD: ClassVar = "ahead"
    """`after` lies beyond the head: the caller knows more than the storage."""
    EPOCH: ClassVar = "epoch"
    """`after` is of another history."""


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """What to add to one usage row. `(run_id, serial)` names this delta for ever."""

    run_id: str
    serial: int
    tenant_id: str
    url_id: str
    """`""` where the host does not ask for rows per page."""
    day: str
    """UTC, `YYYY-MM-DD`."""
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UsageRow:
    tenant_id: str
    url_id: str
    day: str
    counters: Mapping[str, int]


class Storage(ABC):
    """A log and its records per page, for any number of tasks, processes and machines at once.

    Errors: a driver's exception never escapes. `StorageUnavailable` says that the storage is away
    or too slow (trying again may help), `StorageError` that this call can never work. After either
    the instance stays usable; no connection is leaked.

    Cancellation: any call may be cancelled. A cancelled or unavailable `commit` is of *unknown*
    outcome; the same call again settles it, because known `broadcast_id`s are not written twice.

    `position` with `seq` 0 is good in every epoch: a page without events has epoch `""`.
    """

    timeout_seconds: float | None = None
    """The bound of one call of this instance, where `Timing.backend_seconds` does not fit."""
    shared: ClassVar[bool] = True
    """Whether several processes see the same data; False for what lives in one process."""
    one_machine: ClassVar[bool] = False
    """Whether it reaches the processes of one machine only."""

    @classmethod
    @abstractmethod
    def from_url(cls, url: str) -> Self:
        """Make an instance. No I/O. Raises `ConfigError` on an option that is not known.

        `repr` of the result never shows a password.
        """

    @abstractmethod
    async def open(self) -> None:
        """Connect, and create or migrate the schema under one lock (several processes start at
        once). Idempotent. After `close` it may be called again, also in another event loop."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything. Idempotent. What is not handed in from outside is closed."""

    @abstractmethod
    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        """Write every group, all or none by itself; as many in one transaction as can be.

        At most one group per page. Answers in the order of `groups`, each a mapping from
        `broadcast_id` to outcome for every entry that was given or that `revise` returned.

        For each group, under the page's lock or an equal fair turn:

        1. Every `broadcast_id` is looked up. Known with the same `user_id` and `fingerprint`:
           `Committed(…, again=True)` with its first position and receipt. Known otherwise:
           `Reused`.
        2. If the head is `expected` (epoch and seq) and no event or note among the entries is
           known, they are appended as head+1, head+2, … in order, their records put and
           deleted.
        3. Otherwise `revise(page, tail)` is called and its entries are written instead, under the
           same lock: no other writer comes between. If the tail cannot be given, the outcome of
           every entry is `Reset`.

        The outcome of every entry is also `Reset` where the log holds another event at `expected`
        than `last`: an end was lost, and its numbers were given out again in the same epoch. A
        storage that cannot have it, or leaves it to `strays`, need not look.

        The first event of a page draws the epoch (`new_epoch`). Readers never see number n without
        1 … n-1. When it returns, the entries are as durable as the storage is configured to be.
        A permanent error fails the guilty entry alone (`Failed`): the others of its group are
        written, revised as if the guilty one had been known.
        """

    @abstractmethod
    async def load(self, page: PageKey) -> Loaded:
        """All records and the position they are of; `NOWHERE` and none for an unknown page."""

    @abstractmethod
    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        """Events `after.seq + 1 …`, ascending, without holes, at most `limit`; none at the head.

        `Tail.position` is the head, read together with the events. A `Reason` where there is no
        such tail: `EPOCH` is told first, then `AHEAD`, then `TRUNCATED`.
        """

    @abstractmethod
    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        """The head of every page asked for; `NOWHERE` for one without events. One round trip per
        chunk of pages."""

    @abstractmethod
    async def renew(self, page: PageKey, seen: Position) -> Position:
        """Draw a new epoch if the head is behind `seen` in the epoch of `seen` (a restored backup,
        a lost tail), and return the head. Records and log numbers stay."""

    async def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Collection[PageKey]:
        """Pages that hold another event at the place of one of their marks: the log went back and
        was written on, by who had not seen its end. In one round trip per chunk of marks.

        Numbers that the log does not hold and marks of other epochs tell nothing. So what came in
        the place of a mark must not be trimmed before every process that has the mark has asked:
        one that stands at the head, or is told of what follows by hints alone, would stay in the
        lost history. The engine sees to it, whatever the settings: it keeps each page's last
        event, and trims nothing younger than `Timing.dedupe_days`, in which it asks each
        `Timing.sweep_seconds`. Only a process that can ask nothing for all that time, and is heard
        again, could miss it.

        A storage that notices such a thing by itself, or cannot have it, gives none.
        """
        return ()

    async def renew_stray(self, page: PageKey, marks: Sequence[Mark]) -> Position:
        """Draw a new epoch if `strays` tells the page by these marks, and return the head."""
        raise StorageError(f"{self!r} tells no strays (Storage.strays)")

    @abstractmethod
    async def erase(self, page: PageKey) -> None:
        """Forget the page: log, records, known ids. Its next event draws a new epoch."""

    async def dump(self, page: PageKey) -> PageCopy:
        """Everything that is known of the page: one consistent read, as large as the page is.

        `PageCopy(NOWHERE, 0, (), ())` for an unknown page. Any other storage can `restore` it.
        Raises `StorageError` where a storage cannot do it, which serves pages all the same.
        """
        raise StorageError(f"{self!r} cannot give a page whole (Storage.dump)")

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        """Make the page what the copy is, all or none: the same epoch, numbers, records, known ids
        and times. Whoever read it elsewhere resumes here, and what was committed there is known.

        Whether it was done: it is left undone on a page with another history, or with more of the
        same one (`copy.position.continues(head)` is False). What the page had is replaced, so that
        the same call again changes nothing. Nobody may commit to the page elsewhere afterwards.
        Raises `StorageError` where a storage cannot do it.
        """
        raise StorageError(f"{self!r} cannot take a page whole (Storage.restore)")

    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        """Make the page what `rewrite` makes of it, all or none; whether it made anything. One
        that draws an epoch is told as done also where the first answer was lost.

        `rewrite` is given what `dump` gives, under the page's lock or an equal fair turn: nobody
        commits in between. What it leaves out no call gives again; `purge` takes it out of files.
        Of `read` only what it changes is written: who reads on meanwhile has read on.
        It keeps the epoch, or draws one (`new_epoch`) so that every reader loads the page anew;
        numbers are never fewer than they were. Raises `StorageError` where a storage cannot do it,
        which serves pages all the same.
        """
        raise StorageError(f"{self!r} cannot rewrite a page (Storage.rewrite): nobody is forgotten")

    async def purge(self) -> None:
        """Have the bytes of all that was deleted, replaced or erased leave the storage's own files,
        which no call reads any more. It may take long, and keep commits waiting meanwhile. Raises
        `StorageError` where a storage cannot do it, or was kept from it."""
        raise StorageError(f"{self!r} cannot purge its files (Storage.purge)")

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        """Remember the numbers up to which people have read. None ever goes back: what is further
        already stays. None is beyond the head: after a failover that lost the end, what comes in
        its place is new to who had read the end. Of a page that nobody has committed to nothing is
        kept; `erase` forgets all of a page, `dump` and `restore` take it along. One round trip per
        chunk, and no part of the log. As good as a commit for whoever reads it, but nobody waits
        for it.

        A storage that keeps none of it serves pages all the same: then nobody is told what is new.
        """
        return None

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        """The number up to which each has read, without those who never have. One round trip per
        chunk."""
        return {}

    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        """Drop what is known of one person's reading on all pages of a tenant; on how many it was.
        It may take long: nothing finds pages by who has read them."""
        return 0

    async def trim_read(self, *, before_ms: int) -> int:
        """Drop how far anonymous visitors (`core.text.ANONYMOUS`) have read where it has not moved
        since the UTC day of `before_ms` began; how many were dropped. Bounded work per call; called
        again while it is > 0. A page that is restored has been read on that day,
        and one that is rewritten may have been.

        A storage that keeps no days drops nothing, and grows with each browser that comes by.
        """
        return 0

    @abstractmethod
    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        """Drop log numbers that are older than `before_ms` and not among the newest `keep_events`
        of their page, and known ids older than `before_ms` whose number the log no longer holds.
        Returns how many numbers were dropped. Bounded work per call; called again while it is > 0.
        """

    async def now_ms(self) -> int | None:
        """The time that commits are stamped with, Unix, in milliseconds: ages are told by it, so
        that no process forgets early whose own clock is wrong. None where that is the caller's."""
        return None

    @abstractmethod
    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        """Pages that may have events, in key order, after a key. A page is listed before its first
        commit is visible; one without events may be listed."""

    @abstractmethod
    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        """Add each delta once, however often it is given. Row by row: a failure between two rows
        is healed by the same call again."""

    @abstractmethod
    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        """Sums per tenant, page and day, both days included, by day and then page."""

    async def forget_usage(self, tenant_id: str, before_day: str) -> None:
        """Drop the tenant's rows of days before that one. Raises `StorageError` where a storage
        cannot do it, which serves all the same."""
        raise StorageError(f"{self!r} cannot forget usage (Storage.forget_usage)")

    @abstractmethod
    async def key(self) -> bytes:
        """32 random bytes, made with the schema, the same for all processes. Seals hints."""

    async def rotate_key(self) -> None:
        """Have another key: once this returns, `key` gives 32 new random bytes on every instance.
        Nothing else changes here. What people have used of their quotas stands under names made
        with the former key, which nobody can make again: in processes that start from now on they
        have used nothing in the period that runs. Raises `StorageError` where a storage cannot do
        it, which serves all the same."""
        raise StorageError(f"{self!r} cannot change its key (Storage.rotate_key)")
