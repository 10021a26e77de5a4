"""What each connection was told about each page, frame by frame: promise 2 and half of 5."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.model import PageKey
from .history import History, Json, Record

Report = Callable[..., None]
"""(name, why, *record indexes)."""


@dataclass
class Stream:
    """One page on one connection."""

    page: PageKey
    user: str = ""
    epoch: str = ""
    seq: int = 0
    target: int = 0
    """The head that `subscribed` named: up to here nothing may be left out."""
    live: bool = False
    snapshot_due: bool = False
    loading: bool = False
    asked: deque[tuple[int, Json | None]] = field(default_factory=deque)
    highest: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    acked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Per epoch, the highest number among this connection's own acks."""
    last_index: int = -1

    def move(self, epoch: str, seq: int) -> None:
        self.epoch, self.seq = epoch, seq
        self.highest[epoch] = max(self.highest[epoch], seq)


class Streams:
    """Feeds on records in order; `report` is called for each broken promise."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.streams: dict[tuple[str, str], Stream] = {}
        self.heads: dict[tuple[PageKey, str], int] = defaultdict(int)
        self.deaf = 0

    def run(self, history: History) -> None:
        quiet = False
        for index, record in enumerate(history):
            quiet = quiet or record.kind == "quiet"
            if record.kind == "quiet":
                self._nobody_behind()
            elif record.kind == "closed":
                self._closed(record.connection)
            elif "urlId" in record.frame and record.kind in ("sent", "received"):
                stream = self._stream(record)
                stream.last_index = index
                if record.kind == "sent":
                    self._sent(index, stream, record.frame)
                else:
                    self._received(index, stream, record.frame)
        if not quiet:
            self._nobody_behind()

    def _stream(self, record: Record) -> Stream:
        key = record.connection, record.frame["urlId"]
        if key not in self.streams:
            self.streams[key] = Stream(PageKey(record.tenant, record.frame["urlId"]), record.user)
        return self.streams[key]

    def _closed(self, connection: str) -> None:
        for key in [key for key in self.streams if key[0] == connection]:
            del self.streams[key]

    def _sent(self, index: int, stream: Stream, frame: Json) -> None:
        if frame.get("type") == "subscribe":
            stream.asked.append((index, frame.get("since")))

    def _received(self, index: int, stream: Stream, frame: Json) -> None:
        match frame["type"]:
            case "subscribed":
                self._subscribed(index, stream, frame)
            case "snapshot":
                self._snapshot(index, stream, frame)
            case "events":
                self._events(index, stream, frame)
            case "presence" | "typing":
                if not stream.live and not stream.asked:
                    self.report("leak", f"{frame['type']} of a page nobody asked for", index)
            case "unsubscribed":
                stream.live = False
            case "error" if stream.asked and "broadcastId" not in frame:
                stream.asked.popleft()
                stream.live = False
            case "ack":
                self._head(stream.page, frame["epoch"], frame["seq"])
                epoch = frame["epoch"]
                stream.acked[epoch] = max(stream.acked[epoch], frame["seq"])

    def _head(self, page: PageKey, epoch: str, seq: int) -> None:
        self.heads[page, epoch] = max(self.heads[page, epoch], seq)

    def _subscribed(self, index: int, stream: Stream, frame: Json) -> None:
        epoch, seq = frame["epoch"], frame["seq"]
        self._head(stream.page, epoch, seq)
        if not stream.asked and not stream.live:
            self.report("leak", "subscribed to a page nobody asked for", index)
        since = stream.asked.popleft()[1] if stream.asked else None
        if seq < stream.highest[epoch]:
            self.report("time-reversal", f"{stream.highest[epoch]} was told before {seq}", index)
        stream.live, stream.target = True, seq
        stream.loading = bool(frame.get("load"))
        stream.snapshot_due = not frame["recovered"] and not stream.loading
        if not frame["recovered"]:
            return
        if since is None or (since["seq"] and since["epoch"] != epoch) or since["seq"] > seq:
            self.report("partial-tail", f"recovered from {since}, which is no such place", index)
            stream.move(epoch, seq)
        else:
            stream.move(epoch, since["seq"])

    def _snapshot(self, index: int, stream: Stream, frame: Json) -> None:
        self._head(stream.page, frame["epoch"], frame["seq"])
        if stream.asked:
            return
        if not stream.live:
            self.report("leak", "snapshot of a page nobody asked for", index)
        elif not stream.snapshot_due:
            self.report("repeat", "a snapshot that nothing announced", index)
        elif frame["seq"] < stream.target:
            self.report("time-reversal", f"snapshot of {frame['seq']} < {stream.target}", index)
        if frame["last"]:
            stream.snapshot_due = False
            stream.move(frame["epoch"], frame["seq"])

    def _events(self, index: int, stream: Stream, frame: Json) -> None:
        first, last = frame["first"], frame["last"]
        self._head(stream.page, frame["epoch"], last)
        if stream.asked:
            return
        if not stream.live:
            self.report("leak", "events of a page nobody asked for", index)
            return
        seqs = [event["seq"] for event in frame["events"]]
        if seqs != sorted(seqs):
            self.report("out-of-order", f"{seqs} in one frame", index)
        if len(set(seqs)) < len(seqs):
            self.report("repeat", f"{seqs} in one frame", index)
        if last < first or any(not first <= seq <= last for seq in seqs):
            self.report("out-of-order", f"{seqs} outside {first}…{last}", index)
        if stream.snapshot_due or stream.loading:
            self.report("gap", "events before the page itself", index)
        elif stream.seq and frame["epoch"] != stream.epoch:
            self.report("gap", "another epoch without a new start", index)
        elif first <= stream.seq:
            self.report("repeat", f"{first} again at {stream.seq}", index)
        elif first > stream.seq + 1:
            name = "partial-tail" if stream.seq < stream.target else "gap"
            self.report(name, f"{first} after {stream.seq}", index)
        stream.move(frame["epoch"], max(stream.seq, last))

    def _nobody_behind(self) -> None:
        for stream in self.streams.values():
            if stream.asked or stream.snapshot_due:
                self._deaf(stream, "waits for an answer to its subscription")
                continue
            if not stream.live or stream.loading:
                continue
            if stream.seq < stream.target:
                self.report(
                    "partial-tail",
                    f"recovered to {stream.target}, told up to {stream.seq}",
                    stream.last_index,
                )
            if stream.seq < stream.acked[stream.epoch]:
                self.report(
                    "ack-without-event",
                    f"acked {stream.acked[stream.epoch]}, told up to {stream.seq}",
                    stream.last_index,
                )
            head = self._head_of(stream)
            if stream.seq < head:
                self._deaf(stream, f"stands at {stream.seq} of {head}")

    def _head_of(self, stream: Stream) -> int:
        if stream.epoch:
            return self.heads[stream.page, stream.epoch]
        mine = (seq for (page, _), seq in self.heads.items() if page == stream.page)
        return max(mine, default=0)

    def _deaf(self, stream: Stream, why: str) -> None:
        self.deaf += 1
        self.report("deaf", f"{'/'.join(stream.page)}: {why}", stream.last_index)
