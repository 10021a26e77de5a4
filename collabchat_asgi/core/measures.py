"""What is measured, under which names, and how a distribution is kept: plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the buckets of what takes time."""
COUNTS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 512.0)
"""Of what comes in numbers."""

Row = tuple[str, list[str], list[float]]
"""A family's name, the values of its labels, and one number; of a histogram the count of each
bucket, the one without an upper end included, and then the sum."""


class Family(NamedTuple):
    """One thing that is measured. Labels never hold what a user wrote, nor tenants or pages."""

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


FAMILIES: dict[str, Family] = {
    "uptime_seconds": Family("gauge", "Since this process has started."),
    "process_info": Family("gauge", "1; which process that is.", ("host", "pid", "version")),
    "connections": Family("gauge", "WebSockets that are open."),
    "viewers": Family("gauge", "Subscriptions to pages."),
    "pages": Family("gauge", "Pages in memory."),
    "operations_waiting": Family("gauge", "Operations that wait for a commit, or are in one."),
    "draining": Family("gauge", "1 while clients are sent away."),
    "storage_away": Family("gauge", "1 where the last sweep could not read the storage."),
    "deaf_seconds": Family("gauge", "Since this process has heard itself over the pub/sub."),
    "peers": Family("gauge", "Other processes that were heard lately."),
    "usage_rows_waiting": Family("gauge", "Usage that was not taken yet.", ("taker",)),
    "usage_lag_seconds": Family("gauge", "Since the storage has taken all usage that waited."),
    "operations": Family(
        "counter",
        "Operations that were answered: accepted, repeated, or the code of the refusal.",
        ("type", "outcome"),
    ),
    "frames_refused": Family("counter", "Errors on sockets but those of operations.", ("code",)),
    "messages": Family("counter", "As pubSubMessageCount."),
    "bytes": Family("counter", "As pubSubBandwidth."),
    "events_delivered": Family("counter", "As eventDeliveryCount."),
    "connections_opened": Family("counter", "WebSockets that were welcome."),
    "connections_closed": Family(
        "counter", "WebSockets that were closed here; 4509: a slow reader.", ("code",)
    ),
    "joins": Family(
        "counter",
        "Subscriptions: whole (the page was asked for), recovered, reset (a resume that got the "
        "whole page), or refused.",
        ("outcome",),
    ),
    "readers_reset": Family("counter", "Readers whose page began anew: another epoch."),
    "hints": Family(
        "counter",
        "Messages between processes: sent, failed, heard, strange (cannot be opened), doubted.",
        ("fate",),
    ),
    "pubsub_reopened": Family("counter", "Times that this process was deaf, and opened it anew."),
    "pubsub_gaps": Family("counter", "Times that the pub/sub said it may have lost something."),
    "storage_failures": Family(
        "counter", "Calls that raised (failed), or were given up (late).", ("call", "outcome")
    ),
    "pubsub_failures": Family(
        "counter", "Calls that raised (failed), or were given up (late).", ("call", "outcome")
    ),
    "hook_failures": Family("counter", "Hooks that raised, hung or returned nonsense.", ("hook",)),
    "restarts": Family("counter", "Tasks of this process that had to be revived.", ("task",)),
    "storage_seconds": Family("histogram", "Calls of the storage.", ("call",), SECONDS),
    "pubsub_seconds": Family("histogram", "Calls of the pub/sub.", ("call",), SECONDS),
    "hook_seconds": Family("histogram", "Calls of the host's hooks.", ("hook",), SECONDS),
    "commit_operations": Family("histogram", "Operations in one commit.", (), COUNTS),
    "frame_events": Family("histogram", "Events in one frame to all readers.", (), COUNTS),
    "frame_wait_seconds": Family(
        "histogram", "From the first event of a frame to its sending.", (), SECONDS
    ),
    "loop_lag_seconds": Family(
        "histogram", "How late the event loop is, about once a second.", (), SECONDS
    ),
}
"""By name, without `collabchat_` before it and what Prometheus puts behind it."""


NO_AMOUNTS = {
    "uptime_seconds",
    "process_info",
    "draining",
    "storage_away",
    "deaf_seconds",
    "usage_lag_seconds",
}
"""Gauges that are not added up: of several the greatest counts."""


def together(told: Sequence[Sequence[Row]]) -> list[Row]:
    """What several have counted, as if they were one."""
    if len(told) == 1:
        return list(told[0])
    found: dict[tuple[str, ...], list[float]] = {}
    for name, labels, numbers in (row for rows in told for row in rows):
        before = found.get((name, *labels))
        if before is None:
            found[name, *labels] = numbers
        elif name in NO_AMOUNTS:
            found[name, *labels] = [max(pair) for pair in zip(before, numbers, strict=True)]
        else:
            found[name, *labels] = [sum(pair) for pair in zip(before, numbers, strict=True)]
    return [(name, labels, numbers) for (name, *labels), numbers in found.items()]


class Histogram:
    """How many numbers were at most so large. One observation costs some tenths of a microsecond.

    Nothing is locked: it is changed in one thread, and a reader elsewhere may miss the last one.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def numbers(self) -> list[float]:
        return [*self.counts, self.sum]


def quantile(family: Family, numbers: list[float], q: float) -> float | None:
    """The upper end of the bucket that holds the share `q`; None where nothing was observed, and
    infinity beyond the last end."""
    counts = numbers[:-1]
    wanted = sum(counts) * q
    if not sum(counts):
        return None
    reached = 0.0
    for bound, count in zip((*family.bounds, float("inf")), counts, strict=True):
        reached += count
        if reached >= wanted:
            return bound
    return float("inf")
