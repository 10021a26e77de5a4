"""One per process: everything behind the sockets, composed, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..config import Limits, Timing, Tuning
from ..core.measures import Row
from ..core.model import PageKey
from ..core.pace import Pace
from ..core.usage import COUNTERS
from ..errors import StorageUnavailable
from ..hooks import Hooks
from ..pubsub.abc import PubSub
from ..storage.abc import Storage
from .backend import bound_of, bounded
from .clock import Clock, SystemClock
from .delivery.outbox import Sendable
from .erasing.chat_retention import ChatRetention
from .erasing.erasure import Forgetting, forget
from .erasing.retention import Retention
from .healing import Healing
from .measuring.counts import Counted, Counts
from .measuring.meter import Meter
from .measuring.traces import Tracer
from .measuring.watched import PUBSUB_CALLS, STORAGE_CALLS, watched
from .news import News
from .numbers import Numbers
from .pages.page import Page
from .peers.hints import topic_of
from .services import Given, Services, close_backends, open_services
from .supervisor import Supervisor
from .ticker import Ticker
from .writing.operations import settle
from .writing.submission import Submission


@dataclass(frozen=True, slots=True)
class Running:
    """What there is from `start` to `stop`."""

    services: Services
    healing: Healing
    news: News
    numbers: Numbers
    ticker: Ticker


class Engine:
    """`start` and `stop` may be called again and again, also in other event loops."""

    def __init__(
        self,
        storage: Storage,
        pubsub: PubSub,
        hooks: Hooks,
        limits: Limits,
        timing: Timing,
        tuning: Tuning,
        as_message: Callable[[str], Sendable],
        *,
        usage_per_page: bool = False,
        clock: Clock | None = None,
        tracer: Tracer | None = None,
        chat_days: Mapping[str, float] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        counts = Counts()
        self._given = Given(
            storage=watched(storage, STORAGE_CALLS, counts.storage, clock),
            pubsub=watched(pubsub, PUBSUB_CALLS, counts.pubsub, clock),
            hooks=hooks,
            limits=limits,
            timing=timing,
            tuning=tuning,
            as_message=as_message,
            usage_per_page=usage_per_page,
            clock=clock,
            tracer=tracer,
            chat_days=chat_days or {},
            counts=counts,
            pace=Pace(timing.batch_seconds),
            seconds=bound_of(storage, timing),
        )
        self._running: Running | None = None
        self.counted = Counted(counts, hooks.seconds_taken(), hooks.faults_of())
        """Over all its starts and stops."""

    async def start(self) -> None:
        """Open the back ends and begin to work. Raises `StorageError` where the storage is away,
        and has then closed what it had opened."""
        supervisor = Supervisor(self._given.counts.restarts)
        try:
            await self._start(supervisor)
        except BaseException:
            self._running = None
            await asyncio.shield(close_backends(self._given, supervisor))
            raise

    async def _start(self, supervisor: Supervisor) -> None:
        given = self._given
        services = await open_services(given, supervisor, lambda busiest: numbers.here(busiest))
        healing = Healing(services)
        numbers = Numbers(services, healing, self.counted)
        news = News(services, given.pubsub, given.tracer, healing.heal)
        ticker = Ticker(services, news)
        self._running = Running(services, healing, news, numbers, ticker)

        async def every_flush(flush: Callable[[], Awaitable[None]]) -> None:
            while True:
                await services.clock.sleep(services.timing.usage_flush_seconds)
                await flush()

        for name, run in (
            ("committer", services.committer.run),
            ("publisher", lambda: services.publisher.run(supervisor)),
            ("listener", news.listener.run),
            ("reading", services.reading.run),
            ("ticker", ticker.run),
            ("sweeper", healing.run),
            ("usage", lambda: every_flush(services.meter.store)),
            ("quotas", lambda: every_flush(services.flush_quotas)),
            ("billing", lambda: every_flush(services.meter.report)),
            ("retention", self._retention(services).run),
            ("revalidation", services.door.revalidation.run),
            ("on_event", services.telling.run),
        ):
            supervisor.forever(name, run)
        services.gossip.greet()

    def _retention(self, services: Services) -> Retention:
        given = self._given
        chats = None
        if given.chat_days:
            chats = ChatRetention(
                given.storage,
                services.pages,
                services.committer,
                lambda tenant_id: given.chat_days.get(tenant_id, given.chat_days.get("*")),
                given.seconds,
            )
        return Retention(
            given.storage,
            services.storage_time,
            given.clock,
            given.limits,
            given.timing,
            chats,
            given.seconds,
        )

    async def stop(self) -> None:
        """Close connections, store usage, release the back ends. Idempotent, and nothing correct
        depends on it."""
        running = self._running
        if running is None:
            return
        services = running.services
        services.supervisor.ending = True
        services.door.close()
        await services.committer.settled(self._given.seconds)
        await services.reading.store()
        await services.meter.last_flush()
        await services.flush_quotas()
        try:
            await close_backends(self._given, services.supervisor)
        finally:
            if self._running is running:  # and was not started again meanwhile
                self._running = None

    @property
    def running(self) -> Running:
        """Raises `StorageUnavailable` where it is not started, or has been stopped."""
        if self._running is None:
            raise StorageUnavailable("this process is not running, or is stopping")
        return self._running

    @property
    def services(self) -> Services:
        """Raises `StorageUnavailable`, as `running`."""
        return self.running.services

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def gauges(self) -> list[Row]:
        """How it is; nothing while it does not run. From any thread."""
        running = self._running
        return [] if running is None else running.numbers.gauges()

    @property
    def meter(self) -> Meter:
        """What is counted here and who has been told. Raises `StorageUnavailable`, as `running`."""
        return self.services.meter

    @property
    def hooks(self) -> Hooks:
        return self._given.hooks

    # what a host asks for

    async def page(self, key: PageKey) -> Page:
        """The page with everything that was committed before this call. Raises `StorageError`."""
        services = self.services
        async with services.pages.using(key) as page:
            await services.reader.current(page)
            page.flush()
            return page

    async def settle(self, submission: Submission) -> dict[str, Any]:
        """Commit and return the ack without its `type`. Raises `Refused`."""
        return await settle(self.services.operations, submission)

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[dict[str, Any]]:
        """Flushed counts by day, both days included (PROTOCOL section 7). Raises `StorageError`."""
        call = self.services.storage.usage(tenant_id, first_day, last_day)
        rows = await bounded(call, self._given.seconds)
        return [
            {"tenantId": row.tenant_id}
            | ({"urlId": row.url_id} if row.url_id else {})
            | {"day": row.day}
            | {name: row.counters.get(name, 0) for name in COUNTERS}
            for row in rows
        ]

    async def forget(self, user_id: str, tenant_id: str | None) -> Forgetting:
        """Take a person out of all pages of the tenant (or of every one), and tell whoever looks.
        Raises `StorageError`."""
        services = self.services
        # What this process has gathered of them would come after their end.
        await services.reading.store()
        await services.store_quotas()
        told: list[PageKey] = []

        def rewritten(key: PageKey, epoch: str) -> None:
            renewed(services, key, epoch)
            told.append(key)

        done = await forget(services.storage, user_id, tenant_id, rewritten=rewritten)
        for key in told:
            await _current(services, key)
        return done

    async def erase(self, key: PageKey) -> int:
        """Forget a page, and tell whoever looks. How many numbers its log had given out. Raises
        `StorageError`."""
        services = self.services
        heads = await bounded(services.storage.heads([key]), self._given.seconds)
        await services.storage.erase(key)
        renewed(services, key, "")
        await _current(services, key)
        return heads[key].seq


def renewed(services: Services, key: PageKey, epoch: str) -> None:
    """Other processes look at once, and need not wait for their sweep."""
    services.publisher.happened(topic_of(key), epoch, [])


async def _current(services: Services, key: PageKey) -> None:
    page = services.pages.get(key)
    if page is not None:
        await services.reader.current(page)
