"""Usage, counted in memory, stored as deltas that are never counted twice, reported to the host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from ...core.model import PageKey
from ...core.usage import ConnectionTime, Tally
from ...hooks import Hooks, UsageReport
from ...sparing_log import SparingLog
from ...storage.abc import Storage, UsageDelta
from ..backend import bounded, within
from ..clock import Clock
from .backlog import Backlog, Key

logger = logging.getLogger("collabchat_asgi.usage")

DELTAS_PER_CALL = 500
"""At most, to the storage; fewer where it does not take so many in its time."""

REPORTS_PER_CALL = 100
"""At most, to `on_usage`, which has all of `Timing.hook_seconds` for them."""

LAST_FLUSH_SECONDS = 10.0
"""What a stop waits for usage, at most."""


class Meter:
    """Counts by page and connection, gathered about once a second, kept until they are taken.

    Storage and `on_usage` have a backlog each: neither waits for the other. `(run, serial)` names a
    delta for ever, so that giving it twice adds it once; `report_id` does the same for the host.
    """

    def __init__(
        self,
        storage: Storage,
        hooks: Hooks,
        run: str,
        clock: Clock,
        seconds: float,
        used: Callable[[Mapping[str, int]], None],
        *,
        per_page: bool,
        gathered: Callable[[str, Mapping[str, int]], object] = lambda tenant_id, counters: None,
    ) -> None:
        """`used` is told what was counted on a page, and `gathered` also of which tenant, when it
        is gathered: about once a second."""
        self._storage = storage
        self._hooks = hooks
        self._run = run
        self._clock = clock
        self._seconds = seconds
        self._used = used
        self._per_page = per_page
        self._gathered = gathered
        self._tallies: dict[PageKey, Tally] = {}
        self._moved: set[PageKey] = set()
        """Pages with something to gather: the others are not looked at."""
        self._connections: dict[str, ConnectionTime] = {}
        self._unstored = Backlog(self._delta, self._store, DELTAS_PER_CALL)
        self._unreported = Backlog(self._report, hooks.on_usage, REPORTS_PER_CALL)
        self._log = SparingLog(logger, clock.monotonic)
        self._day = self.today()
        self._stored_at = clock.monotonic()

    def today(self) -> str:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).strftime("%Y-%m-%d")

    def tally(self, key: PageKey) -> Tally:
        """Where this page is counted, until `release`."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(partial(self._moved.add, key))
        return tally

    def release(self, key: PageKey) -> None:
        """The page is not open any more."""
        tally = self._tallies.pop(key, None)
        if tally is not None:
            self._take(key, tally, self._day)

    def connected(self, tenant_id: str, by: int) -> None:
        now = self._clock.monotonic()
        time = self._connections.get(tenant_id)
        if time is None:
            time = self._connections[tenant_id] = ConnectionTime(now)
        time.change(by, now)

    def gather(self) -> None:
        """Move what was counted to the day on which it was counted; called about once a second."""
        today, day = self.today(), self._day
        self._day = today
        while self._moved:
            key = self._moved.pop()
            if key in self._tallies:
                self._take(key, self._tallies[key], day)
        for tenant_id, time in list(self._connections.items()):
            whole = time.take(self._clock.monotonic())
            if whole:
                self._add(Key(tenant_id, "", day), {"connectionSeconds": whole})
            elif not time.open:
                del self._connections[tenant_id]

    def _take(self, key: PageKey, tally: Tally, day: str) -> None:
        counters = tally.take()
        if counters:
            self._used(counters)
            self._add(Key(key.tenant_id, key.url_id if self._per_page else "", day), counters)

    def _add(self, key: Key, counters: Mapping[str, int]) -> None:
        self._gathered(key.tenant_id, counters)
        self._unstored.add(key, counters)
        if self._hooks.bills:
            self._unreported.add(key, counters)

    async def store(self) -> None:
        """Store what was gathered. What fails is kept and tried again by the next call."""
        await self._flush(self._unstored, "stored")
        if not self._unstored:
            self._stored_at = self._clock.monotonic()

    async def report(self) -> None:
        """Give `on_usage` what was gathered. What fails is kept for the next call."""
        await self._flush(self._unreported, "reported to on_usage")

    async def flush(self) -> None:
        """Both at once. Raises the storage's error or else the hook's, when both were tried."""
        tried = await asyncio.gather(
            self._unstored.flush(), self._unreported.flush(), return_exceptions=True
        )
        for error in tried:
            if error is not None:
                raise error

    async def last_flush(self) -> None:
        """At the end of the process, within `LAST_FLUSH_SECONDS`. What is lost then is logged."""
        self.gather()
        tasks = [asyncio.ensure_future(flush()) for flush in (self.store, self.report)]
        try:
            async with within(LAST_FLUSH_SECONDS):
                await asyncio.gather(*tasks)
        except TimeoutError:
            pass
        if self._unstored:
            logger.error(
                "usage failed to be stored before the end, and is lost: %d counts of tenants and "
                "days (collabchat usage does not show them)",
                len(self._unstored),
            )
        if self._unreported:
            logger.error(
                "usage failed to be reported to on_usage before the end: %d reports are lost; the "
                "counts are in the storage as far as they were stored (collabchat usage)",
                len(self._unreported),
            )

    def waiting(self) -> dict[str, int]:
        """Rows that wait for the storage and for `on_usage`, as `health` tells them."""
        return {"unstored": len(self._unstored), "unreported": len(self._unreported)}

    @property
    def lag_seconds(self) -> float:
        """Since the storage has last taken all that waited; 0 where nothing waits."""
        return self._clock.monotonic() - self._stored_at if self._unstored else 0.0

    @property
    def failing(self) -> list[str]:
        """Who did not take what it was given last."""
        storage, hook = self._unstored.failing, self._unreported.failing
        return ["storage"] * storage + ["on_usage"] * hook

    async def _flush(self, backlog: Backlog[UsageDelta] | Backlog[UsageReport], what: str) -> None:
        failed_before = backlog.failing
        try:
            await backlog.flush()
        except Exception as error:
            line = "usage failed to be %s, %d rows are kept for the next flush: %s"
            self._log.warning(what, line, what, len(backlog), error)
        else:
            if failed_before:
                logger.warning("usage is %s again; nothing was lost", what)

    def _delta(self, serial: int, key: Key, counters: dict[str, int]) -> UsageDelta:
        return UsageDelta(self._run, serial, *key, counters)

    def _report(self, serial: int, key: Key, counters: dict[str, int]) -> UsageReport:
        tenant_id, url_id, day = key
        return UsageReport(f"{self._run}-{serial}", tenant_id, url_id or None, day, counters)

    async def _store(self, deltas: list[UsageDelta]) -> None:
        await bounded(self._storage.add_usage(deltas), self._seconds)
