"""What goes on by itself, about once a second."""

from __future__ import annotations

from .news import News
from .services import Services

STOOD_STILL_SECONDS = 0.1
"""A tick that comes so much too late says that clients have not been read meanwhile."""

JUMP_MS = 1_000
"""A wall clock that moved so much more or less than time did was set: identities end by it."""

BEATS_PER_TIDYING = 10
"""Ticks between two looks at what may be forgotten."""

DAY_MS = 86_400_000


class Ticker:
    """Everybody who has something to do about once a second."""

    def __init__(self, services: Services, news: News) -> None:
        self._services = services
        self._news = news

    async def run(self) -> None:
        """For ever."""
        services = self._services
        timing, clock = services.timing, services.clock
        pause = min(
            1.0, timing.presence_seconds, timing.ping_seconds / 4, timing.silence_seconds / 4
        )
        still = min(STOOD_STILL_SECONDS, timing.silence_seconds / 4)
        beat = 0
        last = clock.monotonic()
        wall_ms = clock.now_ms()
        while True:
            await clock.sleep(pause)
            now = clock.monotonic()
            was_ms, wall_ms = wall_ms, clock.now_ms()
            if abs(wall_ms - was_ms - (now - last) * 1000) > JUMP_MS:
                services.door.look_at_all()
            asleep, last = max(0.0, now - last - pause), now
            services.counts.loop_lag.observe(asleep)
            if asleep > still:
                services.door.stood_still(asleep)
            self.tick(now)
            beat += 1
            if beat % BEATS_PER_TIDYING == 0:
                await self._tidy()
            await self.listen_again()

    def tick(self, now: float) -> None:
        """What is due now."""
        services = self._services
        services.door.tick(now)
        services.gossip.tick()
        services.users.tick()
        self._news.doubts.tick()
        services.key_watch.tick()
        services.meter.gather()

    async def listen_again(self) -> None:
        """Where the process has not heard itself for too long."""
        if await self._services.ears.reopen_if_deaf(self._topics):
            self._news.missed()

    async def _tidy(self) -> None:
        services = self._services
        services.users.forget()
        oldest = services.storage_time.now_ms() - int(services.timing.dedupe_days * DAY_MS)
        for page in services.pages.all():
            page.forget_deleted(oldest)
        await services.pages.evict()

    def _topics(self) -> list[str]:
        return [page.topic for page in self._services.pages.all()]
