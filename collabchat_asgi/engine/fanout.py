"""One frame to everyone who is live on a page: the hottest loop of the system.

Nothing is awaited, encoded or allocated per viewer but the coroutine that the server's `send`
makes. A viewer that cannot take the frame now is told by its place in the ring, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from .outbox import Message
from .viewer import Viewer


def fan_out(viewers: Iterable[Viewer], message: Message, size: int) -> tuple[int, list[Viewer]]:
    """Hand `message` of `size` bytes to each viewer that is ready.

    Returns how many got it, and those that fell behind: busy, unconfirmed, or with answers waiting.
    Their `send` is driven one step (see `step`); where it does not end in that step, a task of its
    own goes on with it and the viewer is served from the ring afterwards.
    """
    behind: list[Viewer] = []
    delivered = 0
    for viewer in viewers:
        outbox = viewer.outbox
        if not outbox.ready:
            behind.append(viewer)
            continue
        coroutine = outbox.send(message)
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            window = outbox.window
            window.sent += size
            if window.sent >= window.ping_due:
                outbox.ping()
        except Exception:
            outbox.gone()
            continue
        else:
            outbox.suspend(coroutine, waits_for, size)
        delivered += 1
    return delivered, behind
