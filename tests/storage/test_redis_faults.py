"""What happens to a Redis: what was acknowledged is there, and no number has two contents."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.core.model import NOWHERE, Mark, PageKey, Position
from collabchat_asgi.errors import StorageError, StorageUnavailable
from collabchat_asgi.redis_client.servers import Command
from collabchat_asgi.storage.abc import PageCopy, Reason, Record, Reset, Storage, Tail
from collabchat_asgi.storage.redis import RedisStorage
from collabchat_asgi.storage.redis_index import ROUNDS
from collabchat_asgi.storage.redis_page import Names
from collabchat_asgi.testing.proxy import FaultProxy
from collabchat_asgi.testing.services import until
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer
from collabchat_asgi.testing.storage_acts import PAGE, an_event, committed, grow, log_of, put

NAMES = Names("collabchat")

HANGS = 30.0
"""Seconds, far beyond the bound that is set: whoever waits so long waits for ever."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStorage]:
    storage = RedisStorage.from_url(url)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


@pytest.fixture
async def storage(server: RedisServer) -> AsyncIterator[RedisStorage]:
    async with opened(server.url) as storage:
        yield storage


async def settled(storage: Storage, expected: Position, name: str) -> Position:
    """Committed, however often it takes."""
    while True:
        try:
            outcome = (await put(storage, expected, an_event(name)))[name]
        except StorageUnavailable:
            continue
        return committed(outcome).position


async def test_cut_connections_lose_and_repeat_nothing(
    server: RedisServer, storage: RedisStorage
) -> None:
    done = asyncio.Event()

    async def cut() -> int:
        cuts = 0
        while not done.is_set():
            cuts += await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "normal")
        return cuts

    async def write() -> list[Position]:
        try:
            return [await settled(storage, NOWHERE, f"n{n}") for n in range(100)]
        finally:
            done.set()

    positions, cuts = await asyncio.gather(write(), cut())
    assert cuts > 0
    assert [position.seq for position in positions] == list(range(1, 101))
    assert [e.broadcast_id for e in (await log_of(storage)).events] == [f"n{n}" for n in range(100)]


async def test_a_cancelled_call_never_answers_another(server: RedisServer) -> None:
    pages = [PageKey("acme", str(n)) for n in range(20)]
    async with (
        FaultProxy("127.0.0.1", server.port) as proxy,
        opened(f"redis://127.0.0.1:{proxy.port}") as storage,
    ):
        for page in pages:
            mine = an_event(puts=[Record("k", page.url_id.encode())])
            await put(storage, NOWHERE, mine, page=page)
        proxy.to_client.delay_seconds = 0.003
        cancelled = 0
        for n in range(400):
            page = pages[n % len(pages)]
            task = asyncio.ensure_future(storage.load(page))
            await asyncio.wait({task}, timeout=0.0004 * (n % 10))
            cancelled += task.cancel()
            other = pages[(n * 7 + 1) % len(pages)]
            loaded = await storage.load(other)
            assert loaded.records == [Record("k", other.url_id.encode())]
            await asyncio.gather(task, return_exceptions=True)
        assert cancelled > 300


async def test_a_crash_loses_nothing_of_a_log_that_is_synced(
    server: RedisServer, storage: RedisStorage
) -> None:
    head = NOWHERE
    for life in range(3):
        head = await settled(storage, head, f"before {life}")
        writing = [asyncio.ensure_future(settled(storage, head, f"{life}-{n}")) for n in range(10)]
        await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        for written in await asyncio.gather(*writing):
            assert written.epoch == head.epoch
    assert await settled(storage, head, "last") == Position(head.epoch, 34)
    assert len({e.broadcast_id for e in (await log_of(storage)).events}) == 34


