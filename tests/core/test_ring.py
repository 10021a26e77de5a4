from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given

from collabchat_asgi.core.batch import merge
from collabchat_asgi.core.frames import encode_events
from collabchat_asgi.core.model import (
    ChatDraft,
    CreateChat,
    Draft,
    EditComment,
    EditedDraft,
    Event,
    ResolveChat,
)
from collabchat_asgi.core.records import with_body
from collabchat_asgi.core.ring import Frame, Ring
from collabchat_asgi.core.state import State

from .histories import ANN, EPOCH, URL, Page, Tape, anchor, catches, chats, many, tapes

_decode = msgspec.json.Decoder(list[Event]).decode


class Log:
    """What the storage would answer: the texts that are gone are gone here."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def read(self, after: int, limit: int) -> list[Event]:
        return [self.as_stored(event) for event in self.page.events[after : after + limit]]

    def as_stored(self, event: Event) -> Event:
        carried = event.carried
        return with_body(event, "") if carried and carried.body in self.page.gone else event


class Viewer:
    """A client's confirmed page, grown from the text of frames alone."""

    def __init__(self) -> None:
        self.state = State()

    @property
    def seq(self) -> int:
        return self.state.position.seq

    def see(self, text: str) -> None:
        frame = json.loads(text)
        assert (frame["type"], frame["urlId"], frame["epoch"]) == ("events", URL, EPOCH)
        assert frame["first"] == self.seq + 1
        events = _decode(msgspec.json.encode(frame["events"]))
        seqs = [event.seq for event in events]
        assert seqs == sorted(set(seqs))
        assert all(frame["first"] <= seq <= frame["last"] for seq in seqs)
        self.state.fold_all(EPOCH, events)
        self.state.position = self.state.position._replace(seq=frame["last"])

    def resume(self, ring: Ring, log: Log, head: int) -> None:
        """As after a lost connection: from the ring, else from the log."""
        events = ring.since(self.seq)
        if events is None:
            events = log.read(self.seq, head)
        if events:
            assert [event.seq for event in events] == list(range(self.seq + 1, head + 1))
            encoded = encode_events(URL, EPOCH, self.seq + 1, head, merge(events))
            self.see(encoded.decode())
        assert self.seq == head


def walk(ring: Ring) -> list[Frame]:
    frames: list[Frame] = []
    oldest = ring.oldest()
    at = None if oldest is None else oldest - 1
    while at is not None and (frame := ring.next(at)):
        frames.append(frame)
        at = frame.last
    return frames


def check_no_earlier_text(ring: Ring, page: Page) -> None:
    everything = [frame.text(URL, EPOCH) for frame in walk(ring)]
    oldest = ring.oldest()
    assert oldest is not None
    there = [event.carried for event in ring.since(oldest - 1) or ()]
    everything += [carried.body for carried in there if carried]
    told = "".join(everything)
    for text in page.gone:
        assert text not in told, "a text that was edited or deleted away is still told"


def check_bounds(ring: Ring) -> None:
    frames = walk(ring)
    assert len(frames) <= ring.max_frames
    weight = sum(frame.weight for frame in frames)
    size = sum(len(frame.text(URL, EPOCH).encode()) for frame in frames)
    slack = max(max(frame.size, frame.weight) for frame in frames)
    assert weight <= ring.max_bytes + slack or len(frames) == 1
    assert size <= 2 * ring.max_bytes + slack


