"""Fan-out where the edge knows the transport: frames made once, beside what has only `send`."""

from __future__ import annotations

from typing import Any, cast

import pytest

from collabchat_asgi import Timing, Tuning
from collabchat_asgi.asgi.wire import TextMessage, text_frame
from collabchat_asgi.engine.clock import SystemClock
from collabchat_asgi.engine.delivery.fanout import fan_out
from collabchat_asgi.engine.delivery.outbox import BUFFERED, Outbox, Wire

from .harness import turns


class Message:
    def __init__(self) -> None:
        self.made = 0

    @property
    def frame(self) -> bytes:
        self.made += 1
        return b"frame"


class Socket:
    """Both ends of an outbox, and its only viewer."""

    def __init__(self, *, wired: bool = True, compresses: bool = False) -> None:
        self.sent: list[Any] = []
        self.written: list[bytes] = []
        self.closing = False
        self.broken = False
        self.buffered = 0
        self.given_up: list[str] = []
        wire = Wire(cast("Any", self), compresses) if wired else None
        tuning = Tuning(ping_bytes=2_000)
        self.outbox = Outbox(self.send, TextMessage, self, SystemClock(), tuning, Timing(), wire)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("the handler is closed")
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def give_up(self, code: Any, reason: str, *, abort: bool = False) -> None:
        self.given_up.append(reason)


def told(*sockets: Socket, size: int = 100) -> tuple[int, Message]:
    message = Message()
    count, behind = fan_out(cast("Any", sockets), message, size)
    assert not behind
    return count, message


def test_a_frame_is_made_once_and_only_where_somebody_takes_it() -> None:
    first, second, plain = Socket(), Socket(), Socket(wired=False)
    count, message = told(first, plain, second)
    assert (count, message.made) == (3, 1)
    assert first.written == second.written == [b"frame"]
    assert (plain.sent, plain.written) == ([message], [])
    assert told(plain)[1].made == 0


@pytest.mark.parametrize("how", ["closing", "broken"])
def test_a_transport_that_closes_is_not_written_to_and_not_counted(how: str) -> None:
    leaving, staying = Socket(), Socket()
    setattr(leaving, how, True)
    assert told(leaving, staying)[0] == 1
    assert (leaving.written, leaving.given_up) == ([], ["gone"])
    assert (staying.written, staying.given_up) == ([b"frame"], [])
    assert not leaving.outbox.ready


def test_what_is_worth_compressing_goes_where_it_is_compressed() -> None:
    compressing, plain = Socket(compresses=True), Socket()
    _, message = told(compressing, plain, size=1_025)
    assert (compressing.sent, compressing.written, plain.written) == ([message], [], [b"frame"])
    told(compressing, size=1_024)
    assert compressing.written[0] == b"frame"


@pytest.mark.parametrize("buffered", [0, BUFFERED - 1, BUFFERED])
def test_pings_wait_where_the_server_does_behind_a_full_buffer(buffered: int) -> None:
    socket = Socket()
    socket.buffered = buffered
    for _ in range(45):
        told(socket)
    sent = ['{"type":"ping"' in message["text"] for message in socket.sent]
    written = [b'{"type":"ping"' in frame for frame in socket.written]
    full = buffered == BUFFERED
    assert (sent, written.count(True)) == (([True, True], 0) if full else ([], 2))
    assert written.count(False) == 45


ACK, NEXT = text_frame(b"ack"), text_frame(b"next")


async def test_answers_and_the_frame_that_follows_them_are_one_write() -> None:
    writer, reader = Socket(), Socket()
    writer.outbox.answer("ack")
    writer.outbox.answer("next")
    assert (writer.written, writer.outbox.ready) == ([], True)
    told(writer, reader)
    assert (writer.written, reader.written) == ([ACK + NEXT + b"frame"], [b"frame"])
    assert writer.outbox.window.sent == len("acknext") + 100
    await turns(2)
    assert len(writer.written) == 1, "nothing is written twice"


async def test_an_outbox_that_writes_each_answer_by_itself_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = Outbox._hold

    def at_once(self: Outbox, text: str) -> None:
        hold(self, text)
        self.release()

    monkeypatch.setattr(Outbox, "_hold", at_once)
    with pytest.raises(AssertionError):
        await test_answers_and_the_frame_that_follows_them_are_one_write()


