"""Usage, counted in memory and flushed as deltas that are never counted twice."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime

from ..core.model import PageKey
from ..core.usage import ConnectionTime, Tally, add
from ..hooks import Hooks, UsageReport
from ..storage.abc import Storage, UsageDelta
from .backend import bounded
from .clock import Clock

logger = logging.getLogger("collabchat_asgi.usage")

MAX_UNREPORTED = 100_000
"""Reports kept for a hook that fails. Beyond it the oldest are lost to the hook, not to storage."""


class Meter:
    """`(run_id, serial)` names each delta for ever, so that giving it twice adds it once."""

    def __init__(
        self,
        storage: Storage,
        hooks: Hooks,
        run: str,
        clock: Clock,
        seconds: float,
        *,
        per_page: bool,
    ) -> None:
        self._storage = storage
        self._hooks = hooks
        self._run = run
        self._clock = clock
        self._seconds = seconds
        self._per_page = per_page
        self._tallies: dict[PageKey, Tally] = {}
        self._connections: dict[str, ConnectionTime] = {}
        self._gathered: dict[tuple[str, str, str], dict[str, int]] = {}
        self._unstored: deque[UsageDelta] = deque()
        self._unreported: deque[UsageReport] = deque(maxlen=MAX_UNREPORTED)
        self._serial = 0
        self._flushing = asyncio.Lock()
        self._day = self.today()

    def today(self) -> str:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).strftime("%Y-%m-%d")

    def tally(self, key: PageKey) -> Tally:
        """Where this page is counted, until `release`."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
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
        for key, tally in self._tallies.items():
            self._take(key, tally, day)
        for tenant_id, time in list(self._connections.items()):
            whole = time.take(self._clock.monotonic())
            if whole:
                row = self._gathered.setdefault((tenant_id, "", day), {})
                add(row, {"connectionSeconds": whole})
            elif not time.open:
                del self._connections[tenant_id]

    def _take(self, key: PageKey, tally: Tally, day: str) -> None:
        counters = tally.take()
        if counters:
            url_id = key.url_id if self._per_page else ""
            add(self._gathered.setdefault((key.tenant_id, url_id, day), {}), counters)

    async def flush(self) -> None:
        """Store what was gathered, and report it. What fails is tried again by the next flush."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for (tenant_id, url_id, day), counters in gathered.items():
            self._serial += 1
            delta = UsageDelta(self._run, self._serial, tenant_id, url_id, day, counters)
            self._unstored.append(delta)
            if self._hooks.bills:
                report_id = f"{self._run}-{self._serial}"
                self._unreported.append(
                    UsageReport(report_id, tenant_id, url_id or None, day, counters)
                )
        if self._unstored:
            deltas = list(self._unstored)
            await bounded(self._storage.add_usage(deltas), self._seconds)
            for _ in deltas:
                self._unstored.popleft()
        if self._unreported:
            reports = list(self._unreported)
            await self._hooks.on_usage(reports)
            for _ in reports:
                self._unreported.popleft()