def check_ring(make: type[Ring], data: bytes) -> None:
    """Viewers of any speed end in the page's state, and no replay tells what is gone."""
    tape = Tape(data)
    page = Page()
    log = Log(page)
    ring = make(URL, EPOCH, 2 + tape.below(12), (2_000, 8_000, 100_000)[tape.below(3)])
    viewers = [Viewer() for _ in range(3)]
    old_read: list[Event] = []
    head = 0
    while tape:
        for _ in range(1 + tape.below(5)):
            page.step(tape)
        new = page.events[head:]
        if new:
            encoded = {event.seq: msgspec.json.encode(event) for event in new if tape.below(2)}
            frame = ring.append(list(new), encoded)
            head = page.state.position.seq
            assert (frame.first, frame.last) == (new[0].seq, head)
            check_no_earlier_text(ring, page)
            check_bounds(ring)
        for viewer in viewers:
            match tape.below(6):
                case 0 | 1:
                    while step := ring.next(viewer.seq):
                        viewer.see(step.text(URL, EPOCH))
                case 2:
                    if step := ring.next(viewer.seq):
                        viewer.see(step.text(URL, EPOCH))
                case 3:
                    viewer.resume(ring, log, head)
                case _:
                    pass
        oldest = ring.oldest()
        match tape.below(8):
            case 0 if oldest is not None:
                ring.extend_left(log.read(0, oldest - 1)[-5:])
            case 1:
                old_read = log.read(tape.below(1 + head), 8)
            case 2 if oldest is not None:
                ring.extend_left(old_read)
        if oldest is not None:
            check_no_earlier_text(ring, page)
            check_bounds(ring)
    for viewer in viewers:
        while step := ring.next(viewer.seq):
            viewer.see(step.text(URL, EPOCH))
        viewer.resume(ring, log, head)
        assert chats(viewer.state) == chats(page.state)


@many
@given(tapes)
def test_viewers_end_alike_and_nothing_gone_is_told(data: bytes) -> None:
    check_ring(Ring, data)


class Remembers(Ring):
    """Blanks nothing."""

    def _forget_texts(self, events: list[Event]) -> None:
        pass


class ForgetsDeletedChats(Ring):
    def _forget_texts(self, events: list[Event]) -> None:
        super()._forget_texts([event for event in events if event.carried])


class KeepsWhatWasEncoded(Ring):
    """Blanks an event, and tells it as it was encoded for the log all the same."""

    def append(self, events: list[Event], told: dict[int, bytes] | None = None) -> Frame:
        self.kept: dict[int, bytes] = {**getattr(self, "kept", {}), **(told or {})}
        return super().append(events, told)

    def _blank(self, comment_id: str) -> None:
        super()._blank(comment_id)
        for frame in self._frames:
            frame.told = self.kept


class Trusting(Ring):
    """Takes what was read from the log as it is."""

    def extend_left(self, events: list[Event]) -> None:
        if self._frames and events and events[-1].seq == self._frames[0].first - 1:
            for event in reversed(events):
                self._frames.appendleft(Frame(event.seq, event.seq, [event]))


class Holes(Ring):
    def extend_left(self, events: list[Event]) -> None:
        oldest = self.oldest() or 0
        for event in reversed(events):
            if event.seq < oldest:
                self._frames.appendleft(Frame(event.seq, event.seq, [event]))


class OneTooFar(Ring):
    def next(self, seq: int) -> Frame | None:
        return super().next(seq) or super().next(seq + 1)


class OneShort(Ring):
    def since(self, seq: int) -> list[Event] | None:
        events = super().since(seq)
        return events[1:] if events and len(events) > 1 else events


@pytest.mark.parametrize(
    "mutant",
    [
        Remembers,
        ForgetsDeletedChats,
        KeepsWhatWasEncoded,
        Trusting,
        Holes,
        OneTooFar,
        OneShort,
    ],
)
def test_a_wrong_ring_is_noticed(mutant: type[Ring]) -> None:
    assert catches(lambda data: check_ring(mutant, data))


def played(seed: int = 3) -> Page:
    page = Page().play(bytes(range(seed, 200)))
    assert len(page.events) > 10
    return page


def ring_of(page: Page, sizes: list[int], **kwargs: int) -> Ring:
    ring = Ring(URL, EPOCH, kwargs.get("frames", 512), kwargs.get("size", 1 << 20))
    at = 0
    for size in sizes:
        ring.append(page.events[at : at + size])
        at += size
    return ring


def test_an_empty_ring_knows_nothing() -> None:
    ring = Ring(URL, EPOCH, 4, 1_000)
    assert ring.oldest() is None
    assert ring.next(0) is None
    assert ring.since(0) is None


def test_next_knows_only_boundaries() -> None:
    ring = ring_of(played(), [3, 2])
    first = ring.next(0)
    assert first is not None
    assert (first.first, first.last) == (1, 3)
    assert ring.next(1) is None
    second = ring.next(3)
    assert second is not None
    assert (second.first, second.last) == (4, 5)
    assert ring.next(5) is None


