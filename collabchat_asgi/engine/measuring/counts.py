"""What this process has done since its start: integers that are added to where it happens, and
turned into rows only when somebody asks.

Nothing here is counted per delivery: what was delivered comes from the usage meter, which has it
per page and second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...core.measures import COUNTS, SECONDS, Histogram, Row
from ...hooks.faults import Faults

USAGE = {
    "messages": "pubSubMessageCount",
    "bytes": "pubSubBandwidth",
    "events_delivered": "eventDeliveryCount",
}


class Calls:
    """Calls of one back end: how long they took, and how they failed."""

    def __init__(self) -> None:
        self.seconds: dict[str, Histogram] = {}
        self.failures: Counter[tuple[str, str]] = Counter()

    def ended(self, call: str, seconds: float, failure: str | None) -> None:
        """`failure` is "failed" or "late"."""
        histogram = self.seconds.get(call)
        if histogram is None:
            histogram = self.seconds[call] = Histogram(SECONDS)
        histogram.observe(seconds)
        if failure is not None:
            self.failures[call, failure] += 1


class Counts:
    """Of one engine, over all its starts and stops."""

    def __init__(self) -> None:
        self.operations: Counter[tuple[str, str]] = Counter()
        self.frames_refused: Counter[str] = Counter()
        self.usage: Counter[str] = Counter()
        self.opened = 0
        self.closed: Counter[str] = Counter()
        self.joins: Counter[str] = Counter()
        self.readers_reset = 0
        self.hints: Counter[str] = Counter()
        self.reopened = 0
        self.gaps = 0
        self.storage = Calls()
        self.pubsub = Calls()
        self.commit_operations = Histogram(COUNTS)
        self.frame_events = Histogram(COUNTS)
        self.frame_wait = Histogram(SECONDS)
        self.loop_lag = Histogram(SECONDS)
        self.restarts: dict[str, int] = {}

    def answered(self, kind: str, outcome: str) -> None:
        """An operation of this kind: `accepted`, `repeated`, or the code of its refusal."""
        self.operations[kind, outcome] += 1

    def used(self, counters: Mapping[str, int]) -> None:
        """What the meter has gathered of one page."""
        for name, counter in USAGE.items():
            self.usage[name] += counters.get(counter, 0)

    def rows(self) -> list[Row]:
        """Everything, as it is now. May be called from any thread: nothing is changed."""
        return [
            *(single(name, self.usage[name]) for name in USAGE),
            single("connections_opened", self.opened),
            single("readers_reset", self.readers_reset),
            single("pubsub_reopened", self.reopened),
            single("pubsub_gaps", self.gaps),
            *rows_of_counter("operations", self.operations),
            *rows_of_counter("frames_refused", self.frames_refused),
            *rows_of_counter("connections_closed", self.closed),
            *rows_of_counter("joins", self.joins),
            *rows_of_counter("hints", self.hints),
            *rows_of_counter("restarts", self.restarts),
            *rows_of_counter("storage_failures", self.storage.failures),
            *rows_of_counter("pubsub_failures", self.pubsub.failures),
            *rows_of_histograms("storage_seconds", self.storage.seconds),
            *rows_of_histograms("pubsub_seconds", self.pubsub.seconds),
            ("commit_operations", [], self.commit_operations.numbers()),
            ("frame_events", [], self.frame_events.numbers()),
            ("frame_wait_seconds", [], self.frame_wait.numbers()),
            ("loop_lag_seconds", [], self.loop_lag.numbers()),
        ]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one engine has counted, and its hooks. It outlives them, and keeps neither alive."""

    counts: Counts
    hook_seconds: Mapping[str, Histogram]
    hook_faults: Mapping[str, Faults]

    def rows(self) -> list[Row]:
        """No gauges. From any thread."""
        failures = {name: faults.failures for name, faults in self.hook_faults.items()}
        return [
            *self.counts.rows(),
            *rows_of_counter("hook_failures", failures),
            *rows_of_histograms("hook_seconds", self.hook_seconds),
        ]


def single(name: str, number: float) -> Row:
    return (name, [], [number])


def rows_of_counter(
    name: str, counters: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> Iterable[Row]:
    for labels, number in list(counters.items()):
        yield (name, [labels] if isinstance(labels, str) else list(labels), [number])


def rows_of_histograms(name: str, histograms: Mapping[str, Histogram]) -> Iterable[Row]:
    for label, histogram in list(histograms.items()):
        yield (name, [label], histogram.numbers())
