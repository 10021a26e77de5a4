"""What the tests ask of the rest of `Storage`."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

import pytest

from ..core.model import NOWHERE, PageKey, Position
from ..errors import StorageError
from ..storage.abc import (
    Committed,
    Entry,
    Failed,
    Group,
    Loaded,
    Reason,
    Record,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
)
from .storage_acts import (
    FAR_AHEAD,
    LONG_AGO,
    OTHER,
    PAGE,
    Again,
    a_lookup,
    a_note,
    an_event,
    committed,
    grow,
    later_ms,
    log_of,
    never,
    put,
)


class Reading:
    """Texts, reads, the life of a page, usage, names."""

    usage_at_once: ClassVar[int] = 100
    """Deltas in one call."""

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

    async def test_erase_leaves_the_usage(self, storage: Storage) -> None:
        await grow(storage, 1)
        row = ("acme", PAGE.url_id, "2025-01-31")
        await storage.add_usage([UsageDelta("run", 1, *row, {"frames": 2})])
        await storage.erase(PAGE)
        assert await storage.usage("acme", "2025-01-31", "2025-01-31") == [
            UsageRow(*row, {"frames": 2})
        ]

    async def test_one_name_in_two_tenants_is_two_pages(self, storage: Storage) -> None:
        theirs = PageKey("other", PAGE.url_id)
        entry = an_event("id", puts=[Record("k", b"ours")])
        head = committed((await put(storage, NOWHERE, entry))["id"]).position
        assert await storage.heads([PAGE, theirs]) == {PAGE: head, theirs: NOWHERE}
        assert await storage.load(theirs) == Loaded(NOWHERE, [])
        mine = an_event("id", user_id="mallory", puts=[Record("k", b"theirs")])
        outcome = committed((await put(storage, NOWHERE, mine, page=theirs, revise=never))["id"])
        assert not outcome.again, "an id of another tenant is not known"
        await storage.erase(theirs)
        assert (await storage.load(PAGE)).records == [Record("k", b"ours")]

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
        now = later_ms()
        await put(storage, head, a_note("younger note"))
        young = await grow(storage, 2)
        assert await storage.trim(before_ms=now, keep_events=0) == 3
        tail = await log_of(storage, after=head)
        assert [e.seq for e in tail.events] == [4, 5]
        assert tail.position == young
        again = await put(storage, young, a_lookup("younger note"))
        assert committed(again["younger note"]).again, "it is as young as they are"

    async def test_trim_forgets_ids_with_their_numbers(self, storage: Storage) -> None:
        names = [f"id-{n}" for n in range(6)]
        outcomes = await put(storage, NOWHERE, a_note("note"), *map(an_event, names))
        head = committed(outcomes["id-5"]).position
        await storage.trim(before_ms=FAR_AHEAD, keep_events=2)
        outcomes = await put(storage, head, a_lookup("note"), *map(a_lookup, names))
        remembered = {name for name, o in outcomes.items() if isinstance(o, Committed)}
        assert remembered == {"id-4", "id-5"}

    async def test_a_retry_is_known_while_it_is_young_whatever_is_trimmed(
        self, storage: Storage, second: Storage
    ) -> None:
        """Retries that race a trim find what they did, at its number, also where that is gone."""
        head = await grow(storage, 3)
        young = [an_event(f"young-{n}") for n in range(40)]
        stop = False

        async def trim() -> None:
            while not stop:
                await second.trim(before_ms=LONG_AGO, keep_events=0)
                await asyncio.sleep(0)

        trimming = asyncio.ensure_future(trim())
        for entry in young:
            await put(storage, head, entry, revise=Again(entry))
        for number, entry in enumerate(young, 4):
            for one in (storage, second):
                outcomes = await put(one, head, entry, revise=Again(entry))
                first = committed(outcomes[entry.broadcast_id])
                assert (first.position.seq, first.again) == (number, True)
        stop = True
        await trimming

    async def test_retention_goes_by_the_time_of_the_commits(self, storage: Storage) -> None:
        head = await grow(storage, 1)
        now_ms = await storage.now_ms()
        if now_ms is None:
            now_ms = time.time_ns() // 1_000_000
        made_ms = (await storage.dump(PAGE)).kept[0].created_ms
        assert abs(now_ms - made_ms) < 60_000
        assert await storage.trim(before_ms=min(made_ms, now_ms), keep_events=0) == 0
        assert (await storage.heads([PAGE]))[PAGE] == head

    async def test_usage_of_many_is_added_once(self, storage: Storage, second: Storage) -> None:
        deltas = [
            UsageDelta("many", n, "acme", f"page-{n % 700}", "2025-03-01", {"a": 1, "b": n})
            for n in range(self.usage_at_once)
        ]
        adding = (storage.add_usage(deltas), second.add_usage(deltas[::-1]))
        await asyncio.gather(*adding)
        await storage.add_usage(deltas[len(deltas) // 5 :])
        rows = await second.usage("acme", "2025-03-01", "2025-03-01")
        assert sum(row.counters["a"] for row in rows) == len(deltas)
        assert sum(row.counters["b"] for row in rows) == sum(range(len(deltas)))

    async def test_usage_is_added_once(self, storage: Storage, second: Storage) -> None:
        def delta(serial: int, url_id: str, day: str, run: str = "run", **n: int) -> UsageDelta:
            return UsageDelta(run, serial, "acme", url_id, day, n)

        first = delta(1, "b", "2025-01-31", frames=2, joins=1)
        await storage.add_usage([first, first, delta(2, "a", "2025-01-31", frames=1)])
        await second.add_usage([first, delta(1, "b", "2025-01-31", run="other", frames=2**40)])
        await storage.add_usage([delta(4, "a", "2024-12-31")])
        await storage.add_usage([delta(3, "", "2025-02-01", joins=5)])
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

    async def test_a_key_is_changed_for_all(self, storage: Storage, second: Storage) -> None:
        head = await grow(storage, 2)
        before = await storage.key()
        if type(storage).rotate_key is Storage.rotate_key:
            with pytest.raises(StorageError):
                await storage.rotate_key()
            assert await second.key() == before
            return
        await storage.rotate_key()
        after = await storage.key()
        assert len(after) == 32
        assert after != before
        assert await second.key() == after
        await storage.close()
        await storage.open()
        assert await storage.key() == after
        await second.rotate_key()
        assert await storage.key() not in (before, after)
        assert (await storage.load(PAGE)).position == head

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

    async def test_a_nul_in_a_name_is_kept_or_refused(self, storage: Storage) -> None:
        await put(storage, NOWHERE, an_event("a"), page=PageKey("acme", "a"))
        for page, name in ((PageKey("acme", "a\0b"), "a"), (PageKey("acme", "c"), "a\0b")):
            outcome = (await put(storage, NOWHERE, an_event(name), page=page))[name]
            assert isinstance(outcome, Failed) or committed(outcome) == Committed(
                Position(committed(outcome).position.epoch, 1), an_event(name).receipt
            )
        assert len((await log_of(storage, PageKey("acme", "a"))).events) == 1