def test_since_knows_every_number_the_head_included() -> None:
    ring = ring_of(played(), [3, 2])
    for seq in range(6):
        events = ring.since(seq)
        assert events is not None
        assert [event.seq for event in events] == list(range(seq + 1, 6))
    assert ring.since(6) is None


def test_the_oldest_go_first() -> None:
    ring = ring_of(played(), [1] * 8, frames=3)
    assert ring.oldest() == 6
    assert ring.since(4) is None
    assert ring.since(5) is not None


def test_one_frame_stays_however_large() -> None:
    ring = ring_of(played(), [2, 2, 2], size=1)
    assert [(frame.first, frame.last) for frame in walk(ring)] == [(5, 6)]


def test_weight_is_given_back_when_frames_go() -> None:
    event = played().events[0]
    ring = Ring(URL, EPOCH, 1_000, 5_000)
    for seq in range(1, 300):
        ring.append([msgspec.structs.replace(event, seq=seq)])
    check_bounds(ring)
    assert len(walk(ring)) > 3


def test_extend_left_takes_the_newest_as_far_as_there_is_room() -> None:
    page = played()
    ring = Ring(URL, EPOCH, 4, 1 << 20)
    ring.append(page.events[8:9])
    ring.extend_left(page.events[:8])
    assert ring.oldest() == 6
    check_no_earlier_text(ring_of(page, [len(page.events)]), page)


def test_extend_left_weighs_texts() -> None:
    page = played()
    event = page.events[0]
    long = [
        msgspec.structs.replace(with_body(event, "Я" * 2_000), seq=seq) for seq in range(1, 101)
    ]
    ring = Ring(URL, EPOCH, 512, 20_000)
    ring.append([msgspec.structs.replace(event, seq=101)])
    ring.extend_left(long)
    check_bounds(ring)


def test_an_empty_ring_takes_what_the_log_gives() -> None:
    page = played()
    ring = Ring(URL, EPOCH, 512, 1 << 20)
    ring.extend_left(page.events[:4])
    ring.append(page.events[4:6])
    events = ring.since(0)
    assert events is not None
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]


def test_text_is_made_once_until_something_is_taken_out() -> None:
    ring = ring_of(played(), [3])
    frame = ring.next(0)
    assert frame is not None
    assert frame.text(URL, EPOCH) is frame.text(URL, EPOCH)
    assert frame.size == len(frame.text(URL, EPOCH).encode())


def test_what_was_encoded_is_told_as_it_is_and_what_is_merged_of_it_is_not() -> None:
    encoded = {1: b'{"as":"encoded"}', 2: b'{"as":"encoded"}'}
    page = Page()
    chat, comment = page.fresh(), page.fresh()
    page.do(CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft("one", comment), chat)), ANN)
    page.do(ResolveChat(url_id=URL, chat_id=chat), ANN)
    page.do(EditComment(url_id=URL, chat_id=chat, comment=EditedDraft(comment, "two")), ANN)
    page.do(EditComment(url_id=URL, chat_id=chat, comment=EditedDraft(comment, "three")), ANN)
    ring = Ring(URL, EPOCH, 8, 1 << 20)
    frame = ring.append(page.events[:2], encoded)
    assert json.loads(frame.text(URL, EPOCH))["events"] == [{"as": "encoded"}] * 2
    ring.append(page.events[2:3])
    assert "one" not in frame.text(URL, EPOCH), "it was edited since"
    merged = ring_of(page, []).append(page.events[:3], encoded | {3: b'{"as":"encoded"}'})
    assert "one" not in merged.text(URL, EPOCH), "and here in the same frame"
    both = {4: b'{"as":"encoded"}', 3: b'{"as":"part"}'}
    [told] = json.loads(Frame(3, 4, page.events[2:4], both).text(URL, EPOCH))["events"]
    assert told == {"as": "encoded"}, "the last of two edits stands for both"
    again = Page()
    draft = ChatDraft(anchor(), Draft("one", comment), chat)
    again.do(CreateChat(url_id=URL, chat=draft), ANN)
    again.do(EditComment(url_id=URL, chat_id=chat, comment=EditedDraft(comment, "two")), ANN)
    [created] = json.loads(Frame(1, 2, again.events, encoded).text(URL, EPOCH))["events"]
    assert created["chat"]["comment"]["body"] == "two", "what is merged is neither of its parts"
