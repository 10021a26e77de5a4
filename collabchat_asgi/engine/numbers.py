"""What a process tells of itself: its numbers, and whether it is well."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from ..core.measures import Row
from ..version import __version__
from .healing import Healing
from .measuring.counts import Counted, single
from .pages.busiest import Busiest
from .services import Services


class Numbers:
    """Of one process, from its start to its stop; and those of all, by asking them."""

    def __init__(self, services: Services, healing: Healing, counted: Counted) -> None:
        self._services = services
        self._healing = healing
        self._counted = counted
        self._busiest = Busiest()

    def here(self, busiest: bool = False) -> list[Row]:
        """How this process is, and what it has counted until now; where asked for, with its
        busiest pages and tenants."""
        services = self._services
        services.meter.gather()
        rows = [*self.gauges(), *self._counted.rows()]
        if not busiest:
            return rows
        tenants = [connection.tenant_id for connection in services.door.connections.values()]
        return [*rows, *self._busiest.rows(services.pages.all(), tenants)]

    async def everywhere(self) -> dict[str, list[Row]]:
        """What every process that was heard lately has counted, by process, this one first. Who
        does not answer within a second is missing."""
        services = self._services

        async def take() -> dict[str, list[Row]]:
            return await services.census.take(lambda: services.gossip.peers)

        return await services.supervisor.flight("census", take)

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether this process can serve, and what is wrong (PROTOCOL section 6)."""
        services = self._services
        reasons: list[str] = []
        if self._healing.storage_error:
            reasons.append(f"storage: {self._healing.storage_error}")
        if services.door.draining:
            reasons.append("draining")
        degraded = services.ears.deaf_seconds > services.timing.heartbeat_seconds * 1.5
        hook_faults = services.hooks.faults()
        failing = services.reader.failing
        worse = degraded or hook_faults or failing
        status = "unavailable" if reasons else "degraded" if worse else "ok"
        if failing:
            reasons.append(f"pages: {failing} cannot be read here; the log says why")
        if degraded:
            reasons.append("pubsub: this process does not hear itself")
        reasons += [f"usage: {taker} does not take it" for taker in services.meter.failing]
        reasons += hook_faults
        return status != "unavailable", {
            "status": status,
            "reasons": reasons,
            "connections": len(services.door.connections),
            "pages": len(services.pages),
            "usage": services.meter.waiting(),
            "restarts": services.supervisor.restarts,
        }

    def gauges(self) -> list[Row]:
        """How this process is. From any thread."""
        return list(self._gauges())

    def _gauges(self) -> Iterable[Row]:
        services = self._services
        waiting = services.meter.waiting()
        yield single("uptime_seconds", services.codec.now_ms / 1000)
        yield ("process_info", [platform.node(), f"{os.getpid()}", __version__], [1])
        yield single("connections", len(services.door.connections))
        yield single("viewers", sum(len(page.viewers) for page in services.pages.all()))
        yield single("pages", len(services.pages))
        yield single("operations_waiting", services.committer.count)
        yield single("draining", int(services.door.draining))
        yield single("storage_away", int(self._healing.storage_error is not None))
        yield single("deaf_seconds", services.ears.deaf_seconds)
        yield single("peers", len(services.gossip.peers))
        yield ("usage_rows_waiting", ["storage"], [waiting["unstored"]])
        yield ("usage_rows_waiting", ["on_usage"], [waiting["unreported"]])
        yield single("usage_lag_seconds", services.meter.lag_seconds)
