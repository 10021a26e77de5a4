"""Which pages there are: one sorted set, in the order of `PageKey`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..core.model import PageKey
from ..redis_client.servers import Command, Servers
from .redis_page import Names

__all__ = ["Index"]

SEPARATOR = re.compile(rb"\0(?!\xff)")
PAGES_AT_ONCE = 250
NUMBERS_AT_ONCE = 1_000
"""Dropped from one page by one call."""
ROUNDS = 12
"""Calls of `list_again` after which each page was listed again: a minute of sweeps."""
ENOUGH = 10_000
"""Dropped numbers after which a call ends; what is left is for the next one."""


class Index:
    """A page is listed before its first commit, and stays when it is erased: to take it out could
    hide one that begins at that moment, for ever."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._trimmed_to: dict[str, bytes | None] = {}
        self._rounds = 0

    async def add(self, servers: Servers, pages: Collection[PageKey]) -> None:
        members = [word for page in pages for word in (0, listed(page))]
        if members:
            key = self._names.index
            await servers.run([Command(key, ("ZADD", key, *members))])

    async def list_again(self, servers: Servers, pages: Collection[PageKey]) -> None:
        """Every page by one in so many calls, for those that are missing. On a cluster the index
        has a shard of its own, whose failover may lose what those of the pages have kept.

        What is listed already is not written, to a file or a replica. To ask for it first would
        take another command, which an ACL of an earlier release does not have."""
        self._rounds += 1
        turn = self._rounds % ROUNDS
        due = [page for page in pages if hash(page) % ROUNDS == turn]
        for start in range(0, len(due), PAGES_AT_ONCE):
            await self.add(servers, due[start : start + PAGES_AT_ONCE])

    async def pages(
        self, servers: Servers, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        first, last = _after(after and listed(after)), b"+"
        if tenant_id is not None:
            tenant = _tenant(tenant_id)
            last = b"(" + tenant + b"\xff"
            if after is None or listed(after) < tenant:
                first = b"[" + tenant
        return [page_of(member) for member in await self._range(servers, first, last, limit)]

    async def trim(self, servers: Servers, before_ms: int, keep_events: int) -> int:
        """How many numbers were dropped; 0 once all pages were seen, or the time was over."""
        return await self._round(servers, "trim", before_ms, keep_events, NUMBERS_AT_ONCE)

    async def trim_read(self, servers: Servers, before_day: int) -> int:
        """The same for positions."""
        return await self._round(servers, "trim_read", before_day, NUMBERS_AT_ONCE)

    async def _round(self, servers: Servers, script: str, *words: int) -> int:
        """Goes on where the last one stopped: so a page is reached some day, however many there
        are."""
        end = servers.loop.time() + servers.address.timeout / 2
        dropped = 0
        for start in dict.fromkeys((self._trimmed_to.get(script), None)):
            reached = start
            while members := await self._range(servers, _after(reached), b"+", PAGES_AT_ONCE):
                keys = [self._names.page(page_of(member)) for member in members]
                counts: list[int] = await servers.run([key.call(script, *words) for key in keys])
                dropped += sum(counts)
                reached = self._trimmed_to[script] = members[-1]
                if dropped >= ENOUGH or servers.loop.time() > end:
                    return dropped
            self._trimmed_to[script] = None
        return dropped

    async def _range(
        self, servers: Servers, first: bytes, last: bytes, limit: int
    ) -> Sequence[bytes]:
        key = self._names.index
        words = ("ZRANGEBYLEX", key, first, last, "LIMIT", 0, limit)
        [members] = await servers.run([Command(key, words)])
        found: Sequence[bytes] = members
        return found


def listed(page: PageKey) -> bytes:
    return _tenant(page.tenant_id) + page.url_id.encode("utf-8", "surrogatepass")


def _tenant(tenant_id: str) -> bytes:
    """A NUL ends the tenant; one of its own is followed by a byte that begins no text."""
    text = tenant_id.encode("utf-8", "surrogatepass")
    return text.replace(b"\0", b"\0\xff") + b"\0"


def page_of(member: bytes) -> PageKey:
    tenant, url = SEPARATOR.split(member, maxsplit=1)
    texts = (tenant.replace(b"\0\xff", b"\0"), url)
    return PageKey(*(text.decode("utf-8", "surrogatepass") for text in texts))


def _after(member: bytes | None) -> bytes:
    return b"-" if member is None else b"(" + member
