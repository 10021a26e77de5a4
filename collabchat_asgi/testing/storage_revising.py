"""What the tests ask of `Storage.commit` when something is in the way."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.model import NOWHERE, PageKey, Position
from ..storage.abc import (
    Entry,
    Failed,
    Group,
    LogEvent,
    Record,
    Reset,
    Storage,
    Tail,
    Unknown,
)
from .storage_acts import (
    FAR_AHEAD,
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


class Revising:
    """`revise`, `Failed` and `Reset`."""

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
