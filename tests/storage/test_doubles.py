"""The contract notices a broken storage: each one here is caught by the test that is named."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from secrets import token_bytes
from typing import Any

import pytest

from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.storage.abc import (
    Committed,
    Entry,
    Group,
    Loaded,
    LogEvent,
    Outcome,
    PageCopy,
    ReadBy,
    Reset,
    Revise,
    Rewrite,
    Tail,
    UsageDelta,
)
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.storage_acts import PAGE
from collabchat_asgi.testing.storage_contract import StorageContract

_names = count()

Outcomes = Sequence[Mapping[str, Outcome]]


class ForgetsIdempotency(MemoryStorage):
    def _commit(self, group: Group, revise: Revise) -> Mapping[str, Outcome]:
        for page in self._data.pages.values():
            page.remembered.clear()
        return super()._commit(group, revise)


class ForgetsNotes(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        for page in self._data.pages.values():
            logged = {one.broadcast_id for one in page.log.values()}
            for name in page.remembered.keys() - logged:
                del page.remembered[name]
        return await super().commit(groups, revise)


class IgnoresWhoAsks(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        def anonymous(group: Group) -> Group:
            return replace(group, entries=[replace(e, user_id="") for e in group.entries])

        return await super().commit([anonymous(group) for group in groups], revise)


class HalfCommits(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        answers = []
        for group in groups:
            answer: dict[str, Outcome] = {}
            for entry in group.entries:
                expected = (await self.heads([group.page]))[group.page]
                answer |= (await super().commit([Group(group.page, expected, [entry])], revise))[0]
            answers.append(answer)
        return answers


class Reorders(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        turned = [replace(group, entries=group.entries[::-1]) for group in groups]
        return await super().commit(turned, revise)


class RewritesWithoutItsTurn(MemoryStorage):
    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        made = rewrite(await self.dump(page))
        await asyncio.sleep(0)
        return await super().rewrite(page, lambda _: made)


class RewritesNoKnownIds(MemoryStorage):
    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        def forgetful(whole: PageCopy) -> PageCopy | None:
            made = rewrite(whole)
            return made and replace(made, kept=[one for one in made.kept if one.event is not None])

        return await super().rewrite(page, forgetful)


class ForgetsUsageOfAll(MemoryStorage):
    async def forget_usage(self, tenant_id: str, before_day: str) -> None:
        for row in list(self._data.usage):
            if row[1] < before_day:
                del self._data.usage[row]


class DropsTheLast(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        answers = await super().commit(groups, revise)
        for group, answer in zip(groups, answers, strict=True):
            page = self._data.pages.get(group.page)
            last = [o.position.seq for o in answer.values() if isinstance(o, Committed)]
            if page and last:
                page.log.pop(max(last), None)
        return answers


class WritesOnAnyHead(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        heads = await self.heads([group.page for group in groups])
        return await super().commit([replace(g, expected=heads[g.page]) for g in groups], revise)


class BuildsOnAnything(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        return await super().commit([replace(group, last="") for group in groups], revise)


class TakesATrimmedHeadForAStray(MemoryStorage):
    def _commit(self, group: Group, revise: Revise) -> Mapping[str, Outcome]:
        page = self._data.pages.get(group.page)
        if page and group.last and page.log.get(group.expected.seq) is None:
            return {e.broadcast_id: Reset(page.head.position) for e in group.entries}
        return super()._commit(group, revise)


class LetsOthersBetween(MemoryStorage):
    """Looks, steps aside, and writes as if nothing could have happened."""

    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        looked = [dict(self._remembered(group.page)) for group in groups]
        await asyncio.sleep(0)
        answers = []
        for group, remembered in zip(groups, looked, strict=True):
            if group.page in self._data.pages:
                self._data.pages[group.page].remembered = remembered
            answers.append(self._commit(group, revise))
        return answers

    def _remembered(self, page: PageKey) -> Mapping[str, Any]:
        found = self._data.pages.get(page)
        return found.remembered if found else {}


class TellsAStaleTail(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        def stale(page: PageKey, tail: Tail) -> Sequence[Entry]:
            return revise(page, replace(tail, events=tail.events[:-1]))

        return await super().commit(groups, stale)


class FailsTogether(MemoryStorage):
    async def commit(self, groups: Sequence[Group], revise: Revise) -> Outcomes:
        def raising(page: PageKey, tail: Tail) -> Sequence[Entry]:
            try:
                return revise(page, tail)
            except Exception as error:
                raise KeyboardInterrupt from error

        try:
            return await super().commit(groups, raising)
        except KeyboardInterrupt as error:
            raise AssertionError("one revise took all groups with it") from error


class SkipsANumber(MemoryStorage):
    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        tail = await super().read(page, after, limit)
        if isinstance(tail, str) or len(tail.events) < 3:
            return tail
        return replace(tail, events=[*tail.events[:1], *tail.events[2:]])


class KeepsOldTexts(MemoryStorage):
    _texts: dict[tuple[PageKey, int], str]

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        tail = await super().read(page, after, limit)
        if isinstance(tail, str):
            return tail
        self.__dict__.setdefault("_texts", {})
        return replace(tail, events=[self._with_text(page, event) for event in tail.events])

    def _with_text(self, page: PageKey, event: LogEvent) -> LogEvent:
        body = self._texts.setdefault((page, event.seq), event.body)
        return replace(event, body=body)


class TearsLoads(MemoryStorage):
    async def load(self, page: PageKey) -> Loaded:
        before = await super().load(page)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return replace(await super().load(page), position=before.position)


class ErasesByHalf(MemoryStorage):
    async def erase(self, page: PageKey) -> None:
        if found := self._data.pages.get(page):
            found.records.clear()


class RenewsAlways(MemoryStorage):
    async def renew(self, page: PageKey, seen: Position) -> Position:
        [head] = (await self.heads([page])).values()
        return await super().renew(page, Position(head.epoch, head.seq + 1))


class TrimsTooMuch(MemoryStorage):
    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        return await super().trim(before_ms=2**60 if before_ms else 0, keep_events=0)


class CountsTwice(MemoryStorage):
    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        await super().add_usage([replace(d, run_id=token_bytes(8).hex()) for d in deltas])


class ListsByChance(MemoryStorage):
    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        return (await super().pages(tenant_id, after, limit))[::-1]


class HasAKeyOfItsOwn(MemoryStorage):
    async def key(self) -> bytes:
        own: bytes = self.__dict__.setdefault("_key", token_bytes(32))
        return own


class ChangesTheKeyForItselfAlone(MemoryStorage):
    async def rotate_key(self) -> None:
        self.__dict__["_key"] = token_bytes(32)

    async def key(self) -> bytes:
        return self.__dict__.get("_key") or await super().key()


class DiesWhenClosed(MemoryStorage):
    async def close(self) -> None:
        self._data.pages.clear()


class CopiesNoNotes(MemoryStorage):
    async def dump(self, page: PageKey) -> PageCopy:
        copy = await super().dump(page)
        return replace(copy, kept=[one for one in copy.kept if one.event is not None])


class ForgetsWhatWasTrimmed(MemoryStorage):
    async def dump(self, page: PageKey) -> PageCopy:
        return replace(await super().dump(page), trimmed=0)


class RestoresUnderANewEpoch(MemoryStorage):
    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        seq = copy.position.seq
        return await super().restore(page, replace(copy, position=Position("new", seq)))


class RestoresOverAnything(MemoryStorage):
    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        await self.erase(page)
        return await super().restore(page, copy)


class RestoresAsIfNew(MemoryStorage):
    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        young = [replace(one, created_ms=2**50) for one in copy.kept]
        return await super().restore(page, replace(copy, kept=young))


class RestoresOnTop(MemoryStorage):
    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        before = (await self.dump(page)).records
        return await super().restore(page, replace(copy, records=[*before, *copy.records]))


class MixesTenants(MemoryStorage):
    """Finds a page by its name alone."""

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        return await super().commit([replace(g, page=PAGE) for g in groups], revise)

    async def load(self, page: PageKey) -> Loaded:
        return await super().load(PAGE)


class ErasesUsage(MemoryStorage):
    async def erase(self, page: PageKey) -> None:
        await super().erase(page)
        self._data.usage.clear()


class CountsByTheHighestSerial(MemoryStorage):
    highest = 0

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        new = [delta for delta in deltas if delta.run_id != "run" or delta.serial > self.highest]
        self.highest = max([self.highest, *(d.serial for d in deltas if d.run_id == "run")])
        await super().add_usage(new)


class TrimForgetsNotes(MemoryStorage):
    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        for page in self._data.pages.values():
            logged = {one.broadcast_id for one in page.log.values()}
            for name in set(page.remembered) - logged:
                del page.remembered[name]
        return await super().trim(before_ms=before_ms, keep_events=keep_events)


class ReadsBackwards(MemoryStorage):
    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        for by, seq in read.items():
            if by.page in self._data.pages:
                self._data.pages[by.page].read[by.user_id] = seq


class ReadsForNobody(MemoryStorage):
    """As a storage that knows nothing of reading."""

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        return None


class ReadsForEverybody(MemoryStorage):
    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        pages = self._data.pages
        of_page = {one: pages[one.page].read for one in asked if one.page in pages}
        return {one: max(read.values()) for one, read in of_page.items() if read}


class ForgetsInAllTenants(MemoryStorage):
    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        return sum(page.read.pop(user_id, None) is not None for page in self._data.pages.values())


class CopiesNoReaders(MemoryStorage):
    async def dump(self, page: PageKey) -> PageCopy:
        return replace(await super().dump(page), read={})


class KeepsVisitors(MemoryStorage):
    """As a storage that keeps no days."""

    async def trim_read(self, *, before_ms: int) -> int:
        return 0


class DropsEverybody(MemoryStorage):
    async def trim_read(self, *, before_ms: int) -> int:
        dropped = await super().trim_read(before_ms=before_ms)
        if dropped:
            for page in self._data.pages.values():
                page.read.clear()
        return dropped


class DropsByTheMinute(MemoryStorage):
    async def trim_read(self, *, before_ms: int) -> int:
        return await super().trim_read(before_ms=before_ms + 86_400_000)


class CopiesVisitorsAsPeople(MemoryStorage):
    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        done = await super().restore(page, copy)
        self._data.pages[page].moved.clear()
        return done


READING = (
    KeepsVisitors,
    DropsEverybody,
    DropsByTheMinute,
    CopiesVisitorsAsPeople,
    ReadsBackwards,
    ReadsForNobody,
    ReadsForEverybody,
    ForgetsInAllTenants,
    CopiesNoReaders,
)

CAUGHT: list[tuple[type[MemoryStorage], str, dict[str, object]]] = [
    (ForgetsIdempotency, "a_cancelled_commit_is_settled_by_the_same_again", {}),
    (ForgetsIdempotency, "known_and_new_mix", {}),
    (ForgetsIdempotency, "the_same_at_once_is_written_once", {}),
    (ForgetsNotes, "a_note_takes_no_number_and_is_remembered", {}),
    (IgnoresWhoAsks, "an_id_is_not_used_twice", {"other": {"user_id": "bob"}}),
    (HalfCommits, "a_group_is_written_whole_or_not_at_all", {}),
    (Reorders, "numbers_are_gapless_and_in_the_order_given", {}),
    (DropsTheLast, "numbers_are_gapless_and_in_the_order_given", {}),
    (WritesOnAnyHead, "a_moved_head_is_revised_on_the_exact_tail", {}),
    (BuildsOnAnything, "nothing_is_written_on_top_of_another_event", {}),
    (TakesATrimmedHeadForAStray, "nothing_is_written_on_top_of_another_event", {}),
    (LetsOthersBetween, "the_same_at_once_is_written_once", {}),
    (TellsAStaleTail, "a_moved_head_is_revised_on_the_exact_tail", {}),
    (FailsTogether, "a_revise_that_fails_fails_its_group_alone", {}),
    (SkipsANumber, "writers_at_once_see_one_log", {}),
    (KeepsOldTexts, "a_text_is_where_its_record_says", {}),
    (TearsLoads, "a_load_is_one_moment", {}),
    (ErasesByHalf, "erase_forgets_everything", {}),
    (RenewsAlways, "renew_draws_an_epoch_only_for_a_lost_tail", {}),
    (TrimsTooMuch, "trim_keeps_the_newest", {}),
    (TrimsTooMuch, "trim_keeps_what_is_young", {}),
    (TrimForgetsNotes, "trim_keeps_what_is_young", {}),
    (CountsTwice, "usage_is_added_once", {}),
    (CountsByTheHighestSerial, "usage_is_added_once", {}),
    (ErasesUsage, "erase_leaves_the_usage", {}),
    (MixesTenants, "one_name_in_two_tenants_is_two_pages", {}),
    (ListsByChance, "pages_are_listed_in_key_order", {}),
    (HasAKeyOfItsOwn, "the_key_is_the_same_for_all", {}),
    (ChangesTheKeyForItselfAlone, "a_key_is_changed_for_all", {}),
    (DiesWhenClosed, "open_and_close_may_come_twice", {}),
    (DiesWhenClosed, "it_lives_on_in_another_loop", {}),
    (CopiesNoNotes, "a_restored_page_is_the_page_that_was", {}),
    (ForgetsWhatWasTrimmed, "a_restored_page_is_the_page_that_was", {}),
    (RestoresUnderANewEpoch, "a_restored_page_goes_on", {}),
    (RestoresOverAnything, "a_page_that_went_on_is_not_replaced", {}),
    (RestoresAsIfNew, "restored_operations_are_as_old_as_they_were", {}),
    (RestoresOnTop, "an_older_state_is_replaced_whole", {}),
    (RewritesWithoutItsTurn, "no_commit_is_lost_between_reading_and_writing", {}),
    (RewritesNoKnownIds, "notes_are_kept_as_they_are_given", {}),
    (ForgetsUsageOfAll, "usage_of_days_before_is_forgotten", {}),
    (ReadsBackwards, "read_positions_never_go_back", {}),
    (ReadsForNobody, "read_positions_are_kept", {}),
    (ReadsForEverybody, "read_positions_are_kept", {}),
    (ForgetsInAllTenants, "one_persons_reading_is_forgotten", {}),
    (CopiesNoReaders, "read_positions_move_with_their_page", {}),
    (KeepsVisitors, "visitors_who_never_came_again_are_dropped", {}),
    (DropsEverybody, "visitors_who_never_came_again_are_dropped", {}),
    (DropsByTheMinute, "visitors_who_never_came_again_are_dropped", {}),
    (CopiesVisitorsAsPeople, "visitors_of_a_page_that_moved_are_dropped_too", {}),
]


class AllOfIt(StorageContract):
    refuses_strays = True


async def run(kind: type[MemoryStorage], test: str, arguments: Mapping[str, object]) -> None:
    name = f"double-{next(_names)}"
    storage, second = kind(name), kind(name)
    method = getattr(AllOfIt(), f"test_{test}")
    wanted = inspect.signature(method).parameters
    given = {"storage": storage, "second": second, **arguments}
    await method(**{name: value for name, value in given.items() if name in wanted})


@pytest.mark.parametrize(
    ("double", "test", "arguments"),
    CAUGHT,
    ids=[f"{double.__name__}-{test}" for double, test, _ in CAUGHT],
)
async def test_a_broken_storage_is_caught(
    double: type[MemoryStorage], test: str, arguments: Mapping[str, object]
) -> None:
    await run(MemoryStorage, test, arguments)
    with pytest.raises((AssertionError, KeyError)):
        await asyncio.wait_for(run(double, test, arguments), 20)


MODEL_CATCHES = sorted(
    {double for double, _, _ in CAUGHT if double.restore is MemoryStorage.restore}
    - {CopiesNoNotes, ForgetsWhatWasTrimmed, *READING}
    - {RewritesWithoutItsTurn, RewritesNoKnownIds, ForgetsUsageOfAll}
    - {ErasesUsage, CountsByTheHighestSerial, TrimForgetsNotes, MixesTenants}
    - {
        ChangesTheKeyForItselfAlone,
        HasAKeyOfItsOwn,
        CountsTwice,
        ListsByChance,
        FailsTogether,
        TearsLoads,
        LetsOthersBetween,
    },
    key=lambda double: double.__name__,
)


async def run_model(kind: type[MemoryStorage]) -> None:
    for seed in range(8):
        await run(kind, "it_does_what_a_simple_model_does", {"seed": seed})


@pytest.mark.parametrize("double", MODEL_CATCHES)
async def test_the_model_catches_it_too(double: type[MemoryStorage]) -> None:
    with pytest.raises((AssertionError, KeyError)):
        await run_model(double)
