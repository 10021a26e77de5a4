"""A stretch of the log as frames for somebody who missed it, merged like a live batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .batch import MAX_BYTES, MAX_EVENTS, merge, weight
from .frames import encode_events
from .model import Event


def encode_replay(url_id: str, epoch: str, events: Sequence[Event]) -> Iterator[tuple[bytes, int]]:
    """`events` frames that tell these numbers in order, each with how many numbers it tells."""
    part: list[Event] = []
    size = 0
    for event in events:
        part.append(event)
        size += weight(event)
        if len(part) >= MAX_EVENTS or size >= MAX_BYTES:
            yield _encode(url_id, epoch, part)
            part, size = [], 0
    if part:
        yield _encode(url_id, epoch, part)


def merged(events: Sequence[Event]) -> list[Event]:
    """The same numbers with as few events as tell them, as HTTP gives them."""
    return merge(list(events))


def _encode(url_id: str, epoch: str, part: list[Event]) -> tuple[bytes, int]:
    first, last = part[0].seq, part[-1].seq
    return encode_events(url_id, epoch, first, last, merge(part)), last - first + 1
