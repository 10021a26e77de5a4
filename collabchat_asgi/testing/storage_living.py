"""What the tests ask of several instances at once, and of one that comes and goes."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import ClassVar

import pytest

from ..core.model import NOWHERE, Mark, Position
from ..storage.abc import (
    Committed,
    Group,
    Outcome,
    Record,
    Reset,
    Storage,
)
from .storage_acts import (
    FAR_AHEAD,
    OTHER,
    PAGE,
    Again,
    a_note,
    an_event,
    committed,
    grow,
    log_of,
    put,
)
from .storage_model import Model


class Living:
    """Concurrency, cancellation, opening and closing, and everything against a model."""

    tells_strays: ClassVar[bool] = False
    """Whether `Storage.strays` is there."""
    refuses_strays: ClassVar[bool] = False
    """Whether `commit` looks at `Group.last`."""

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

    async def test_open_and_close_may_come_twice(self, storage: Storage) -> None:
        head = await grow(storage, 1)
        await storage.open()
        assert await storage.heads([PAGE]) == {PAGE: head}
        await storage.close()
        await storage.close()
        await storage.open()
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert await grow(storage, 1) == Position(head.epoch, 2)

    async def test_another_event_in_a_known_place_is_told(self, storage: Storage) -> None:
        """As after a failover to a standby that had not seen the end, and was written on."""
        head = await grow(storage, 3)
        names = [event.broadcast_id for event in (await log_of(storage)).events]
        seen = [Mark(Position(head.epoch, seq), name) for seq, name in enumerate(names, 1)]
        assert (await storage.load(PAGE)).last in (names[-1], "")
        beyond = Mark(Position(head.epoch, 4), "never written")
        other_epoch = Mark(Position("other", 2), "lost")
        assert not await storage.strays({PAGE: [*seen, beyond, other_epoch], OTHER: seen})
        assert await storage.heads([PAGE]) == {PAGE: head}
        lost = Mark(Position(head.epoch, 2), "lost")
        strays = await storage.strays({PAGE: [seen[0], lost], OTHER: [lost]})
        if not self.tells_strays:
            assert not strays, "it tells strays: set `tells_strays = True`"
            return
        assert set(strays) == {PAGE}
        # What was lost as an event, and sent again, may have changed nothing.
        await put(storage, head, a_note("a note"))
        as_note = [*seen[:2], Mark(head, "a note")]
        assert set(await storage.strays({PAGE: as_note})) == {PAGE}, "a note is no event"
        assert await storage.renew_stray(PAGE, [*seen, beyond, other_epoch]) == head
        renewed = await storage.renew_stray(PAGE, [seen[0], lost])
        assert (renewed.seq, renewed.epoch == head.epoch) == (3, False)
        assert await storage.renew_stray(PAGE, [seen[0], lost]) == renewed, "once is enough"

    async def test_nothing_is_written_on_top_of_another_event(self, storage: Storage) -> None:
        head = await grow(storage, 3)
        names = [event.broadcast_id for event in (await log_of(storage)).events]

        async def build(seq: int, last: str, name: str) -> Outcome:
            entries = [an_event(name)]
            group = Group(PAGE, Position(head.epoch, seq), entries, last)
            [outcomes] = await storage.commit([group], Again(*entries))
            return outcomes[name]

        await put(storage, head, a_note("a note"))  # has the number of the event before it
        wrong = ((3, "lost"), (2, "lost"), (3, names[1]), (2, names[2]), (3, "a note"))
        for seq, last in wrong:
            outcome = await build(seq, last, "astray")
            if not self.refuses_strays:
                text = "it looks at `Group.last`: set `refuses_strays = True`"
                assert isinstance(outcome, Committed), text
                return
            assert outcome == Reset(head), (seq, last)
        known = await build(3, names[2], names[2])
        assert committed(known).again, "the head's own operation, sent again"
        assert committed(await build(3, names[2], "next")).position.seq == 4
        assert committed(await build(3, names[2], "between")).position.seq == 5
        assert committed(await build(5, "", "unchecked")).position.seq == 6
        while await storage.trim(before_ms=FAR_AHEAD, keep_events=0):
            pass
        beyond_the_log = await build(6, "lost", "after the trim")
        assert committed(beyond_the_log).position.seq == 7

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

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.filterwarnings("ignore::ResourceWarning")  # it is left unclosed on purpose
    async def test_it_outlives_a_loop_that_nobody_closed_it_in(self, storage: Storage) -> None:
        """As `asyncio.run` of one task after another, or a test in a loop of its own."""
        head = await grow(storage, 1)
        await storage.close()

        async def elsewhere() -> Position:
            await storage.open()
            return await grow(storage, 1)

        for seq in (2, 3, 4):
            moved = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
            assert moved == Position(head.epoch, seq)
        await storage.open()
        assert len((await log_of(storage)).events) == 4
        gc.collect()

    @pytest.mark.parametrize("seed", range(8))
    async def test_it_does_what_a_simple_model_does(
        self, storage: Storage, second: Storage, seed: int
    ) -> None:
        dice = random.Random(seed)
        model = Model(dice, [PAGE, OTHER], refuses_strays=self.refuses_strays)
        for _ in range(120):
            await model.step((storage, second))
