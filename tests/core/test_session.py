from __future__ import annotations

import pytest

from collabchat_asgi.config import Limits, Tuning
from collabchat_asgi.core.frames import Ping, Pong
from collabchat_asgi.core.session import Session
from collabchat_asgi.errors import CloseCode, Closed, InvalidFrame

PING = '{"type":"ping"}'


def code_of(call: object, *args: object) -> CloseCode:
    assert callable(call)
    with pytest.raises(Closed) as caught:
        call(*args)
    assert len(caught.value.reason) <= 60
    return caught.value.code


def test_hello_first_and_small() -> None:
    session = Session(Limits(), Tuning())
    assert not session.greeted
    assert code_of(session.hello, PING) == CloseCode.MALFORMED
    assert code_of(session.hello, None) == CloseCode.MALFORMED
    large = '{"type":"hello","token":"%s"}'
    assert code_of(session.hello, large.replace("%s", "x" * 8_192)) == CloseCode.TOO_LARGE
    assert not session.greeted
    session.hello(large.replace("%s", "x" * 8_000))
    assert session.greeted
    assert code_of(session.frame, '{"type":"hello"}', 0.0) == CloseCode.MALFORMED


def test_a_frame_is_counted_in_bytes() -> None:
    session = Session(Limits(frame_bytes=100), Tuning())
    frame = '{"type":"ping","x":"%s"}'
    for letter, room in (("x", 78), ("Я", 39), ("👋", 19)):
        assert session.frame(frame.replace("%s", letter * room), 0.0) == Ping()
        too_large = frame.replace("%s", letter * (room + 1))
        assert code_of(session.frame, too_large, 0.0) == CloseCode.TOO_LARGE


def test_what_is_no_text_closes() -> None:
    assert code_of(Session(Limits(), Tuning()).frame, None, 0.0) == CloseCode.MALFORMED


def test_too_many_frames_close_and_answered_pings_are_free() -> None:
    session = Session(Limits(frames_per_10_seconds=5), Tuning())
    for _ in range(5):
        session.frame(PING, 1.0)
    session.expected(Ping())
    session.expected(Pong(1))
    session.frame(PING, 1.0)
    assert code_of(session.frame, PING, 10.9) == CloseCode.TOO_MANY
    session.frame(PING, 11.0)


def test_twenty_invalid_frames_in_ten_seconds_close() -> None:
    session = Session(Limits(), Tuning())
    error = InvalidFrame("invalid", "n is missing", field="n")
    assert [session.refused(error, 1.0) for _ in range(19)] == [None] * 19
    closed = session.refused(error, 1.0)
    assert closed is not None
    assert closed.code == CloseCode.MALFORMED
    fresh = Session(Limits(), Tuning())
    assert all(fresh.refused(error, n * 11.0) is None for n in range(100))
