"""What `top` shows: two looks at all processes, and what lies between them. No I/O, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.measures import FAMILIES, Row, quantile

Look = Mapping[str, list[Row]]

DEAF_SECONDS = 40.0
LATE_SECONDS = 0.25
"""Of an event loop, from which it is called wrong."""


@dataclass(slots=True)
class Process:
    """One line. Rates are per second, times in seconds; None: nothing happened meanwhile."""

    name: str
    host: str = "?"
    pid: str = "?"
    version: str = "?"
    uptime: float = 0.0
    connections: int = 0
    pages: int = 0
    waiting: int = 0
    operations: float = 0.0
    delivered: float = 0.0
    commit_p50: float | None = None
    commit_p99: float | None = None
    lag: float | None = None


@dataclass(slots=True)
class Scene:
    """Everything on the screen."""

    processes: list[Process] = field(default_factory=list)
    pages: list[tuple[str, str, int, float]] = field(default_factory=list)
    """Tenant, page, viewers, events a second; the busiest first."""
    tenants: list[tuple[str, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def scene(before: Look, now: Look, seconds: float) -> Scene:
    """`before` and `now` lie so many `seconds` apart."""
    made = Scene()
    viewers: dict[tuple[str, str], int] = defaultdict(int)
    events: dict[tuple[str, str], float] = defaultdict(float)
    tenants: dict[str, int] = defaultdict(int)
    for run, rows in sorted(now.items()):
        earlier = before.get(run, [])
        since = _Since(earlier, rows, seconds)
        made.processes.append(_process(run, since))
        made.wrong += (f"{made.processes[-1].pid}: {what}" for what in _wrong(since))
        known = {tuple(labels): numbers[1] for labels, numbers in _of(earlier, "page_now")}
        for labels, numbers in _of(rows, "page_now"):
            tenant_id, url_id = labels
            key = (tenant_id, url_id)
            viewers[key] += int(numbers[0])
            # Every process that has it open sees the same events.
            moved = (numbers[1] - known.get(key, numbers[1])) / seconds
            events[key] = max(events[key], moved)
        for [tenant_id], numbers in _of(rows, "tenant_now"):
            tenants[tenant_id] += int(numbers[0])
    made.wrong += (f"process {run[:8]} does not answer" for run in before if run not in now)
    pages = sorted(viewers, key=lambda key: (-events[key], -viewers[key], key))
    made.pages = [(*key, viewers[key], events[key]) for key in pages]
    made.tenants = sorted(tenants.items(), key=lambda one: (-one[1], one[0]))
    return made


class _Since:
    """One process: what it says now, and how much more that is than before."""

    def __init__(self, before: list[Row], now: list[Row], seconds: float) -> None:
        self._before = {(name, *labels): numbers for name, labels, numbers in before}
        self.rows = now
        self._seconds = seconds

    def now(self, name: str) -> float:
        return sum(numbers[0] for _, numbers in _of(self.rows, name))

    def more(self, name: str, **only: str) -> float:
        """How much a counter has grown, of the labels that are `only` so."""
        keys = FAMILIES[name].labels
        grown = 0.0
        for labels, numbers in _of(self.rows, name):
            if only.items() <= dict(zip(keys, labels, strict=False)).items():
                grown += numbers[0] - self._before.get((name, *labels), [0.0])[0]
        return grown

    def rate(self, name: str) -> float:
        return self.more(name) / self._seconds

    def quantile(self, name: str, q: float, *labels: str) -> float | None:
        for found, numbers in _of(self.rows, name):
            if found == list(labels) and len(numbers) == len(FAMILIES[name].bounds) + 2:
                was = self._before.get((name, *labels), [0.0] * len(numbers))
                moved = [a - b for a, b in zip(numbers, was, strict=True)]
                return quantile(FAMILIES[name], moved, q)
        return None


def _process(run: str, since: _Since) -> Process:
    host, pid, version = next(
        (labels for labels, _ in _of(since.rows, "process_info")), ["?", "?", "?"]
    )
    return Process(
        name=run[:8],
        host=host,
        pid=pid,
        version=version,
        uptime=since.now("uptime_seconds"),
        connections=int(since.now("connections")),
        pages=int(since.now("pages")),
        waiting=int(since.now("operations_waiting")),
        operations=since.rate("operations"),
        delivered=since.rate("events_delivered"),
        commit_p50=since.quantile("storage_seconds", 0.5, "commit"),
        commit_p99=since.quantile("storage_seconds", 0.99, "commit"),
        lag=since.quantile("loop_lag_seconds", 0.9),
    )


def _wrong(since: _Since) -> Iterable[str]:
    if since.now("storage_away"):
        yield "the storage cannot be read"
    if since.now("deaf_seconds") > DEAF_SECONDS:
        yield f"it has heard nothing from the pub/sub for {since.now('deaf_seconds'):.0f} s"
    if since.now("draining"):
        yield "it sends its clients away"
    lag = since.quantile("loop_lag_seconds", 0.9)
    if lag is not None and lag > LATE_SECONDS:
        yield "its event loop is late: something blocks it, or the machine is too busy"
    for name, what in (
        ("storage_failures", "calls of the storage failed"),
        ("pubsub_failures", "calls of the pub/sub failed"),
        ("hook_failures", "hooks failed"),
        ("restarts", "tasks had to be revived"),
    ):
        if (more := since.more(name)) > 0:
            yield f"{more:.0f} {what}"
    if (slow := since.more("connections_closed", code="4509")) > 0:
        yield f"{slow:.0f} readers were too slow"
    if since.now("usage_lag_seconds") > 60:
        yield f"usage waits to be stored for {since.now('usage_lag_seconds'):.0f} s"


def _of(rows: list[Row], name: str) -> Iterable[tuple[list[str], list[float]]]:
    return ((labels, numbers) for found, labels, numbers in rows if found == name)
