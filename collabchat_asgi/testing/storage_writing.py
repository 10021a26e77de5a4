"""What the tests ask of `Storage.commit`."""

from __future__ import annotations

from typing import Any

import pytest

from ..core.model import NOWHERE, PageKey, Position
from ..errors import MisuseError
from ..storage.abc import (
    Committed,
    Group,
    LogEvent,
    Record,
    Reused,
    Storage,
    Tail,
    Unknown,
)
from .storage_acts import (
    OTHER,
    PAGE,
    Again,
    a_lookup,
    a_note,
    an_event,
    committed,
    grow,
    log_of,
    never,
    put,
)


class Writing:
    """Numbers, atomicity, and memory of what was written."""

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
