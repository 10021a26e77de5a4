"""A page that is open in this process: its state, its ring, and who looks at it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import getsizeof

from ...config import Tuning
from ...core.batch import Batch
from ...core.frames import encode, encode_page, encode_snapshot, presence_frame
from ...core.model import NOWHERE, Event, Mark, PageKey, Position, User
from ...core.pace import Pacing
from ...core.people import People
from ...core.presence import PagePresence
from ...core.records import DELETED
from ...core.replay import encode_replay
from ...core.ring import Frame, Ring
from ...core.sequencer import Sequencer
from ...core.state import State
from ...core.usage import Tally
from ..clock import Clock
from ..delivery.fanout import fan_out
from ..delivery.outbox import Sendable
from ..delivery.viewer import Owed, Viewer
from ..measuring.counts import Counts

TYPING_IS_SHOWN_SECONDS = 5.0

REPLAY_BYTES = 256 * 1024
"""Of encoded replays that one page keeps."""


class Page:
    """Everything of one page in this process. Nothing here awaits: whoever must, does it outside
    and comes back with what it has read.

    `state` is what has been folded, `sent` the number up to which the ring tells it; between the
    two lies the batch.
    """

    def __init__(
        self,
        key: PageKey,
        topic: str,
        tally: Tally,
        clock: Clock,
        tuning: Tuning,
        pace: Pacing,
        as_message: Callable[[str], Sendable],
        replay: Callable[[Viewer[Page]], None],
        counts: Counts,
        people_listed: int = 0,
    ) -> None:
        self.key = key
        self.topic = topic
        self.tally = tally
        self.state = State()
        self._lent = False
        self._foreseen: tuple[State, Mapping[int, bytes]] | None = None
        self._told: dict[int, bytes] = {}
        """Events of the batch, by number, that are encoded already."""
        self.sequencer = Sequencer(NOWHERE)
        self.sent = 0
        self.viewers: dict[Viewer[Page], None] = {}
        self.presence = PagePresence()
        self.presence_sent = (0, 0)
        self.presence_sent_at = float("-inf")
        self.others_told = 0
        """Connections here that the other processes know of."""
        self.others_told_at = float("-inf")
        self.unnamed = False
        """More people were here than are told by name, when the others were told last."""
        self.people = People(people_listed)
        self.users = 0
        """Calls that need this page to stay in memory right now."""
        self.expired_keys: list[str] = []
        """Records of ids that may come again; they go with the next commit."""
        self.pace = pace
        self.replay = replay
        self._counts = counts
        self._live: dict[Viewer[Page], None] = {}
        self._clock = clock
        self._tuning = tuning
        self._as_message = as_message
        self._batch = Batch()
        self._ring: Ring | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._when_sent: list[Callable[[], None]] = []
        self._snapshot: tuple[Position, list[Owed], int] | None = None
        self._encoded: tuple[Position, bytes, bytes | None] | None = None
        self._replays: dict[int, Owed] = {}
        self._replay_bytes = 0

    @property
    def position(self) -> Position:
        return self.state.position

    @property
    def idle(self) -> bool:
        return not (self.viewers or self.users or not self.presence.empty)

    # what happened

    def forget_deleted(self, before_ms: int) -> None:
        """Ids that were deleted before then may come again."""
        if self.state.remembers(before_ms):
            self._go_on_in_a_copy()  # what was foreseen of it remembers them
            self.expired_keys += (DELETED + id for id in self.state.forget(before_ms))

    def forget_encoded(self) -> None:
        """What can be made again from the state."""
        self._snapshot = self._encoded = None
        self._forget_replays()

    def lend(self) -> State:
        """The state as it stands, for whoever works on it meanwhile, also in another thread: it is
        not changed any more."""
        self._lent = True
        return self.state

    def _go_on_in_a_copy(self) -> None:
        self.state = self.state.fork()
        self._lent = False

    def foresee(self, before: State, after: State, told: Mapping[int, bytes]) -> None:
        """What the log leads to from `before`, folded and encoded already: where the next `accept`
        comes from there to the position of `after`, it takes that as it is."""
        if self.state is before:
            self._foreseen = after, told

    def accept(self, epoch: str, events: Sequence[Event]) -> None:
        """Events of the log, in any order and as often as may be."""
        foreseen, self._foreseen = self._foreseen, None
        ready = self.sequencer.push(epoch, events)
        if not ready:
            return
        if foreseen is not None and foreseen[0].position == self.sequencer.position:
            self.state, told = foreseen
            self._told.update(told)
            self._lent = False
        else:
            if self._lent:
                self._go_on_in_a_copy()
            self.state.fold_all(epoch, ready)
        now = self._clock.monotonic()
        self._batch.add(ready, now)
        due = self._batch.due(now, self.pace)
        if due <= now:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(due - now, self.flush)

    def flush(self) -> None:
        """Send what has gathered. Afterwards `sent` is the position of the state."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        events = self._batch.take()
        if not events:
            return
        started = self._clock.monotonic()
        if self._ring is None:
            tuning = self._tuning
            epoch = self.position.epoch
            self._ring = Ring(self.key.url_id, epoch, tuning.ring_frames, tuning.ring_bytes)
        self._forget_replays()
        self._counts.frame_events.observe(len(events))
        self._counts.frame_wait.observe(started - self._batch.began_at)
        told, self._told = self._told, {}
        frame = self._ring.append(events, told)
        before, self.sent = self.sent, frame.last
        if self._live:
            message = self._as_message(self.text_of(frame))
            delivered, behind = fan_out(self._live, message, frame.size)
            self.tally.delivered(delivered, frame.size, frame.last - frame.first + 1)
            for viewer in behind:
                self._fall_behind(viewer, before)
        ended = self._clock.monotonic()
        self._batch.flushed(started, ended)
        self.pace.flushed(started, ended)
        self._tell_sent()

    def when_sent(self, tell: Callable[[], None]) -> None:
        """Call it when everything that is folded has been sent: now, or after the next flush."""
        self._when_sent.append(tell)
        if self.sent == self.position.seq:
            self._tell_sent()

    def _tell_sent(self) -> None:
        due, self._when_sent = self._when_sent, []
        for tell in due:
            tell()

    def is_read_to(self, mark: Mark) -> bool:
        """Whether somebody here has read that event, or what came after it."""
        return any(viewer.read and viewer.read >= mark.position.seq for viewer in self.viewers)

    def restore(self, state: State, last: str = "", agreed: int | None = None) -> None:
        """The page as it was loaded, `last` being the broadcast id of its last event. Viewers of an
        earlier history start over; what they have read of it beyond `agreed` is not there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._batch.take()
        self._told = {}
        self._ring = None
        self._forget_replays()
        goes_on = self.position.epoch == state.position.epoch or any(
            id in state.chats for id in self.state.chats
        )
        self.state = state
        self._lent = False
        self.sequencer.reset(state.position, last)
        self.sent = state.position.seq
        self._tell_sent()
        self._counts.readers_reset += len(self.viewers)
        for viewer in list(self.viewers):
            self._live.pop(viewer, None)
            viewer.start_over()
            if viewer.read is not None:
                # What was erased is not read, whatever has come in its place already.
                there = self.sent if agreed is None else min(agreed, self.sent)
                viewer.read = min(viewer.read, there) if goes_on else 0
            self.begin(viewer, can=None)

    def lead_to(self, state: State, events: Sequence[Event]) -> bool:
        """Whether these events lead from here to `state`, as far as anybody sees: then viewers are
        told them, and the page is that state."""
        epoch, seq = state.position
        new = [event for event in events if self.position.seq < event.seq <= seq]
        led = self.state.fork()
        led.fold_all(epoch, new)
        if self.position.epoch != epoch or len(new) != seq - self.position.seq:
            return False
        if not led.shows_the_same(state):
            return False
        self.accept(epoch, new)
        self.state = state
        self._lent = False
        return True

    def backfill(self, events: list[Event]) -> None:
        """Numbers from the log that lead up to what is here, for those who resume."""
        if self._ring is None:
            tuning = self._tuning
            epoch = self.position.epoch
            self._ring = Ring(self.key.url_id, epoch, tuning.ring_frames, tuning.ring_bytes)
        oldest = self._ring.oldest()
        end = self.sent if oldest is None else oldest - 1
        earlier = [event for event in events if event.seq <= end]
        if earlier and earlier[-1].seq == end:
            self._ring.extend_left(earlier)

    # who looks at it

    def begin(self, viewer: Viewer[Page], can: Sequence[str] | None) -> None:
        """Answer a subscription with the whole page: `recovered: false`."""
        self.flush()
        texts, size = self.snapshot()
        load = size > self._tuning.snapshot_bytes
        subscribed = self.subscribed(viewer, recovered=False, can=can, load=load)
        if load:
            viewer.waiting = True
            texts = []
        viewer.owe([subscribed, *texts], self.sent)

    def resume(self, viewer: Viewer[Page], since: int, can: Sequence[str]) -> None:
        """Answer a subscription with what was missed: `recovered: true`."""
        self.flush()
        subscribed = self.subscribed(viewer, recovered=True, can=can)
        viewer.replay_from(since, [subscribed])

    def subscribed(
        self,
        viewer: Viewer[Page],
        *,
        recovered: bool,
        can: Sequence[str] | None,
        load: bool = False,
    ) -> Owed:
        frame: dict[str, object] = {
            "type": "subscribed",
            "urlId": self.key.url_id,
            "epoch": self.position.epoch,
            "seq": self.sent,
            "recovered": recovered,
            "can": viewer.can if can is None else can,
        }
        if can is not None:
            viewer.can = tuple(can)
        users, connections = self.presence.counts()
        if users:
            frame["users"], frame["connections"] = users, connections
        people = self.presence.listed(self.people.most)
        if people is not None:
            frame["people"] = list(people.values())
        self.people.show(people, alone=self.viewers.keys() <= {viewer})
        if viewer.read is not None:
            frame["read"] = min(viewer.read, self.sent)
        if load:
            frame["load"] = True
        return Owed(encode(frame).encode())

    def add(self, viewer: Viewer[Page]) -> None:
        self.viewers[viewer] = None

    def remove(self, viewer: Viewer[Page]) -> None:
        self.viewers.pop(viewer, None)
        self._live.pop(viewer, None)

    def rejoin(self, viewer: Viewer[Page]) -> None:
        """The viewer is at the ring's end."""
        if viewer in self.viewers:
            viewer.live = True
            self._live[viewer] = None

    def _fall_behind(self, viewer: Viewer[Page], position: int) -> None:
        if self._live.pop(viewer, viewer) is None:
            viewer.live = False
            viewer.position = position
            viewer.outbox.catch_up(viewer)
            viewer.outbox.pump()

    def tell_presence(self, now: float) -> None:
        """Tell everyone the counts, and who came and left where that is told, if it has changed."""
        counts = self.presence.counts()
        people = self.presence.listed(self.people.most)
        told = counts == self.presence_sent and people == self.people.sent
        if (told and not self.people.owing) or not self.viewers:
            return
        self.presence_sent, self.presence_sent_at = counts, now
        joined, left = self.people.move(people)
        text = presence_frame(self.key.url_id, *counts, joined, left)
        size = len(text.encode())
        delivered = self._say(text, size, self.viewers)
        for viewer in self.viewers:
            viewer.presence_due = viewer not in delivered
            if viewer.presence_due and viewer.live:
                self._fall_behind(viewer, self.sent)

    def tell_typing(self, chat_id: str, user: User) -> None:
        """Tell everyone else that somebody types: now, or behind what is being sent to them, and
        not at all where that takes longer than it is shown."""
        frame = {"type": "typing", "urlId": self.key.url_id, "chatId": chat_id, "user": user}
        text = encode(frame)
        others = [viewer for viewer in self.viewers if viewer.identity.user_id != user.id]
        delivered = self._say(text, len(text.encode()), others)
        until = self._clock.monotonic() + TYPING_IS_SHOWN_SECONDS
        for viewer in others:
            if viewer not in delivered:
                viewer.typing = text, until
                self._fall_behind(viewer, self.sent)

    def tell_read(self, viewer: Viewer[Page], seq: int) -> None:
        """Tell a viewer how far its person has read elsewhere, as soon as it can be told."""
        viewer.read = seq
        viewer.read_due = True
        if viewer.live:
            self._fall_behind(viewer, self.sent)

    def read_text(self, viewer: Viewer[Page]) -> tuple[str, int]:
        text = encode({"type": "read", "urlId": self.key.url_id, "seq": viewer.read})
        return text, len(text.encode())

    def typing_text(self, viewer: Viewer[Page]) -> tuple[str, int] | None:
        """What this viewer could not be told before; None: it is too late by now."""
        typing, viewer.typing = viewer.typing, None
        if typing is None or self._clock.monotonic() > typing[1]:
            return None
        size = len(typing[0].encode())
        self.tally.delivered(1, size, 0)
        return typing[0], size

    def presence_text(self) -> tuple[str, int]:
        # A viewer that was behind does not know what it missed.
        lists = self.people.whole(self.presence.listed(self.people.most))
        text = presence_frame(self.key.url_id, *self.presence.counts(), *lists)
        size = len(text.encode())
        self.tally.delivered(1, size, 0)
        return text, size

    def _say(self, text: str, size: int, viewers: Iterable[Viewer[Page]]) -> set[Viewer[Page]]:
        able = [viewer for viewer in viewers if viewer.live]
        delivered, behind = fan_out(able, self._as_message(text), size)
        self.tally.delivered(delivered, size, 0)
        return set(able) - set(behind)

    # what it says

    def frame_after(self, seq: int) -> Frame | None:
        return self._ring.next(seq) if self._ring else None

    def text_of(self, frame: Frame) -> str:
        return frame.text(self.key.url_id, self.position.epoch)

    def reaches(self, since: int) -> bool:
        """Whether the ring tells all that came after `since`."""
        return self._ring is not None and self._ring.reaches(since)

    def replay_after(self, since: int) -> Owed | None:
        """One frame of what the ring tells after `since`; None where it does not reach back.

        Encoded once for all who resume there, as long as nothing else happens; anybody may ask for
        any `since`, so no more than `REPLAY_BYTES` are kept.
        """
        owed = self._replays.get(since)
        if owed is None:
            events = self._ring.since(since) if self._ring else None
            if not events:
                return None
            owed = Owed(*next(encode_replay(self.key.url_id, self.position.epoch, events)))
            weight = getsizeof(owed.text)
            if self._replay_bytes + weight > REPLAY_BYTES:
                self._forget_replays()
            self._replays[since] = owed
            self._replay_bytes += weight
        return owed

    def _forget_replays(self) -> None:
        self._replays.clear()
        self._replay_bytes = 0

    def replayed(self, events: Sequence[Event]) -> list[Owed]:
        frames = encode_replay(self.key.url_id, self.position.epoch, events)
        return [Owed(text, seqs) for text, seqs in frames]

    def snapshot(self) -> tuple[list[Owed], int]:
        """The page in `snapshot` frames, and their bytes. Encoded once per position."""
        if self._snapshot is None or self._snapshot[0] != self.position:
            frames = encode_snapshot(
                self.key.url_id,
                self.position,
                self.state.snapshot(),
                self._tuning.snapshot_frame_bytes,
            )
            size = sum(map(len, frames))
            self._snapshot = (self.position, [Owed(frame) for frame in frames], size)
        return self._snapshot[1], self._snapshot[2]

    def encoded(self, *, compressed: bool) -> bytes:
        """The answer to `GET v1/chats`. Encoded, and compressed, once per position."""
        if self._encoded is None or self._encoded[0] != self.position:
            body = encode_page(self.position, list(self.state.snapshot()))
            self._encoded = (self.position, body, None)
        position, body, small = self._encoded
        if not compressed:
            return body
        if small is None:
            small = gzip.compress(body, compresslevel=5, mtime=0)
            self._encoded = (position, body, small)
        return small