class Behind:
    """A reader who is owed some texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def next(self) -> tuple[str, int] | None:
        if not self.texts:
            return None
        text = self.texts.pop(0)
        return text, len(text)


def owed(socket: Socket, *texts: str) -> None:
    socket.outbox.catch_up(Behind(*texts))
    socket.outbox.pump()


async def test_what_a_reader_is_owed_is_one_write() -> None:
    socket = Socket()
    socket.outbox.answer("ack")
    owed(socket, "next", "ack", "next")
    assert socket.written == [ACK + NEXT + ACK + NEXT]
    assert (socket.outbox.ready, socket.outbox.window.sent) == (True, len("acknextacknext"))
    await turns(2)
    assert len(socket.written) == 1


async def test_an_outbox_that_writes_each_frame_by_itself_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transmit = Outbox._transmit

    def at_once(self: Outbox, text: str, size: int) -> None:
        transmit(self, text, size)
        self.release()

    monkeypatch.setattr(Outbox, "_transmit", at_once)
    with pytest.raises(AssertionError):
        await test_what_a_reader_is_owed_is_one_write()


def test_a_long_text_among_what_is_owed_keeps_its_place() -> None:
    long = "x" * 1_025
    socket = Socket()
    owed(socket, "ack", long, "next")
    assert (socket.written, [each["text"] for each in socket.sent]) == ([ACK, NEXT], [long])


def test_what_is_owed_is_written_as_far_as_the_window_goes() -> None:
    """In writes of what lies between two pings, so that a full buffer is seen."""
    socket = Socket()
    room = Tuning().window_bytes
    owed(socket, *["x" * 1_000] * (2 * room // 1_000))
    window = socket.outbox.window
    assert (window.stalled_at is not None, socket.outbox.ready) == (True, False)
    assert room // 2 < window.sent <= room
    told = b"".join(socket.written)
    assert told.count(b"x") + 32 * told.count(b"ping") == window.sent
    assert max(map(len, socket.written)) < 2 * 2_000
    behind = Socket()
    behind.buffered = BUFFERED
    owed(behind, *["x" * 1_000] * 5)
    assert '{"type":"ping"' in behind.sent[0]["text"], "by `send`, which waits"


@pytest.mark.parametrize("how", ["closing", "broken"])
def test_what_is_owed_on_a_transport_that_closes_ends_it(how: str) -> None:
    socket = Socket(wired=True)
    setattr(socket, how, True)
    if how == "closing":
        owed(socket, "ack")
        assert socket.written == []  # the server says so in `send`
        return
    owed(socket, "ack", "next")
    assert (socket.written, socket.given_up, socket.outbox.ready) == ([], ["gone"], False)


async def test_an_answer_that_nothing_follows_is_written_when_the_turn_ends() -> None:
    socket = Socket()
    for text, frame in (("ack", ACK), ("next", NEXT)):
        socket.outbox.answer(text)
        await turns(1)
        assert socket.written.pop() == frame
    assert socket.written == []


async def test_what_goes_another_way_does_not_overtake_an_answer() -> None:
    long = "x" * 1_025
    socket, compressing = Socket(), Socket(compresses=True)
    for each in (socket, compressing):
        each.outbox.answer("ack")
    socket.outbox.answer(long)
    told(compressing, size=1_025)
    assert [socket.written, compressing.written] == [[ACK], [ACK]]
    assert (socket.sent[0]["text"], len(compressing.sent)) == (long, 1)
    socket.outbox.answer("next")
    socket.outbox.last_word("bye")
    assert (socket.written[1:], socket.sent[1]["text"]) == ([NEXT], "bye")


async def test_a_planned_close_takes_along_what_is_held() -> None:
    socket = Socket()
    socket.outbox.answer("ack")
    await socket.outbox.flush()
    assert socket.written == [ACK]


@pytest.mark.parametrize("how", ["closing", "broken"])
async def test_what_is_held_is_not_written_to_a_transport_that_closes(how: str) -> None:
    leaving, viewer = Socket(), Socket()
    for each in (leaving, viewer):
        each.outbox.answer("ack")
        setattr(each, how, True)
    assert told(viewer)[0] == 0
    await turns(1)
    for each in (leaving, viewer):
        assert (each.written, each.given_up, each.outbox.ready) == ([], ["gone"], False)


async def test_answers_that_are_held_count_in_the_window() -> None:
    """A ping follows them as it follows frames, and nothing is sent beyond what is confirmed."""
    socket = Socket()
    for _ in range(21):
        socket.outbox.answer("x" * 100)
    await turns(1)
    assert b'{"type":"ping"' in b"".join(socket.written)
    while socket.outbox.ready:
        socket.outbox.answer("x" * 100)
    await turns(1)
    window = socket.outbox.window
    assert window.sent <= Tuning().window_bytes
    assert window.stalled_at is not None