async def test_a_live_restore_that_was_written_over_is_told(
    server: RedisServer, storage: RedisStorage, tmp_path: Path
) -> None:
    """The file is in order, so it looks to the server like a crash that lost nothing."""
    head = await grow(storage, 2)
    await asyncio.to_thread(server.kill)
    shutil.copytree(server.folder, tmp_path / "backup")
    await asyncio.to_thread(server.start)
    lost = await settled(storage, head, "lost-1")
    await settled(storage, lost, "lost-2")
    seen = [Mark(Position(head.epoch, seq), f"lost-{seq - 2}") for seq in (3, 4)]
    assert not await storage.strays({PAGE: seen})
    await asyncio.to_thread(server.kill)
    server.forget()
    shutil.copytree(tmp_path / "backup", server.folder, dirs_exist_ok=True)
    await asyncio.to_thread(server.start)
    async with opened(server.url) as fresh:
        await put(fresh, head, *(an_event(f"told-{n}") for n in range(3)))
        grown = {PAGE: Position(head.epoch, 5)}
        assert await storage.heads([PAGE]) == grown, "as if nothing had happened"
        assert await storage.strays({PAGE: seen}) == {PAGE}
        renewed = await storage.renew_stray(PAGE, seen)
        assert (renewed.seq, renewed.epoch == head.epoch) == (5, False)
        assert await fresh.heads([PAGE]) == {PAGE: renewed}


async def test_a_server_that_comes_back_empty(server: RedisServer, storage: RedisStorage) -> None:
    head = await grow(storage, 3)
    server.kill()
    server.forget()
    server.start()
    assert await storage.read(PAGE, head, 9) == Reason.EPOCH
    [outcome] = (await put(storage, head, an_event())).values()
    assert outcome == Reset(NOWHERE)
    fresh = await grow(storage, 1)
    assert fresh.seq == 1
    assert fresh.epoch != head.epoch


@asynccontextmanager
async def rolled_back() -> AsyncIterator[tuple[RedisServer, RedisStorage, Position]]:
    """A server that has forgotten the last two of four events, and the position it had told."""
    with RedisServer(appendonly="no", save="3600 1") as server:
        async with opened(f"{server.url}?durability=none") as storage:
            await grow(storage, 2)
            server.ask("SAVE")
            head = await grow(storage, 2)
            server.kill()
            server.start()
            assert await storage.heads([PAGE]) == {PAGE: Position(head.epoch, 2)}
            yield server, storage, head


async def test_lost_numbers_are_not_given_out_again() -> None:
    async with (
        rolled_back() as (server, storage, head),
        opened(f"{server.url}?durability=none") as fresh,
    ):
        [before] = (await fresh.heads([PAGE])).values()
        [outcome] = (await put(fresh, before, an_event("three again"))).values()
        assert isinstance(outcome, Reset)
        assert outcome.position.seq == 2
        assert outcome.position.epoch != head.epoch
        after = await grow(fresh, 1)
        assert after == Position(outcome.position.epoch, 3)
        assert await storage.read(PAGE, head, 9) == Reason.EPOCH
        assert await grow(storage, 1) == Position(after.epoch, 4)


async def test_who_was_ahead_renews() -> None:
    async with rolled_back() as (_, storage, head):
        assert await storage.read(PAGE, head, 9) == Reason.AHEAD
        renewed = await storage.renew(PAGE, head)
        assert renewed.seq == 2
        assert renewed.epoch != head.epoch
        assert await storage.renew(PAGE, head) == renewed
        assert await grow(storage, 1) == Position(renewed.epoch, 3)


