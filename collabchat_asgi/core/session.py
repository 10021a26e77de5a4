"""What one socket may send, frame by frame (PROTOCOL section 3)."""

from __future__ import annotations

from ..config import Limits, Tuning
from ..errors import CloseCode, Closed, InvalidFrame, RefusedFrame
from .frames import (
    ClientFrame,
    Hello,
    Pong,
    decode,
    decode_hello,
)
from .limits import Counter


class Session:
    """Takes the frames of one socket. Time is in seconds of a monotonic clock."""

    __slots__ = ("_frames", "_invalid", "_limits", "_tuning", "greeted")

    def __init__(self, limits: Limits, tuning: Tuning) -> None:
        self.greeted = False
        self._limits = limits
        self._tuning = tuning
        self._frames = Counter(limits.frames_per_10_seconds, 10.0)
        self._invalid = Counter(tuning.invalid_frames_per_10_seconds, 10.0)

    def hello(self, text: str | None) -> Hello:
        """The first frame. Raises `Closed`."""
        hello = decode_hello(self._text(text, self._tuning.hello_bytes))
        self.greeted = True
        return hello

    def frame(self, text: str | None, now: float) -> ClientFrame:
        """Any later frame; None stands for one that is not text.

        Raises `Closed`, or `RefusedFrame`.
        """
        if self._frames.add(now) < 0:
            raise Closed(CloseCode.TOO_MANY, "too many frames")
        limits = self._limits
        return decode(
            self._text(text, limits.frame_bytes),
            body_chars=limits.body_chars,
            anchor_bytes=limits.anchor_bytes,
            url_id_chars=limits.url_id_chars,
        )

    def expected(self, frame: ClientFrame) -> None:
        """The frame was taken; a pong that the server had asked for does not count."""
        if isinstance(frame, Pong):
            self._frames.give_back()

    def refused(self, error: RefusedFrame, now: float) -> Closed | None:
        """Count a bad field; the close, where there were too many."""
        if isinstance(error, InvalidFrame) and self._invalid.add(now) <= 0:
            return Closed(CloseCode.MALFORMED, f"too many invalid frames: {error.code}")
        return None

    def _text(self, text: str | None, maximum: int) -> str:
        if text is None:
            raise Closed(CloseCode.MALFORMED, "not a text frame")
        if len(text) > maximum or (len(text) * 4 > maximum and _bytes(text) > maximum):
            raise Closed(CloseCode.TOO_LARGE, "the frame is too large")
        return text


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
