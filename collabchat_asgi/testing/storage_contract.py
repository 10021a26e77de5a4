"""What every `Storage` promises, as tests to inherit.

    class TestMine(StorageContract):
        async def make(self) -> Storage:
            return MyStorage(...)

`make` returns a new instance that is not open, on the data of this test: the first one of a test
finds it empty, the next ones share it. Needs pytest and pytest-asyncio.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from ..core.model import NOWHERE, PageKey, Position
from ..errors import MisuseError
from ..storage.abc import (
    Committed,
    Entry,
    Failed,
    Group,
    LogEvent,
    Outcome,
    Reason,
    Record,
    Reset,
    Reused,
    Revise,
    Storage,
    Tail,
    Unknown,
    UsageDelta,
    UsageRow,
)
from .storage_model import Model

PAGE = PageKey("acme", "https://acme.example/docs")
OTHER = PageKey("acme", "https://acme.example/other")
LONG_AGO = 0
FAR_AHEAD = 2**50

_numbers = count(1)


def an_event(name: str = "", **fields: Any) -> Entry:
    """An event of its own name, by ann."""
    name = name or f"event-{next(_numbers)}"
    given: dict[str, Any] = {
        "user_id": "ann",
        "fingerprint": b"f" * 16,
        "receipt": b"receipt of " + name.encode(errors="replace"),
        "event": b"event " + name.encode(errors="replace"),
    }
    return Entry(name, **(given | fields))


def a_note(name: str = "", **fields: Any) -> Entry:
    """Something that changed nothing."""
    return an_event(name, event=None, **fields)


def a_lookup(name: str, **fields: Any) -> Entry:
    return an_event(name, event=None, lookup=True, **fields)


class Again:
    """A `revise` that gives back what is not known, and remembers what it was told."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries
        self.tails: list[Tail] = []

    def __call__(self, page: PageKey, tail: Tail) -> Sequence[Entry]:
        self.tails.append(tail)
        return [e for e in self.entries if e.broadcast_id not in tail.known]


def never(page: PageKey, tail: Tail) -> Sequence[Entry]:
    raise AssertionError("revise was called, and nothing was in the way")


async def put(
    storage: Storage,
    expected: Position,
    *entries: Entry,
    page: PageKey = PAGE,
    revise: Revise | None = None,
) -> Mapping[str, Outcome]:
    """Commit one group. Without a `revise`, entries that are not known come again as they are."""
    group = Group(page, expected, entries)
    [outcomes] = await storage.commit([group], revise or Again(*entries))
    return outcomes


async def grow(storage: Storage, n: int, page: PageKey = PAGE) -> Position:
    """Append `n` events; the head after them."""
    [head] = (await storage.heads([page])).values()
    entries = [an_event() for _ in range(n)]
    outcomes = await put(storage, head, *entries, page=page, revise=never)
    return committed(outcomes[entries[-1].broadcast_id]).position


async def log_of(storage: Storage, page: PageKey = PAGE, after: Position = NOWHERE) -> Tail:
    tail = await storage.read(page, after, 10**6)
    assert isinstance(tail, Tail), tail
    return tail


def committed(outcome: Outcome) -> Committed:
    assert isinstance(outcome, Committed), outcome
    return outcome


