"""What this process has done since its start: integers that are added to where it happens, and
turned into rows only when somebody asks.

Nothing here is counted per delivery: what was delivered comes from the usage meter, which has it
per page and second.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...core.measures import COUNTS, SECONDS, Histogram, Row
from ...version import __version__

if TYPE_CHECKING:
    from ..engine import Engine

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

    def answered(self, kind: str, outcome: str) -> None:
        """An operation of this kind: `accepted`, `repeated`, or the code of its refusal."""
        self.operations[kind, outcome] += 1

    def used(self, counters: Mapping[str, int]) -> None:
        """What the meter has gathered of one page."""
        for name, counter in USAGE.items():
            self.usage[name] += counters.get(counter, 0)

    def rows(self, engine: Engine) -> list[Row]:
        """Everything, as it is now. May be called from any thread: nothing is changed."""
        return [
            *_gauges(engine),
            *(_one(name, self.usage[name]) for name in USAGE),
            _one("connections_opened", self.opened),
            _one("readers_reset", self.readers_reset),
            _one("pubsub_reopened", self.reopened),
            _one("pubsub_gaps", self.gaps),
            *_counters("operations", self.operations),
            *_counters("frames_refused", self.frames_refused),
            *_counters("connections_closed", self.closed),
            *_counters("joins", self.joins),
            *_counters("hints", self.hints),
            *_counters("storage_failures", self.storage.failures),
            *_counters("pubsub_failures", self.pubsub.failures),
            *_counters("hook_failures", engine.hooks.failures()),
            *_counters("restarts", engine.supervisor.restarts),
            *_histograms("storage_seconds", self.storage.seconds),
            *_histograms("pubsub_seconds", self.pubsub.seconds),
            *_histograms("hook_seconds", engine.hooks.seconds_taken()),
            ("commit_operations", [], self.commit_operations.numbers()),
            ("frame_events", [], self.frame_events.numbers()),
            ("frame_wait_seconds", [], self.frame_wait.numbers()),
            ("loop_lag_seconds", [], self.loop_lag.numbers()),
        ]


def _gauges(engine: Engine) -> Iterable[Row]:
    waiting = engine.meter.waiting()
    yield _one("uptime_seconds", engine.codec.now_ms / 1000)
    yield ("process_info", [platform.node(), f"{os.getpid()}", __version__], [1])
    yield _one("connections", len(engine.connections))
    yield _one("viewers", sum(len(page.viewers) for page in engine.pages.all()))
    yield _one("pages", len(engine.pages))
    yield _one("operations_waiting", engine.committer.count)
    yield _one("draining", int(engine.draining))
    yield _one("storage_away", int(engine.storage_away))
    yield _one("deaf_seconds", engine.deaf_seconds)
    yield _one("peers", len(engine.gossip.peers))
    yield ("usage_rows_waiting", ["storage"], [waiting["unstored"]])
    yield ("usage_rows_waiting", ["on_usage"], [waiting["unreported"]])
    yield _one("usage_lag_seconds", engine.meter.lag_seconds)


def _one(name: str, number: float) -> Row:
    return (name, [], [number])


def _counters(
    name: str, counters: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> Iterable[Row]:
    for labels, number in list(counters.items()):
        yield (name, [labels] if isinstance(labels, str) else list(labels), [number])


def _histograms(name: str, histograms: Mapping[str, Histogram]) -> Iterable[Row]:
    for label, histogram in list(histograms.items()):
        yield (name, [label], histogram.numbers())
