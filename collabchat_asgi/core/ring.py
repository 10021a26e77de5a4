"""The last frames of a page, shared by all of its viewers: a viewer is a place in it."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec

from .batch import merge
from .frames import encode_event, events_frame
from .model import DeletedTextChat, Event
from .records import with_body


class Frame(msgspec.Struct, eq=False, gc=False):
    """All events `first … last`, and the text that tells them, made when somebody needs it.

    Outside of the garbage collector, as its events are: what a ring holds grows with each event,
    and a process would stop time and again to look at all that it holds.
    """

    first: int
    last: int
    events: Sequence[Event]
    told: Mapping[int, bytes] | None = None
    """Events, by number, that were encoded for the log already."""
    size: int = 0
    """Bytes of the text in UTF-8."""
    weight: int = 0
    """What the ring counts this frame for, from its birth to its end."""
    made: str | None = None
    """The text, as long as nothing has been taken out of it."""

    def text(self, url_id: str, epoch: str) -> str:
        if self.made is None:
            told, events, first = self.told or {}, self.events, self.first
            # What is merged of several has the number of one of them.
            each = [
                (event is events[event.seq - first] and told.get(event.seq)) or encode_event(event)
                for event in merge(list(events))
            ]
            encoded = events_frame(url_id, epoch, first, self.last, each)
            self.made = encoded.decode()
            self.size = len(encoded)
            self.told = None
        return self.made

    def blank(self, seq: int) -> None:
        """Take the text out of one event: it has been edited or deleted since."""
        first = self.first
        self.events = tuple(
            with_body(event, "") if number == seq else event
            for number, event in enumerate(self.events, first)
        )
        self.made = self.told = None


class Ring:
    """At most `max_frames` frames and about `max_bytes`; the oldest go first."""

    __slots__ = ("_bodies", "_bytes", "_frames", "epoch", "max_bytes", "max_frames", "url_id")

    def __init__(self, url_id: str, epoch: str, max_frames: int, max_bytes: int) -> None:
        self.url_id = url_id
        self.epoch = epoch
        self.max_frames = max_frames
        self.max_bytes = max_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._bodies: dict[str, tuple[str, int]] = {}
        """Where each comment's text stands: (chat id, number)."""

    def append(self, events: list[Event], told: dict[int, bytes] | None = None) -> Frame:
        """The next frame, made of the numbers that follow the last one; `told` as in `Frame`."""
        frame = Frame(events[0].seq, events[-1].seq, tuple(events), told)
        self._frames.append(frame)
        self._forget_texts(events)
        frame.text(self.url_id, self.epoch)
        frame.weight = frame.size
        self._bytes += frame.weight
        while len(self._frames) > self.max_frames or (
            self._bytes > self.max_bytes and len(self._frames) > 1
        ):
            self._drop_oldest()
        return frame

    def extend_left(self, events: list[Event]) -> None:
        """Numbers that were read from the log and lead up to the oldest frame, one frame each
        as far as there is room: so that many who resume together cost one read.

        They may have been read before the newest frame was made, and before the oldest was dropped:
        texts that are gone since are blanked, and what leads up to nothing here is not taken.
        """
        oldest = self.oldest()
        if oldest is not None:
            events = [event for event in events if event.seq < oldest]
            if not events or events[-1].seq != oldest - 1:
                return
        bodies = self._bodies
        gone = {event.ended for frame in self._frames for event in frame.events}
        for event in reversed(events):
            if len(self._frames) >= self.max_frames or self._bytes >= self.max_bytes:
                break
            gone.add(event.ended)
            carried = event.carried
            if carried and carried.body:
                if carried.id in bodies or carried.id in gone or event.chat_id in gone:
                    event = with_body(event, "")
                else:
                    bodies[carried.id] = (event.chat_id, event.seq)
            frame = Frame(event.seq, event.seq, (event,))
            self._frames.appendleft(frame)
            frame.weight = 400 + (len(carried.body.encode()) if carried else 0)
            self._bytes += frame.weight

    def oldest(self) -> int | None:
        """The first number that is here."""
        return self._frames[0].first if self._frames else None

    def next(self, seq: int) -> Frame | None:
        """The frame that begins right after `seq`, if `seq` is a boundary in the ring."""
        index = self._index(seq + 1)
        if index is None or self._frames[index].first != seq + 1:
            return None
        return self._frames[index]

    def reaches(self, seq: int) -> bool:
        """Whether everything after `seq` is here."""
        frames = self._frames
        return bool(frames) and (seq == frames[-1].last or self._index(seq + 1) is not None)

    def since(self, seq: int) -> list[Event] | None:
        """All events after `seq`, or None where the ring does not reach back so far."""
        if self._frames and seq == self._frames[-1].last:
            return []
        index = self._index(seq + 1)
        if index is None:
            return None
        events: list[Event] = []
        for place in range(index, len(self._frames)):
            events += self._frames[place].events
        return events[seq + 1 - self._frames[index].first :]

    def _index(self, seq: int) -> int | None:
        frames = self._frames
        if not frames or seq < frames[0].first or seq > frames[-1].last:
            return None
        return bisect_left(frames, seq, key=attrgetter("last"))

    def _forget_texts(self, events: list[Event]) -> None:
        for event in events:
            carried = event.carried
            if carried:
                self._blank(carried.id)
                self._bodies[carried.id] = (event.chat_id, event.seq)
            elif isinstance(event, DeletedTextChat):
                chat_id = event.chat_id
                for id in [id for id, place in self._bodies.items() if place[0] == chat_id]:
                    self._blank(id)
            elif event.ended:
                self._blank(event.ended)

    def _blank(self, comment_id: str) -> None:
        place = self._bodies.pop(comment_id, None)
        index = self._index(place[1]) if place else None
        if place and index is not None:
            self._frames[index].blank(place[1])

    def _drop_oldest(self) -> None:
        frame = self._frames.popleft()
        self._bytes -= frame.weight
        for event in frame.events:
            carried = event.carried
            if carried and self._bodies.get(carried.id, ("", 0))[1] == event.seq:
                del self._bodies[carried.id]
