"""Pages in Redis: one server, a master that Sentinels name, or a cluster."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

from ..core.model import Mark, PageKey, Position
from ..core.text import ANONYMOUS
from ..errors import MisuseError, StorageError, StorageUnavailable
from ..redis_client.address import Address
from ..redis_client.servers import Command, Servers
from .abc import (
    Group,
    Loaded,
    Outcome,
    PageCopy,
    ReadBy,
    Revise,
    Rewrite,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
    new_epoch,
)
from .redis_bid import Bid
from .redis_checks import keeps_all
from .redis_index import Index
from .redis_page import (
    Names,
    copied,
    copy_of,
    day_of,
    events_of,
    head_of,
    marked,
    recopied,
    records_of,
    stands,
)
from .redis_purge import purge
from .redis_usage import Usage
from .turn import check_groups

__all__ = ["RedisStorage"]

T = TypeVar("T")

SCHEMA = b"1"
OPEN_SECONDS = 10.0
PATIENT_SECONDS = 30.0
"""For what nobody waits for."""
AT_ONCE = 1_000
"""Commands in one pipeline."""
REWRITE_MS = 5_000
"""For which whoever rewrites a page keeps the turn, where it is not heard of again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.0005, 0.008
"""Seconds between two questions whether it is our turn."""


class RedisStorage(Storage):
    """`redis://host:6379/0`, `rediss://…`, `redis+cluster://a:6379,b:6379`,
    `redis+sentinel://a:26379,b:26379/service/0`.

    What is acknowledged is as durable as the server makes it: with `appendonly yes` and
    `appendfsync always` it survives a crash of that server. **A failover is another matter:** Redis
    replicates after it has answered, so a promoted replica may lack the last acknowledged
    operations, and a master cut off from its Sentinels may take some that are lost later (set
    `min-replicas-to-write 1`). Nothing here can bring them back; but no number is given out twice
    in one epoch, so everybody notices and reads the page anew; where an older append-only file was
    put back, whoever had seen more notices (`strays`). In a cluster the list of all pages, which
    `pages`, `trim` and those who forget somebody go by, has a shard of its own: a page that its
    failover takes out of the list is in it again after it was open anywhere for a minute (12
    sweeps). Who must not lose any takes PostgreSQL.

    A server that throws data away when its memory is full is refused, and so is one without an
    append-only file, unless the URL says `?durability=none`. Other options: `timeout` (2 seconds
    per call), `prefix` (of all keys), `service`, `sentinel_username`, `sentinel_password`,
    `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`. The user needs `+info` inside scripts, or else a
    rollback is noticed only by who was ahead of it.

    `clock` gives the Unix time in milliseconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.timeout_seconds = address.timeout
        self._address = address
        self._clock = clock
        self._names = Names(address.prefix)
        self._index = Index(self._names)
        self._usage = Usage(self._names)
        self._servers: Servers | None = None
        self._keeps_all = False

    def __repr__(self) -> str:
        return f"RedisStorage({str(self._address)!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(Address.read(url, "storage"))

    async def open(self) -> None:
        if self._servers and self._servers.loop is asyncio.get_running_loop():
            return
        servers = Servers(self._address, StorageUnavailable, StorageError)
        try:
            await servers.whole(self._prepare(servers), OPEN_SECONDS)
        except BaseException:
            await asyncio.shield(servers.close())
            raise
        self._servers = servers

    async def close(self) -> None:
        servers, self._servers = self._servers, None
        if servers and servers.loop is asyncio.get_running_loop():
            # Also where this call is cancelled: nobody could do it later.
            await asyncio.shield(servers.close())

    async def _prepare(self, servers: Servers) -> None:
        names = self._names
        first = [
            Command(names.schema, ("SET", names.schema, SCHEMA, "NX")),
            Command(names.schema, ("GET", names.schema)),
            Command(names.key, ("SET", names.key, secrets.token_bytes(32), "NX")),
        ]
        checks = [keeps_all(client, self._address) for client in await servers.masters()]
        self._keeps_all = all([await servers.checked(check) for check in checks])
        _, schema, _ = await servers.run(first)
        if schema != SCHEMA:
            raise StorageError(
                f"{self._address} was written by a newer collabchat-asgi: upgrade this one"
            )

    def _open(self) -> Servers:
        if self._servers is None:
            raise MisuseError(f"{self!r} is not open: await open() first")
        return self._servers

    async def _run(self, *commands: Command, again: bool = True) -> list[Any]:
        servers = self._open()
        return await servers.whole(servers.run(commands, again=again))

    async def _whole(self, work: Callable[[Servers], Coroutine[Any, Any, T]]) -> T:
        servers = self._open()
        return await servers.whole(work(servers))

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        check_groups(groups)
        bids = [
            Bid(group, self._names.page(group.page), keeps_all=self._keeps_all) for group in groups
        ]
        return await self._whole(lambda servers: self._commit(servers, bids, revise))

    async def _commit(
        self, servers: Servers, bids: Sequence[Bid], revise: Revise
    ) -> list[Mapping[str, Outcome]]:
        end = servers.loop.time() + self._address.timeout
        pause = FIRST_PAUSE
        try:
            while left := [bid for bid in bids if bid.outcomes is None]:
                if all(bid.waits for bid in left):
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                if servers.loop.time() > end:
                    raise StorageUnavailable(f"{self._address}: others were before us for too long")
                unlisted = [bid for bid in left if bid.wants_listing]
                await self._index.add(servers, [bid.group.page for bid in unlisted])
                for bid in unlisted:
                    bid.listed()
                now_ms = self._clock()
                answers = await servers.run([bid.command(now_ms) for bid in left])
                for bid, answer in zip(left, answers, strict=True):
                    bid.hear(answer, revise)
        finally:
            # Whoever waits behind us would otherwise wait until our turn runs out.
            if leaving := [bid.leave() for bid in bids if bid.holds_turn or bid.waits]:
                await servers.run(leaving)
        return [bid.outcomes for bid in bids if bid.outcomes is not None]

    async def load(self, page: PageKey) -> Loaded:
        [(epoch, seq, flat, last)] = await self._run(self._names.page(page).call("load"))
        return Loaded(head_of(epoch, seq).position, records_of(flat), last.decode())

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        asked = self._names.page(page).call("read", *after, limit)
        [(epoch, seq, trimmed, flat)] = await self._run(asked)
        head = head_of(epoch, seq, trimmed)
        events = events_of(page, after.seq, flat)
        return head.why_no_tail(after) or Tail(head.position, events)

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        heads: dict[PageKey, Position] = {}
        asked = list(pages)
        for start in range(0, len(asked), AT_ONCE):
            chunk = asked[start : start + AT_ONCE]
            keys = [self._names.page(page).head for page in chunk]
            answers = await self._run(
                *(Command(key, ("HMGET", key, "epoch", "seq")) for key in keys)
            )
            for page, (epoch, seq) in zip(chunk, answers, strict=True):
                heads[page] = head_of(epoch or b"", int(seq or 0)).position
        return heads

    async def renew(self, page: PageKey, seen: Position) -> Position:
        renewing = self._names.page(page).call("renew", *seen, new_epoch())
        [(epoch, seq)] = await self._run(renewing)
        return head_of(epoch, seq).position

    async def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Collection[PageKey]:
        # Nearly all stand where they were seen, and to look costs a ninth of a script.
        doubtful: list[PageKey] = []
        asked = [page for page, seen in marks.items() if seen]
        for start in range(0, len(asked), AT_ONCE):
            chunk = asked[start : start + AT_ONCE]
            ids = [self._names.page(page).ids for page in chunk]
            answers = await self._run(
                *(
                    Command(key, ("HMGET", key, *(mark.broadcast_id for mark in marks[page])))
                    for page, key in zip(chunk, ids, strict=True)
                )
            )
            for page, known in zip(chunk, answers, strict=True):
                if not stands(marks[page], known):
                    doubtful.append(page)
        found: set[PageKey] = set()
        for start in range(0, len(doubtful), AT_ONCE):
            chunk = doubtful[start : start + AT_ONCE]
            calls = [self._names.page(page).call("strays", *marked(marks[page])) for page in chunk]
            answers = await self._run(*calls)
            found |= {page for page, strayed in zip(chunk, answers, strict=True) if strayed}
        if self._address.kind == "cluster":
            await self._list_again(asked)
        return found

    async def _list_again(self, pages: Sequence[PageKey]) -> None:
        """With each sweep; where their index is away, pages are served all the same."""
        with suppress(StorageUnavailable):
            await self._whole(lambda servers: self._index.list_again(servers, pages))

    async def renew_stray(self, page: PageKey, marks: Sequence[Mark]) -> Position:
        renewing = self._names.page(page).call("renew_stray", new_epoch(), *marked(marks))
        [(epoch, seq)] = await self._run(renewing)
        return head_of(epoch, seq).position

    async def erase(self, page: PageKey) -> None:
        """The page stays in the index: taking it out could hide one that begins meanwhile."""
        keys = self._names.page(page)
        # Not again by ourselves: it may have been done, and somebody has written since.
        logged = (keys.head, keys.log, keys.records, keys.ids, keys.notes)
        gone = Command(keys.head, ("UNLINK", *logged, keys.read, keys.moved))
        await self._run(gone, again=False)

    async def dump(self, page: PageKey) -> PageCopy:
        answer = await self._run(self._names.page(page).call("dump"))
        return copy_of(page, answer[0])

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        restoring = self._names.page(page).call("restore", *copied(copy, self._clock()))
        await self._whole(lambda servers: self._index.add(servers, [page]))
        [done] = await self._run(restoring)
        return bool(done)

    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        servers = self._open()
        return await servers.whole(self._rewrite(servers, page, rewrite), PATIENT_SECONDS)

    async def _rewrite(self, servers: Servers, page: PageKey, rewrite: Rewrite) -> bool:
        keys, me = self._names.page(page), secrets.token_hex(8)
        end = servers.loop.time() + PATIENT_SECONDS
        try:
            while servers.loop.time() < end:
                [mine] = await servers.run([keys.call("wait", me, REWRITE_MS)])
                if not mine:
                    await asyncio.sleep(LONGEST_PAUSE)
                    continue
                [answer] = await servers.run([keys.call("dump")])
                whole = copy_of(page, answer)
                made = rewrite(whole)
                if made is None:
                    return False
                words = (me, answer[0], answer[-1], *recopied(whole, made, self._clock()))
                [done] = await servers.run([keys.call("rewrite", *words)])
                if done:
                    return True
            raise StorageUnavailable(f"{self._address}: others were before us for too long")
        finally:
            await servers.run([keys.call("leave", me, REWRITE_MS)])

    async def purge(self) -> None:
        """Have every master write its files anew. Replicas do the same with theirs when they are
        told, or by themselves when their files have grown."""
        servers = self._open()
        for client in await servers.masters():
            await servers.checked(purge(client, self._address))

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        of_page: dict[PageKey, list[str | int]] = {}
        for (page, user_id), seq in read.items():
            of_page.setdefault(page, []).extend((user_id, seq))
        today = (ANONYMOUS, day_of(self._clock()))
        # A script's arguments are bounded, and so is how long it may run.
        calls = [
            self._names.page(page).call("keep_read", *today, *words[start : start + 2 * AT_ONCE])
            for page, words in of_page.items()
            for start in range(0, len(words), 2 * AT_ONCE)
        ]
        for start in range(0, len(calls), AT_ONCE):
            await self._run(*calls[start : start + AT_ONCE])

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        found: dict[ReadBy, int] = {}
        left = list(asked)
        for start in range(0, len(left), AT_ONCE):
            some = left[start : start + AT_ONCE]
            keys = [self._names.page(one.page).read for one in some]
            answers = await self._run(
                *(
                    Command(key, ("HGET", key, one.user_id))
                    for key, one in zip(keys, some, strict=True)
                )
            )
            for one, seq in zip(some, answers, strict=True):
                if seq is not None:
                    found[one] = int(seq)
        return found

    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        count, after = 0, None
        while pages := await self.pages(tenant_id, after, AT_ONCE):
            keys = [self._names.page(page) for page in pages]
            dropping = [Command(key.read, ("HDEL", key.read, user_id)) for key in keys]
            count += sum(await self._run(*dropping))
            if user_id.startswith(ANONYMOUS):
                await self._run(*(Command(key.moved, ("ZREM", key.moved, user_id)) for key in keys))
            after = pages[-1]
        return count

    async def trim_read(self, *, before_ms: int) -> int:
        before_day = day_of(before_ms)
        return await self._whole(lambda servers: self._index.trim_read(servers, before_day))

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        return await self._whole(lambda servers: self._index.trim(servers, before_ms, keep_events))

    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        return await self._whole(
            lambda servers: self._index.pages(servers, tenant_id, after, limit)
        )

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        await self._whole(lambda servers: self._usage.add(servers, deltas))

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        return await self._whole(
            lambda servers: self._usage.rows(servers, tenant_id, first_day, last_day)
        )

    async def forget_usage(self, tenant_id: str, before_day: str) -> None:
        await self._whole(lambda servers: self._usage.forget(servers, tenant_id, before_day))

    async def key(self) -> bytes:
        [key] = await self._run(Command(self._names.key, ("GET", self._names.key)))
        return bytes(key)

    async def rotate_key(self) -> None:
        await self._run(Command(self._names.key, ("SET", self._names.key, secrets.token_bytes(32))))
