"""What goes out on one socket: answers first, then its pages, each from the ring it shares.

There is no queue per connection: a viewer is a place in its page's ring, so a slow socket costs a
number and not a copy of everything it has not read.

A write is a system call, and costs more than everything else about an answer. So where frames are
written below `send`, answers are held to the end of the loop's turn, and the page's frame that
follows most of them takes them along: an ack and its event are one write. So are all small frames
that a reader is owed who joins, resumes or was behind.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from ...cancellation import is_cancelled
from ...config import Timing, Tuning
from ...core.flow import Window
from ...errors import CloseCode
from ..clock import Clock
from .step import carry_on

Sendable = Any
"""What the socket's `send` takes; made by `as_message`, once for all who get the same text. Its
`frame` is what a `Wire` takes."""

WORTH_COMPRESSING = 1_024
"""Bytes of a text. A longer one goes by `send` where that compresses."""

Send = Callable[[Sendable], Coroutine[Any, Any, None]]


BUFFERED = 64 * 1024
"""Bytes that a transport holds back. While it is fewer, a ping is written; then it goes by `send`,
which waits where the server does."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The transport below a socket's `send`. Bytes of a whole frame that are written to it arrive
    as if they had been sent, unless it `is_closing()`."""

    transport: asyncio.WriteTransport
    compresses: bool
    """`send` compresses, so long texts are better sent than written."""


class Owner(Protocol):
    """Who is told that the socket is of no use any more."""

    def give_up(self, code: CloseCode, reason: str, *, abort: bool = False) -> None: ...


class Reader(Protocol):
    """Who is behind, and is served from its place."""

    def next(self) -> tuple[str, int] | None:
        """The next text and its bytes; None: nothing is owed now."""
        ...


class Outbox:
    """Sends one message at a time, in a task only where the server makes it wait.

    `ready` says that a live frame may be sent this instant: nothing is under way or waiting, and
    the client has confirmed enough of what it was sent.
    """

    __slots__ = (
        "_answers",
        "_as_message",
        "_behind",
        "_buffered",
        "_busy",
        "_clock",
        "_owner",
        "_ping_wanted",
        "_sending",
        "_timing",
        "_tuning",
        "closed",
        "compresses",
        "held",
        "is_closing",
        "ready",
        "send",
        "window",
        "write",
    )

    def __init__(
        self,
        send: Send,
        as_message: Callable[[str], Sendable],
        owner: Owner,
        clock: Clock,
        tuning: Tuning,
        timing: Timing,
        wire: Wire | None = None,
    ) -> None:
        self.send = send
        self.write = wire.transport.write if wire else None
        """For frames that are made once. It never waits: behind a full buffer, the pings do."""
        self.held: list[bytes] = []
        """Frames of this turn that the next write takes along. They count as sent."""
        self._buffered = wire.transport.get_write_buffer_size if wire else None
        self.is_closing: Callable[[], bool] = wire.transport.is_closing if wire else bool
        self.compresses = wire is not None and wire.compresses
        self.window = Window(clock.monotonic(), tuning.ping_bytes)
        self.ready = True
        self.closed = False
        self._as_message = as_message
        self._owner = owner
        self._clock = clock
        self._tuning = tuning
        self._timing = timing
        # Lists and no deques: they are short, and of thousands of sockets most have none.
        self._answers: list[str] = []
        self._behind: dict[Reader, None] = {}
        self._busy = False
        self._ping_wanted = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a send is under way that the server makes wait."""
        return self._busy

    def answer(self, text: str) -> None:
        """An ack, an error or anything else that is not bound to a page's order."""
        if self.ready:
            if self.write is not None and len(text) <= WORTH_COMPRESSING:
                self._hold(text)
            else:
                self._by_send(text, len(text))
            if self._ping_wanted:
                self.pump()
            return
        self._answers.append(text)
        if len(self._answers) > self._tuning.replies_waiting:
            self._answers.clear()
            self._owner.give_up(CloseCode.TOO_SLOW, "too many unread answers")
        else:
            self.pump()

    def _hold(self, text: str) -> None:
        if not self.held:
            asyncio.get_running_loop().call_soon(self.release)
        self.held.append(self._as_message(text).frame)
        self.sent(len(text))

    def behind_held(self, frame: bytes) -> bytes:
        """What is held and then the frame, for one write."""
        held, self.held = self.held, []
        return b"".join((*held, frame))

    def release(self) -> None:
        """Write what is held: nothing follows in this turn, or it goes by `send`."""
        if self.held and self.write is not None:
            held = self.behind_held(b"")
            try:
                if self.is_closing():
                    raise ConnectionError
                self.write(held)
            except Exception:
                self.gone()

    def last_word(self, text: str) -> None:
        """Before a planned close, where the socket still takes it; `flush` sends the rest."""
        if self._busy:
            self._answers.append(text)
        else:
            self._by_send(text, len(text))
        self.closed = True
        self.ready = False

    async def flush(self) -> None:
        """Before a planned close: until the send under way has ended, and then the answers that
        wait behind it: whom a bad frame costs the connection hears what was bad about it."""
        room = self._tuning.window_bytes - 2 * self._tuning.ping_bytes
        while True:
            if self._busy and self._sending is not None:
                await asyncio.wait({self._sending})
            elif self._answers and self.window.open(room):
                answer = self._answers.pop(0)
                self._transmit(answer, len(answer))
            else:
                self.release()
                return

    def catch_up(self, reader: Reader) -> None:
        """Serve this one from its place until it is live again."""
        self._behind[reader] = None
        self.ready = False

    def forget(self, reader: Reader) -> None:
        self._behind.pop(reader, None)

    def ping(self) -> None:
        """A ping after what has been sent so far."""
        self._ping_wanted = True
        self.pump()

    def ponged(self, n: int) -> bool:
        """Whether the pong was expected; then sending may go on."""
        expected = self.window.ponged(n)
        if expected and not self.ready:
            self.pump()
        return expected

    def pump(self) -> None:
        """Send until there is nothing more to send, or one send has to wait."""
        self._pump()
        self.release()

    def _pump(self) -> None:
        while not (self._busy or self.closed):
            if self._ping_wanted:
                # What is held fills the transport's buffer before that is looked at.
                self.release()
                if self.closed:
                    break
                n = secrets.randbits(48)
                text = f'{{"type":"ping","n":{n}}}'
                if self._buffered is None or self._buffered() >= BUFFERED:
                    self._by_send(text, 32)
                else:
                    self._transmit(text, 32)
                self.window.pinged(n, self._clock.monotonic(), self._tuning.ping_bytes)
                # Not before: the ping's own bytes are beyond what the last one was due at.
                self._ping_wanted = False
            elif not self.window.open(self._tuning.window_bytes - 2 * self._tuning.ping_bytes):
                self.window.stall(self._clock.monotonic())
                self.ready = False
                return
            elif self._answers:
                answer = self._answers.pop(0)
                self._transmit(answer, len(answer))
            elif not self._serve_behind():
                self.ready = not self._behind
                if self.ready:
                    self._behind = {}  # a dict that was filled once keeps its room
                return
        self.ready = False

    def _serve_behind(self) -> bool:
        """One frame for the reader that has waited longest. False: nobody is owed any."""
        for reader in list(self._behind):
            del self._behind[reader]
            owed = reader.next()
            if owed is not None:
                self._behind[reader] = None
                self._transmit(*owed)
                return True
        return False

    def _transmit(self, text: str, size: int) -> None:
        """Small ones are held for a write below `send`, as live frames are, where that can be."""
        if self.write is None or size > WORTH_COMPRESSING or self.is_closing():
            self._by_send(text, size)
        else:
            self.held.append(self._as_message(text).frame)
            self.sent(size)

    def _by_send(self, text: str, size: int) -> None:
        self.release()
        coroutine = self.send(self._as_message(text))
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            self.sent(size)
        except (Exception, asyncio.CancelledError):
            # Some servers cancel what waits for a peer that has left, and `send` passes that on.
            self.gone()
        else:
            self.suspend(coroutine, waits_for, size)

    def sent(self, size: int) -> None:
        window = self.window
        window.sent += size
        if window.sent >= window.ping_due:
            self._ping_wanted = True

    def gone(self) -> None:
        """The server refuses to send: the client has left (every server says it in an
        exception of its own)."""
        self._answers.clear()
        self.held.clear()
        self.closed = True
        self.ready = False
        self._owner.give_up(CloseCode.NORMAL, "gone")

    def out_of_order(self) -> None:
        """What comes next cannot be had now: the client comes back and resumes."""
        self._owner.give_up(CloseCode.OUT_OF_ORDER, "cannot go on in order")

    def suspend(self, coroutine: Coroutine[Any, Any, None], waits_for: object, size: int) -> None:
        """The server makes this send wait: a task of its own awaits the rest."""
        self._busy = True
        self.ready = False
        rest = self._finish(coroutine, waits_for, size)
        # The loop itself holds its tasks weakly.
        self._sending = asyncio.get_running_loop().create_task(rest, name="collabchat send")

    async def _finish(
        self, coroutine: Coroutine[Any, Any, None], waits_for: object, size: int
    ) -> None:
        try:
            async with asyncio.timeout(self._timing.send_seconds):
                await carry_on(coroutine, waits_for)
        except TimeoutError:
            self._answers.clear()
            self.closed = True
            self._owner.give_up(CloseCode.TOO_SLOW, "the socket takes no more", abort=True)
        except (Exception, asyncio.CancelledError) as error:
            self.gone()
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
        else:
            self.sent(size)
        finally:
            self._busy = False
        self.pump()