async def test_who_may_not_ask_the_server_goes_on_all_the_same(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all")
    async with opened(server.url.replace("redis://", "redis://app:secret@")) as storage:
        head = await grow(storage, 2)
        server.ask("ACL", "SETUSER", "app", "-info", "-config")
        assert await grow(storage, 1) == Position(head.epoch, 3)


async def test_a_frozen_server_is_waited_for_no_longer_than_told(server: RedisServer) -> None:
    async with opened(f"{server.url}?timeout=0.3") as storage:
        head = await grow(storage, 1)
        server.freeze()
        try:
            for call in (storage.load(PAGE), put(storage, head, an_event("perhaps"))):
                async with asyncio.timeout(HANGS):
                    with pytest.raises(StorageUnavailable):
                        await call
        finally:
            server.thaw()
        assert await settled(storage, head, "perhaps") == Position(head.epoch, 2)
        assert len((await log_of(storage)).events) == 2


async def test_a_turn_that_nobody_takes_passes(server: RedisServer, storage: RedisStorage) -> None:
    keys = NAMES.page(PAGE)
    server.ask("SET", keys.turn, "killed in its turn", "PX", 300)
    server.ask("RPUSH", keys.line, "killed in the line")
    assert await grow(storage, 1) == (await storage.heads([PAGE]))[PAGE]
    assert not server.ask("EXISTS", keys.turn, keys.line)


async def test_who_is_far_away_is_not_starved(server: RedisServer, storage: RedisStorage) -> None:
    async with (
        FaultProxy("127.0.0.1", server.port) as proxy,
        opened(f"redis://127.0.0.1:{proxy.port}") as far,
    ):
        proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = 0.001
        done = asyncio.Event()

        async def near() -> int:
            head, commits = NOWHERE, 0
            while not done.is_set():
                head = await settled(storage, head, f"near {commits}")
                commits += 1
            return commits

        async def distant() -> int:
            head = NOWHERE
            for n in range(50):
                head = await settled(far, head, f"far {n}")
            done.set()
            return 50

        near_commits, far_commits = await asyncio.gather(near(), distant())
        assert near_commits < 10 * far_commits
        assert (await storage.heads([PAGE]))[PAGE].seq == near_commits + far_commits


async def test_a_rewrite_whose_answer_was_lost_is_done_once(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await grow(storage, 2)
    assert storage._servers is not None
    run = storage._servers.run

    async def twice(commands: Sequence[Command], *, again: bool = True) -> list[Any]:
        """As where the connection was cut before the answer came."""
        await run(commands, again=again)
        return await run(commands, again=again)

    monkeypatch.setattr(storage._servers, "run", twice)

    def renewed_once(page: PageCopy) -> PageCopy | None:
        fresh = Position("renewed", page.position.seq)
        return replace(page, position=fresh) if page.position == head else None

    assert await storage.rewrite(PAGE, renewed_once)
    assert await storage.heads([PAGE]) == {PAGE: Position("renewed", 2)}


async def test_a_full_memory_is_told_and_passes(server: RedisServer, storage: RedisStorage) -> None:
    head = await grow(storage, 1)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StorageUnavailable, match="maxmemory"):
        await put(storage, head, an_event("late"))
    assert len((await log_of(storage)).events) == 1
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert await settled(storage, head, "late") == Position(head.epoch, 2)


async def test_a_hole_in_the_log_is_an_error(server: RedisServer, storage: RedisStorage) -> None:
    await grow(storage, 3)
    server.ask("HDEL", NAMES.page(PAGE).log, 2)
    with pytest.raises(StorageError, match="lacks number 2"):
        await log_of(storage)


async def test_a_failover_gives_no_number_twice() -> None:
    with RedisSentinel() as sentinel:
        async with opened(f"{sentinel.url}?timeout=1") as storage:
            head = await grow(storage, 3)
            old = sentinel.master
            await asyncio.to_thread(until, lambda: _replicated(sentinel))
            old.kill()
            await asyncio.to_thread(sentinel.until_promoted, old)
            [outcome] = (await put(storage, head, an_event())).values()
            assert isinstance(outcome, Reset)
            assert outcome.position.seq == 3
            assert await grow(storage, 1) == Position(outcome.position.epoch, 4)
            old.start()  # it believes to be the master until the Sentinels tell it otherwise
            assert await grow(storage, 1) == Position(outcome.position.epoch, 5)


def _replicated(sentinel: RedisSentinel) -> bool:
    offsets = {s.told("INFO", "replication")["master_repl_offset"] for s in sentinel.redis}
    return len(offsets) == 1


@pytest.mark.long
async def test_a_lost_master_takes_only_its_own_pages_along() -> None:
    with RedisCluster() as cluster:
        async with opened(f"{cluster.url}?timeout=0.5") as storage:
            lost = cluster.servers[1]
            pages = [PageKey("acme", str(n)) for n in range(30)]
            heads = {page: await grow(storage, 1, page) for page in pages}
            gone = {page for page in pages if cluster.owner(NAMES.page(page).head) is lost}
            assert 0 < len(gone) < len(pages)
            lost.kill()
            for page in pages:
                if page in gone:
                    with pytest.raises(StorageUnavailable):
                        await storage.load(page)
                else:
                    heads[page] = await grow(storage, 1, page)
            lost.start()
            await asyncio.to_thread(cluster.until_whole)
            assert await storage.heads(pages) == heads
            for page in gone:
                assert await grow(storage, 1, page) == Position(heads[page].epoch, 2)


async def test_an_open_page_that_the_index_has_lost_is_listed_again() -> None:
    """As by a failover of the index's own shard, right after the first commits."""
    with RedisCluster() as cluster:
        async with opened(cluster.url) as storage:
            pages = [PageKey("acme", str(number)) for number in range(50)]
            marks = {}
            for page in pages:
                head = await grow(storage, 1, page)
                marks[page] = [Mark(head, (await storage.load(page)).last)]
            cluster.owner(NAMES.index).ask("ZREMRANGEBYRANK", NAMES.index, 10, -1)
            assert len(await storage.pages(None, None, 99)) == 10
            for _ in range(ROUNDS):
                assert not await storage.strays(marks)
            assert sorted(await storage.pages(None, None, 99)) == sorted(pages)


async def test_a_page_is_listed_again_by_who_may_do_no_more_than_before() -> None:
    """An ACL names each command (`examples/deploy`): it has those that the index needed always."""
    with RedisCluster() as cluster:
        commands = ["+@all", "-@sortedset", "+zadd", "+zrange", "+zrangebylex"]
        for node in cluster.servers:
            node.ask("ACL", "SETUSER", "keeper", "on", ">pw", "~collabchat*", *commands)
        async with opened(cluster.url.replace("://", "://keeper:pw@")) as storage:
            head = await grow(storage, 1)
            marks = {PAGE: [Mark(head, (await storage.load(PAGE)).last)]}
            cluster.owner(NAMES.index).ask("DEL", NAMES.index)
            for _ in range(ROUNDS):
                assert not await storage.strays(marks)
            assert await storage.pages(None, None, 9) == [PAGE]


async def test_pages_are_served_while_their_index_is_away() -> None:
    with RedisCluster() as cluster:
        async with opened(f"{cluster.url}?timeout=0.5") as storage:
            index = cluster.owner(NAMES.index)
            numbers = (PageKey("acme", str(number)) for number in count())
            page = next(p for p in numbers if cluster.owner(NAMES.page(p).head) is not index)
            head = await grow(storage, 1, page)
            index.kill()
            for _ in range(ROUNDS):
                lost = [Mark(head, "lost")]
                assert set(await storage.strays({page: lost})) == {page}


async def test_a_moved_slot_is_found() -> None:
    with RedisCluster() as cluster:
        async with opened(cluster.url) as storage:
            head = await grow(storage, 2)
            _move_slot(cluster, NAMES.page(PAGE))
            assert await grow(storage, 1) == Position(head.epoch, 3)
            tail = await storage.read(PAGE, head, 9)
            assert isinstance(tail, Tail)


def _move_slot(cluster: RedisCluster, keys: Sequence[str]) -> None:
    """All keys of a page to the next master, with one question while they are half way."""
    source = cluster.owner(keys[0])
    target = cluster.servers[(cluster.servers.index(source) + 1) % 3]
    slot = source.ask("CLUSTER", "KEYSLOT", keys[0])
    ids = {server: server.ask("CLUSTER", "MYID").decode() for server in (source, target)}
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    for key in keys:
        source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    for server in cluster.servers:
        server.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
