"""One subscription: a connection's place in a page's log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from ...core.ring import Frame
from ...core.usage import Tally
from ...hooks import Identity
from .outbox import Outbox


class Owed:
    """A text to be sent to one viewer before it goes on in the ring.

    `size` is its bytes in UTF-8. `seqs` is how many of the page's events it tells; None for
    what is not an `events` frame.
    """

    __slots__ = ("seqs", "size", "text")

    def __init__(self, encoded: bytes, seqs: int | None = None) -> None:
        self.text = encoded.decode()
        self.size = len(encoded)
        self.seqs = seqs


class Source(Protocol):
    """The page that a viewer reads, as far as it asks for what comes next."""

    @property
    def sent(self) -> int:
        """The number up to which the ring tells the page."""
        ...

    @property
    def tally(self) -> Tally: ...

    @property
    def replay(self) -> Callable[[Viewer[Any]], None]:
        """Serve it from the log: its place is not in the ring."""
        ...

    def frame_after(self, seq: int) -> Frame | None: ...

    def text_of(self, frame: Frame) -> str: ...

    def replay_after(self, since: int) -> Owed | None: ...

    def presence_text(self) -> tuple[str, int]: ...

    def read_text(self, viewer: Viewer[Any]) -> tuple[str, int]: ...

    def typing_text(self, viewer: Viewer[Any]) -> tuple[str, int] | None: ...

    def rejoin(self, viewer: Viewer[Any]) -> None: ...


P = TypeVar("P", bound=Source)


class Viewer(Generic[P]):
    """While `live`, the viewer is at the ring's end and its `position` is not kept up to date."""

    __slots__ = (
        "_owed",
        "can",
        "identity",
        "live",
        "outbox",
        "page",
        "person",
        "position",
        "presence_due",
        "read",
        "read_due",
        "replaying",
        "typing",
        "waiting",
    )

    def __init__(self, page: P, outbox: Outbox, identity: Identity, person: int) -> None:
        self.page = page
        self.outbox = outbox
        self.identity = identity
        self.person = person
        self.can: tuple[str, ...] = ()
        self.position = 0
        self.live = False
        self.presence_due = False
        """The counts have changed while it was behind."""
        self.read: int | None = None
        """The number up to which this person has read, here or elsewhere; None: never."""
        self.read_due = False
        """It was read elsewhere, and is not told yet."""
        self.typing: tuple[str, float] | None = None
        """That somebody types, while it could not be told, and until when that is worth telling."""
        self.replaying = False
        """What it missed is told from the ring, merged, and not frame by frame."""
        self.waiting = False
        """Nothing of the page is sent: its snapshot is fetched, or its log is being read."""
        self._owed: list[Owed] = []
        """Short, and mostly empty: an empty deque takes 760 bytes, an empty list 56."""

    def owe(self, texts: Iterable[Owed], position: int) -> None:
        """Send these, after which the viewer stands at `position`."""
        self._owed.extend(texts)
        self.position = position
        self.live = False
        self.outbox.catch_up(self)
        self.outbox.pump()

    def replay_from(self, since: int, texts: Iterable[Owed] = ()) -> None:
        """Send these, and then what the ring tells after `since`, encoded when it is sent."""
        self.replaying = True
        self.owe(texts, since)

    def start_over(self) -> None:
        """What is owed is of no use any more."""
        self._owed.clear()
        self.replaying = False
        self.waiting = False

    def next(self) -> tuple[str, int] | None:
        """The next text and its bytes. None: the viewer is live now, or waits for a read."""
        page = self.page
        if self._owed:
            owed = self._owed.pop(0)
            if owed.seqs is not None:
                page.tally.delivered(1, owed.size, owed.seqs)
            return owed.text, owed.size
        if self.waiting:
            return None
        if self.replaying:
            replayed = page.replay_after(self.position)
            if replayed is not None and replayed.seqs is not None:
                self.position += replayed.seqs
                page.tally.delivered(1, replayed.size, replayed.seqs)
                return replayed.text, replayed.size
            self.replaying = False
        if self.position == page.sent:
            if self.presence_due:
                self.presence_due = False
                return page.presence_text()
            if self.read_due:
                self.read_due = False
                return page.read_text(self)
            if self.typing is not None:
                told = page.typing_text(self)
                if told is not None:
                    return told
            page.rejoin(self)
            return None
        frame = page.frame_after(self.position)
        if frame is None:
            self.waiting = True
            page.replay(self)
            return None
        self.position = frame.last
        text = page.text_of(frame)
        page.tally.delivered(1, frame.size, frame.last - frame.first + 1)
        return text, frame.size
