"""From rows of the log to events."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.model import Event
from ...core.records import read_event
from ...storage.abc import LogEvent


def decode_log(events: Iterable[LogEvent]) -> list[Event]:
    """Every number of them; what a newer release has written is an `UnknownEvent`."""
    return [read_event(entry.seq, entry.broadcast_id, entry.event, entry.body) for entry in events]