class StorageContract:
    """Inherit, and implement `make`."""

    pytestmark = pytest.mark.asyncio

    async def make(self) -> Storage:
        """A new instance, not open, on this test's data."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def storage(self) -> AsyncIterator[Storage]:
        storage = await self.make()
        await storage.open()
        yield storage
        await storage.close()

    @pytest_asyncio.fixture
    async def second(self, storage: Storage) -> AsyncIterator[Storage]:
        """Another instance on the same data: what another process would have."""
        second = await self.make()
        await second.open()
        yield second
        await second.close()

    # The log

    async def test_numbers_are_gapless_and_in_the_order_given(self, storage: Storage) -> None:
        first, second, third = an_event(), an_event(), an_event()
        outcomes = await put(storage, NOWHERE, first, second, revise=never)
        head = committed(outcomes[second.broadcast_id]).position
        assert head.epoch
        assert outcomes == {
            first.broadcast_id: Committed(Position(head.epoch, 1), first.receipt),
            second.broadcast_id: Committed(Position(head.epoch, 2), second.receipt),
        }
        outcomes = await put(storage, head, third, revise=never)
        assert outcomes == {third.broadcast_id: Committed(Position(head.epoch, 3), third.receipt)}
        assert await log_of(storage) == Tail(
            Position(head.epoch, 3),
            [
                LogEvent(seq, entry.event or b"", "", entry.broadcast_id)
                for seq, entry in enumerate((first, second, third), 1)
            ],
        )

    async def test_nothing_to_commit(self, storage: Storage) -> None:
        assert list(await storage.commit([], never)) == []
        assert await put(storage, NOWHERE) == {}

    async def test_several_pages_in_one_commit_answer_in_order(self, storage: Storage) -> None:
        pages = [PageKey("acme", f"page/{n}") for n in (3, 1, 2)]
        entries = {page: [an_event(), an_event()] for page in pages}
        groups = [Group(page, NOWHERE, entries[page]) for page in pages]
        answers = await storage.commit(groups, never)
        epochs = set()
        for page, outcomes in zip(pages, answers, strict=True):
            assert list(outcomes) == [e.broadcast_id for e in entries[page]]
            assert [committed(o).position.seq for o in outcomes.values()] == [1, 2]
            tail = await log_of(storage, page)
            assert [e.broadcast_id for e in tail.events] == list(outcomes)
            epochs.add(tail.position.epoch)
        assert len(epochs) == 3

    async def test_a_page_comes_once_in_a_commit(self, storage: Storage) -> None:
        groups = [Group(PAGE, NOWHERE, [an_event()]) for _ in range(2)]
        with pytest.raises(MisuseError):
            await storage.commit(groups, never)
        assert await storage.heads([PAGE]) == {PAGE: NOWHERE}

    async def test_bytes_come_back_as_they_were(self, storage: Storage) -> None:
        every = bytes(range(256))
        record = Record("k" * 64, every, "")
        entry = an_event(event=every * 300, receipt=every, fingerprint=every[:16], puts=[record])
        empty = an_event(event=b"", receipt=b"", puts=[Record("empty", b"")])
        await put(storage, NOWHERE, entry, empty)
        assert [e.event for e in (await log_of(storage)).events] == [every * 300, b""]
        assert set((await storage.load(PAGE)).records) == {record, Record("empty", b"")}
        outcomes = await put(storage, NOWHERE, entry)
        assert committed(outcomes[entry.broadcast_id]).receipt == every

    async def test_a_large_group(self, storage: Storage) -> None:
        entries = [
            an_event(body_key=f"k{n}", puts=[Record(f"k{n}", b"v", "text", n)])
            for n in range(1, 1001)
        ]
        outcomes = await put(storage, NOWHERE, *entries, revise=never)
        assert [committed(o).position.seq for o in outcomes.values()] == list(range(1, 1001))
        tail = await log_of(storage)
        assert [e.broadcast_id for e in tail.events] == list(outcomes)
        assert {e.body for e in tail.events} == {"text"}

    async def test_a_page_without_events_has_no_epoch(self, storage: Storage) -> None:
        note = a_note()
        outcomes = await put(storage, NOWHERE, note, revise=never)
        assert outcomes == {note.broadcast_id: Committed(NOWHERE, note.receipt)}
        assert await storage.heads([PAGE, OTHER]) == {PAGE: NOWHERE, OTHER: NOWHERE}
        assert (await storage.load(OTHER)) == await storage.load(PAGE)
        assert await log_of(storage) == Tail(NOWHERE, [])

    async def test_seq_0_is_good_in_every_epoch(self, storage: Storage) -> None:
        entry, other = an_event(), an_event()
        assert await storage.read(PAGE, Position("strange", 0), 9) == Tail(NOWHERE, [])
        outcomes = await put(storage, Position("strange", 0), entry, revise=never)
        head = committed(outcomes[entry.broadcast_id]).position
        assert head.seq == 1
        assert len((await log_of(storage, after=Position("strange", 0))).events) == 1
        outcomes = await put(storage, Position("strange", 0), other)
        assert committed(outcomes[other.broadcast_id]).position == Position(head.epoch, 2)

    # Notes, lookups, and what is known

    async def test_a_note_takes_no_number_and_is_remembered(self, storage: Storage) -> None:
        before, note, after = an_event(), a_note(), an_event()
        outcomes = await put(storage, NOWHERE, before, note, after, revise=never)
        assert [committed(o).position.seq for o in outcomes.values()] == [1, 1, 2]
        head = committed(outcomes[after.broadcast_id]).position
        await grow(storage, 1)
        again = await put(storage, head, note)
        first = Position(head.epoch, 1)
        assert again == {note.broadcast_id: Committed(first, note.receipt, again=True)}
        assert len((await log_of(storage)).events) == 3

    async def test_a_lookup_only_asks(self, storage: Storage) -> None:
        event = an_event("event")
        head = committed((await put(storage, NOWHERE, event))["event"]).position
        asked = [
            a_lookup("event"),
            a_lookup("nobody's"),
        ]
        assert await put(storage, head, *asked, revise=never) == {
            "event": Committed(head, event.receipt, again=True),
            "nobody's": Unknown(),
        }
        again = await put(storage, head, a_lookup("nobody's"), an_event("new"), revise=never)
        assert isinstance(again["nobody's"], Unknown)
        assert committed(again["new"]).position.seq == 2
        reused = await put(storage, head, a_lookup("event", user_id="bob"))
        assert isinstance(reused["event"], Reused)
        assert len((await log_of(storage)).events) == 2

    async def test_a_lookup_on_a_moved_head_is_revised(self, storage: Storage) -> None:
        await grow(storage, 1)
        valid_now = an_event("id")
        revise = Again(valid_now)
        outcomes = await put(storage, NOWHERE, a_lookup("id"), revise=revise)
        assert len(revise.tails) == 1
        assert committed(outcomes["id"]).position.seq == 2

    @pytest.mark.parametrize("kind", [an_event, a_note])
    async def test_the_same_again_is_not_written_again(self, storage: Storage, kind: Any) -> None:
        entry = kind("once", puts=[Record("k", b"first")])
        first = committed((await put(storage, NOWHERE, entry))["once"])
        head = await grow(storage, 2)
        later = kind("once", receipt=b"another", puts=[Record("k", b"later")])
        for expected in (head, NOWHERE):
            revise = Again(later)
            outcomes = await put(storage, expected, later, revise=revise)
            assert outcomes == {"once": Committed(first.position, entry.receipt, again=True)}
            assert [set(tail.known) for tail in revise.tails] == [{"once"}]
        assert (await storage.load(PAGE)).records == [Record("k", b"first")]
        assert await storage.heads([PAGE]) == {PAGE: head}

    @pytest.mark.parametrize("other", [{"user_id": "bob"}, {"fingerprint": b"g" * 16}])
    async def test_an_id_is_not_used_twice(self, storage: Storage, other: Any) -> None:
        head = committed((await put(storage, NOWHERE, an_event("id")))["id"]).position
        outcomes = await put(storage, head, an_event("id", **other))
        assert isinstance(outcomes["id"], Reused)
        assert await storage.heads([PAGE]) == {PAGE: head}

    async def test_ids_are_a_pages_own(self, storage: Storage) -> None:
        await put(storage, NOWHERE, an_event("id"))
        outcomes = await put(storage, NOWHERE, an_event("id"), page=OTHER, revise=never)
        assert not committed(outcomes["id"]).again

    async def test_known_and_new_mix(self, storage: Storage) -> None:
        old, stolen, new = an_event("old"), an_event("stolen"), an_event("new")
        outcomes = await put(storage, NOWHERE, old, stolen)
        head = committed(outcomes["stolen"]).position
        revise = Again(new)
        theirs = an_event("stolen", user_id="bob")
        outcomes = await put(storage, head, old, theirs, new, revise=revise)
        first = Committed(Position(head.epoch, 1), old.receipt, again=True)
        known: dict[str, Committed | Reused] = {"old": first, "stolen": Reused()}
        assert revise.tails == [Tail(head, [], known)]
        assert outcomes == {**known, "new": Committed(Position(head.epoch, 3), new.receipt)}

    # Revise

    async def test_a_moved_head_is_revised_on_the_exact_tail(self, storage: Storage) -> None:
        seen = await grow(storage, 2)
        told = an_event("told", body_key="k", puts=[Record("k", b"v", "hello", 4)])
        unseen = [an_event("unseen"), told, a_note()]
        outcomes = await put(storage, seen, *unseen)
        head = committed(outcomes["told"]).position
        mine = an_event("mine")
        revise = Again(an_event("mine", event=b"revised"))
        outcomes = await put(storage, seen, mine, revise=revise)
        assert revise.tails == [
            Tail(
                head,
                [
                    LogEvent(3, b"event unseen", "", "unseen"),
                    LogEvent(4, b"event told", "hello", "told"),
                ],
                {},
            )
        ]
        assert committed(outcomes["mine"]).position == Position(head.epoch, 5)
        assert (await log_of(storage)).events[-1].event == b"revised"

    async def test_what_revise_leaves_out_is_unknown(self, storage: Storage) -> None:
        await grow(storage, 1)
        kept, dropped = an_event("kept"), an_event("dropped")
        outcomes = await put(storage, NOWHERE, dropped, kept, revise=Again(kept))
        assert isinstance(outcomes["dropped"], Unknown)
        assert committed(outcomes["kept"]).position.seq == 2

    async def test_what_revise_adds_is_looked_up_too(self, storage: Storage) -> None:
        head = committed((await put(storage, NOWHERE, an_event("old")))["old"]).position
        revise = Again(an_event("old"), an_event("added"))
        outcomes = await put(storage, NOWHERE, an_event("mine"), revise=revise)
        assert [set(tail.known) for tail in revise.tails] == [set(), {"old"}]
        assert committed(outcomes["old"]).again
        assert committed(outcomes["added"]).position == Position(head.epoch, 2)
        assert isinstance(outcomes["mine"], Unknown)

    async def test_a_revise_that_fails_fails_its_group_alone(self, storage: Storage) -> None:
        await grow(storage, 1)
        mine = [an_event("mine"), an_event("mine too", puts=[Record("k", b"v")])]
        other = an_event("other")

        def broken(page: PageKey, tail: Tail) -> Sequence[Entry]:
            raise LookupError("on purpose")

        groups = [Group(PAGE, NOWHERE, mine), Group(OTHER, NOWHERE, [other])]
        failed, fine = await storage.commit(groups, broken)
        assert set(failed) == {"mine", "mine too"}
        for outcome in failed.values():
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, LookupError)
        assert committed(fine["other"]).position.seq == 1
        assert len((await log_of(storage)).events) == 1
        assert (await storage.load(PAGE)).records == []

    async def test_what_cannot_be_stored_fails_alone(self, storage: Storage) -> None:
        head = await grow(storage, 1)
        bad = an_event("bad", puts=[Record("bad", b"", "half a pair: \ud83d")])
        good = [an_event("good", puts=[Record("good", b"v")]), an_event("last")]
        revise = Again(*good)
        groups = [Group(PAGE, head, [good[0], bad, good[1]]), Group(OTHER, NOWHERE, [an_event()])]
        outcomes, others = await storage.commit(groups, revise)
        assert isinstance(outcomes["bad"], Failed)
        assert [committed(outcomes[name]).position.seq for name in ("good", "last")] == [2, 3]
        assert [set(tail.known) for tail in revise.tails] == [{"bad"}]
        assert [committed(o).position.seq for o in others.values()] == [1]
        assert (await storage.load(PAGE)).records == [Record("good", b"v")]
        assert [e.seq for e in (await log_of(storage)).events] == [1, 2, 3]

    async def test_a_group_is_written_whole_or_not_at_all(self, storage: Storage) -> None:
        bad = an_event("bad", puts=[Record("bad", b"", "half a pair: \ud83d")])
        entries = [an_event("first", puts=[Record("k", b"v")]), bad]

        def broken(page: PageKey, tail: Tail) -> Sequence[Entry]:
            raise LookupError("on purpose")

        outcomes = await put(storage, NOWHERE, *entries, revise=broken)
        assert {type(outcome) for outcome in outcomes.values()} == {Failed}
        assert await storage.heads([PAGE]) == {PAGE: NOWHERE}
        assert (await storage.load(PAGE)).records == []
        assert isinstance((await put(storage, NOWHERE, a_lookup("first")))["first"], Unknown)

    async def _assert_reset(self, storage: Storage, expected: Position) -> None:
        [head] = (await storage.heads([PAGE])).values()
        entry, lookup = an_event(puts=[Record("reset", b"v")]), a_lookup("nobody's")
        outcomes = await put(storage, expected, entry, lookup, revise=never)
        assert outcomes == dict.fromkeys((entry.broadcast_id, "nobody's"), Reset(head))
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert "reset" not in {r.key for r in (await storage.load(PAGE)).records}

    async def test_reset_where_the_page_has_another_history(self, storage: Storage) -> None:
        await self._assert_reset(storage, Position("strange", 3))
        head = await grow(storage, 3)
        await self._assert_reset(storage, Position("strange", 3))
        await self._assert_reset(storage, Position(head.epoch, 4))

    async def test_reset_after_erase(self, storage: Storage) -> None:
        head = await grow(storage, 3)
        await storage.erase(PAGE)
        await self._assert_reset(storage, head)

    async def test_reset_after_renew(self, storage: Storage) -> None:
        head = await grow(storage, 3)
        await storage.renew(PAGE, Position(head.epoch, 4))
        await self._assert_reset(storage, head)

    async def test_reset_where_the_tail_was_trimmed(self, storage: Storage) -> None:
        head = await grow(storage, 5)
        await storage.trim(before_ms=FAR_AHEAD, keep_events=2)
        await self._assert_reset(storage, Position(head.epoch, 2))
        entry = an_event()
        outcomes = await put(storage, Position(head.epoch, 3), entry)
        assert committed(outcomes[entry.broadcast_id]).position == Position(head.epoch, 6)

    # Records and texts

    async def test_records_are_put_replaced_and_deleted(self, storage: Storage) -> None:
        await put(
            storage,
            NOWHERE,
            an_event(puts=[Record("a", b"1"), Record("b", b"1", "text", 1)]),
            an_event(puts=[Record("a", b"2"), Record("c", b"2")], deletes=["b", "unknown"]),
            an_event(deletes=["c"]),
            an_event(puts=[Record("b", b"4", "again", 9)]),
            page=OTHER,
        )
        head = await grow(storage, 1)
        entry = an_event(puts=[Record("a", b"mine")], deletes=["b"])
        outcomes = await put(storage, head, entry)
        loaded = await storage.load(PAGE)
        assert loaded.position == committed(outcomes[entry.broadcast_id]).position
        assert loaded.records == [Record("a", b"mine")]
        others = (await storage.load(OTHER)).records
        assert sorted(others, key=lambda r: r.key) == [
            Record("a", b"2"),
            Record("b", b"4", "again", 9),
        ]

    async def test_a_text_is_where_its_record_says(self, storage: Storage) -> None:
        def says(name: str, text: str, seq: int) -> Entry:
            return an_event(name, body_key="k", puts=[Record("k", b"", text, seq)])

        async def texts() -> list[str]:
            return [e.body for e in (await log_of(storage)).events]

        head = committed((await put(storage, NOWHERE, says("a", "secret", 1)))["a"]).position
        assert await texts() == ["secret"]
        head = committed((await put(storage, head, says("b", "harmless", 2)))["b"]).position
        assert await texts() == ["", "harmless"]
        note = a_note(puts=[Record("k", b"", "corrected", 2)])
        await put(storage, head, note)
        assert await texts() == ["", "corrected"]
        gone = an_event("c", deletes=["k"])
        await put(storage, head, gone)
        assert await texts() == ["", "", ""]

    # Reading

    async def test_reading_pages_through_the_log(self, storage: Storage) -> None:
        head = await grow(storage, 7)
        seen: list[int] = []
        while seen != list(range(1, 8)):
            after = Position(head.epoch, len(seen))
            tail = await storage.read(PAGE, after, 3)
            assert isinstance(tail, Tail)
            assert tail.position == head
            assert 1 <= len(tail.events) <= 3
            seen += [e.seq for e in tail.events]
        assert await storage.read(PAGE, head, 3) == Tail(head, [])

    async def test_why_there_is_nothing_to_read(self, storage: Storage) -> None:
        assert await storage.read(PAGE, Position("x", 1), 9) == Reason.EPOCH
        head = await grow(storage, 4)
        assert await storage.read(PAGE, Position("x", 9), 9) == Reason.EPOCH
        assert await storage.read(PAGE, Position(head.epoch, 5), 9) == Reason.AHEAD
        await storage.trim(before_ms=FAR_AHEAD, keep_events=1)
        assert await storage.read(PAGE, Position("x", 1), 9) == Reason.EPOCH
        assert await storage.read(PAGE, Position(head.epoch, 2), 9) == Reason.TRUNCATED
        assert await storage.read(PAGE, NOWHERE, 9) == Reason.TRUNCATED
        tail = await storage.read(PAGE, Position(head.epoch, 3), 9)
        assert isinstance(tail, Tail)
        assert [e.seq for e in tail.events] == [4]

    async def test_heads_of_many_pages(self, storage: Storage) -> None:
        pages = [PageKey("acme", f"page/{n}") for n in range(1_500)]
        groups = [Group(page, NOWHERE, [an_event()]) for page in pages[::2]]
        await storage.commit(groups, never)
        heads = await storage.heads(pages)
        assert set(heads) == set(pages)
        assert {heads[page].seq for page in pages[::2]} == {1}
        assert {heads[page] for page in pages[1::2]} == {NOWHERE}
        assert await storage.heads([]) == {}

    async def test_pages_are_listed_in_key_order(self, storage: Storage) -> None:
        pages = [
            PageKey(tenant, f"{letter}/{n}")
            for tenant in ("acme", "Zeta", "ümlaut")
            for letter in ("a", "B", "é", "\U0001f600", "\uffee")
            for n in (1, 10, 2)
        ]
        groups = [Group(page, NOWHERE, [an_event()]) for page in pages]
        await storage.commit(groups, never)
        assert await storage.pages(None, None, 100) == sorted(pages)
        for tenant in (None, "acme", "nobody"):
            listed: list[PageKey] = []
            while more := await storage.pages(tenant, listed[-1] if listed else None, 4):
                assert len(more) <= 4
                listed += more
            assert listed == sorted(p for p in pages if tenant in (None, p.tenant_id))

    # The life of a page

    async def test_erase_forgets_everything(self, storage: Storage) -> None:
        entry = an_event("id", puts=[Record("k", b"v")])
        head = committed((await put(storage, NOWHERE, entry))["id"]).position
        await grow(storage, 1, OTHER)
        await storage.erase(PAGE)
        await storage.erase(PAGE)
        assert await storage.heads([PAGE]) == {PAGE: NOWHERE}
        assert (await storage.load(PAGE)).records == []
        assert await storage.read(PAGE, head, 9) == Reason.EPOCH
        fresh = committed((await put(storage, NOWHERE, entry, revise=never))["id"])
        assert not fresh.again
        assert fresh.position.seq == 1
        assert fresh.position.epoch != head.epoch
        assert len((await log_of(storage, OTHER)).events) == 1

    async def test_renew_draws_an_epoch_only_for_a_lost_tail(self, storage: Storage) -> None:
        assert await storage.renew(PAGE, Position("x", 5)) == NOWHERE
        entry = an_event("id", puts=[Record("k", b"v")])
        head = committed((await put(storage, NOWHERE, entry))["id"]).position
        for seen in (NOWHERE, head, Position("strange", 9)):
            assert await storage.renew(PAGE, seen) == head
        renewed = await storage.renew(PAGE, Position(head.epoch, 2))
        assert renewed.epoch not in (head.epoch, "")
        assert renewed.seq == 1
        assert await storage.renew(PAGE, Position(head.epoch, 2)) == renewed
        assert await storage.load(PAGE) == await storage.load(PAGE)
        assert (await storage.load(PAGE)).records == [Record("k", b"v")]
        assert (await storage.read(PAGE, head, 9)) == Reason.EPOCH
        again = committed((await put(storage, renewed, entry))["id"])
        assert again == Committed(head, entry.receipt, again=True)
        assert await grow(storage, 1) == Position(renewed.epoch, 2)

    async def test_trim_keeps_the_newest(self, storage: Storage) -> None:
        head = await grow(storage, 10)
        await grow(storage, 2, OTHER)
        assert await storage.trim(before_ms=LONG_AGO, keep_events=0) == 0
        assert await storage.trim(before_ms=FAR_AHEAD, keep_events=10) == 0
        dropped = 0
        while more := await storage.trim(before_ms=FAR_AHEAD, keep_events=4):
            dropped += more
        assert dropped == 6
        assert await storage.heads([PAGE]) == {PAGE: head}
        tail = await log_of(storage, after=Position(head.epoch, 6))
        assert [e.seq for e in tail.events] == [7, 8, 9, 10]
        assert len((await log_of(storage, OTHER)).events) == 2
        while await storage.trim(before_ms=FAR_AHEAD, keep_events=0):
            pass
        assert await log_of(storage, after=head) == Tail(head, [])
        assert await grow(storage, 1) == Position(head.epoch, 11)

    async def test_trim_keeps_what_is_young(self, storage: Storage) -> None:
        head = await grow(storage, 3)
        await put(storage, head, a_note("young note"))
        now = _later_ms()
        young = await grow(storage, 2)
        assert await storage.trim(before_ms=now, keep_events=0) == 3
        tail = await log_of(storage, after=head)
        assert [e.seq for e in tail.events] == [4, 5]
        assert tail.position == young

    async def test_trim_forgets_ids_with_their_numbers(self, storage: Storage) -> None:
        names = [f"id-{n}" for n in range(6)]
        outcomes = await put(storage, NOWHERE, a_note("note"), *map(an_event, names))
        head = committed(outcomes["id-5"]).position
        await storage.trim(before_ms=FAR_AHEAD, keep_events=2)
        outcomes = await put(storage, head, a_lookup("note"), *map(a_lookup, names))
        remembered = {name for name, o in outcomes.items() if isinstance(o, Committed)}
        assert remembered == {"id-4", "id-5"}

    # Usage and key

    async def test_usage_is_added_once(self, storage: Storage, second: Storage) -> None:
        def delta(serial: int, url_id: str, day: str, run: str = "run", **n: int) -> UsageDelta:
            return UsageDelta(run, serial, "acme", url_id, day, n)

        first = delta(1, "b", "2025-01-31", frames=2, joins=1)
        await storage.add_usage([first, first, delta(2, "a", "2025-01-31", frames=1)])
        await second.add_usage([first, delta(1, "b", "2025-01-31", run="other", frames=2**40)])
        await storage.add_usage([delta(3, "", "2025-02-01", joins=5), delta(4, "a", "2024-12-31")])
        await storage.add_usage([UsageDelta("run", 9, "other", "b", "2025-01-31", {"frames": 7})])
        assert await second.usage("acme", "2025-01-01", "2025-02-01") == [
            UsageRow("acme", "a", "2025-01-31", {"frames": 1}),
            UsageRow("acme", "b", "2025-01-31", {"frames": 2**40 + 2, "joins": 1}),
            UsageRow("acme", "", "2025-02-01", {"joins": 5}),
        ]
        assert await storage.usage("nobody", "2025-01-01", "2025-02-01") == []

    async def test_the_key_is_the_same_for_all(self, storage: Storage, second: Storage) -> None:
        key = await storage.key()
        assert len(key) == 32
        assert len(set(key)) > 1
        assert await second.key() == key
        await storage.close()
        await storage.open()
        assert await storage.key() == key

    # Names

    @pytest.mark.parametrize(
        "name",
        [
            "\U0001f469\u200d\U0001f680 e\u0301 \u202e",
            "'; DROP TABLE collabchat_page; --",
            '"%s" %d {0} :name ?1 $[0] \\ \\u0000',
            "%",
            "_",
            "*",
            " ",
            "a\nb\r\tc",
            "\x01\x7f\x85",
            "long " + "\U0001f600" * 507,
        ],
    )
    async def test_hostile_names(self, storage: Storage, name: str) -> None:
        page, near = PageKey(name, name), PageKey(name, name + "x")
        entry = an_event(name, user_id=name, body_key="k", puts=[Record("k", b"v", name, 1)])
        head = committed((await put(storage, NOWHERE, entry, page=page))[name]).position
        await grow(storage, 2, near)
        tail = await log_of(storage, page)
        assert [(e.broadcast_id, e.body) for e in tail.events] == [(name, name)]
        assert (await storage.load(page)).records == entry.puts
        assert committed((await put(storage, head, entry, page=page))[name]).again
        assert await storage.pages(name, None, 9) == sorted([page, near])
        assert (await storage.heads([page, near]))[page] == head
        await storage.add_usage([UsageDelta(name, 1, name, name, "2025-01-01", {name: 1})])
        rows = await storage.usage(name, "2025-01-01", "2025-01-01")
        assert rows == [UsageRow(name, name, "2025-01-01", {name: 1})]

    # Others at the same time

    async def test_writers_at_once_see_one_log(self, storage: Storage, second: Storage) -> None:
        done = asyncio.Event()

        async def write(where: Storage, writer: str) -> dict[str, int]:
            seen, acked = NOWHERE, {}
            for n in range(30):
                entries = [an_event(f"{writer}-{n}-{part}") for part in "ab"]
                for name, outcome in (await put(where, seen, *entries)).items():
                    seen = committed(outcome).position
                    acked[name] = seen.seq
            return acked

        async def read(where: Storage) -> int:
            rounds, seen = 0, 0
            while not done.is_set():
                tail = await log_of(where)
                assert [e.seq for e in tail.events] == list(range(1, tail.position.seq + 1))
                assert tail.position.seq >= seen
                seen = tail.position.seq
                rounds += 1
                await asyncio.sleep(0)
            return rounds

        async def all_written() -> list[dict[str, int]]:
            try:
                writers = write(storage, "a"), write(storage, "b"), write(second, "c")
                return list(await asyncio.gather(*writers))
            finally:
                done.set()

        acked, *rounds = await asyncio.gather(all_written(), read(storage), read(second))
        assert min(rounds) > 0
        tail = await log_of(second)
        assert {e.broadcast_id: e.seq for e in tail.events} == {
            name: seq for writer in acked for name, seq in writer.items()
        }
        assert len(tail.events) == 180

    async def test_the_same_at_once_is_written_once(
        self, storage: Storage, second: Storage
    ) -> None:
        for n in range(20):
            entry = an_event(f"same-{n}")
            answers = await asyncio.gather(
                *(put(where, NOWHERE, entry) for where in (storage, second, storage, second))
            )
            outcomes = [committed(answer[entry.broadcast_id]) for answer in answers]
            assert {o.position.seq for o in outcomes} == {n + 1}
            assert sorted(o.again for o in outcomes) == [False, True, True, True]

    async def test_a_load_is_one_moment(self, storage: Storage, second: Storage) -> None:
        async def write() -> None:
            head = NOWHERE
            for n in range(1, 60):
                entry = an_event(f"n{n}", puts=[Record(k, b"%d" % n) for k in ("a", "b")])
                head = committed((await put(storage, head, entry))[f"n{n}"]).position

        writing = asyncio.ensure_future(write())
        while not writing.done():
            loaded = await second.load(PAGE)
            expected = {b"%d" % loaded.position.seq} if loaded.position.seq else set()
            assert {record.value for record in loaded.records} == expected
            await asyncio.sleep(0)
        await writing

    async def test_a_cancelled_commit_is_settled_by_the_same_again(
        self, storage: Storage, second: Storage
    ) -> None:
        cancelled = 0
        for n in range(30):
            entry = an_event(f"entry-{n}")
            task = asyncio.ensure_future(put(storage, NOWHERE, entry))
            for _ in range(n % 6):
                await asyncio.sleep(0)
            cancelled += task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            where = (storage, second)[n % 2]
            outcome = committed((await put(where, NOWHERE, entry))[entry.broadcast_id])
            assert outcome.position.seq == n + 1
        assert cancelled
        names = [e.broadcast_id for e in (await log_of(storage)).events]
        assert names == [f"entry-{n}" for n in range(30)]

    # The life of an instance

    async def test_open_and_close_may_come_twice(self, storage: Storage) -> None:
        head = await grow(storage, 1)
        await storage.open()
        assert await storage.heads([PAGE]) == {PAGE: head}
        await storage.close()
        await storage.close()
        await storage.open()
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert await grow(storage, 1) == Position(head.epoch, 2)

    async def test_it_lives_on_in_another_loop(self, storage: Storage) -> None:
        head = await grow(storage, 1)
        await storage.close()

        async def elsewhere() -> Position:
            await storage.open()
            try:
                return await grow(storage, 1)
            finally:
                await storage.close()

        for seq in (2, 3):
            moved = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
            assert moved == Position(head.epoch, seq)
        await storage.open()
        assert len((await log_of(storage)).events) == 3

    # Everything, against a model

    @pytest.mark.parametrize("seed", range(8))
    async def test_it_does_what_a_simple_model_does(
        self, storage: Storage, second: Storage, seed: int
    ) -> None:
        model = Model(random.Random(seed), [PAGE, OTHER])
        for _ in range(120):
            await model.step((storage, second))


def _later_ms() -> int:
    """Wait for the next millisecond, so that what follows is younger than what was."""
    before = time.time_ns() // 1_000_000
    while (now := time.time_ns() // 1_000_000) == before:
        pass
    return now
