"""One frame to everyone who is live on a page: the hottest loop of the system.

Nothing is awaited, encoded or allocated per viewer but the coroutine that the server's `send`
makes; and where the edge knows the transport below it (`Wire`), not even that. A viewer that cannot
take the frame now is told by its place in the ring, nothing else.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Collection, Iterator
from typing import TypeVar

from .outbox import WORTH_COMPRESSING, Outbox, Sendable
from .viewer import Source, Viewer

P = TypeVar("P", bound=Source)


def fan_out(
    viewers: Collection[Viewer[P]], message: Sendable, size: int
) -> tuple[int, list[Viewer[P]]]:
    """Hand `message` of `size` bytes to each viewer that is ready.

    Returns how many got it, and those that fell behind: busy, unconfirmed, or with answers waiting.
    All sends that end in their first step share one coroutine, which is driven without a task (see
    `step`). One that has to wait takes that coroutine with it into a task of its own, the others
    go on in a new one, and the viewer is served from the ring afterwards.
    """
    left = iter(viewers)
    behind: list[Viewer[P]] = []
    gone = 0
    while True:
        run = _Run()
        coroutine = run.hand(left, behind, message, size)
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return len(viewers) - len(behind) - gone - run.gone, behind
        gone += run.gone
        run.waits = True
        run.outbox.suspend(coroutine, waits_for, size)


class _Run:
    """Sends one after the other, until one has to wait."""

    __slots__ = ("gone", "outbox", "waits")

    def __init__(self) -> None:
        self.outbox: Outbox
        """Whose turn it is."""
        self.gone = 0
        self.waits = False
        """The rest of this coroutine belongs to `outbox` alone."""

    async def hand(
        self,
        viewers: Iterator[Viewer[P]],
        behind: list[Viewer[P]],
        message: Sendable,
        size: int,
    ) -> None:
        frame: bytes | None = None
        small = size <= WORTH_COMPRESSING
        for viewer in viewers:
            outbox = viewer.outbox
            if not outbox.ready:
                behind.append(viewer)
                continue
            try:
                write = outbox.write
                if write is None or (outbox.compresses and not small):
                    self.outbox = outbox
                    if outbox.held:
                        outbox.release()
                    await outbox.send(message)
                    if self.waits:
                        return
                elif outbox.is_closing():
                    raise ConnectionError
                else:
                    if frame is None:
                        frame = message.frame
                    write(outbox.behind_held(frame) if outbox.held else frame)
            except (Exception, CancelledError):
                if self.waits:
                    raise
                self.gone += 1
                outbox.gone()
                continue
            window = outbox.window
            window.sent += size
            if window.sent >= window.ping_due:
                outbox.ping()
