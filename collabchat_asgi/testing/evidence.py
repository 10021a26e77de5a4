"""What a history says happened: who asked for what, what was answered, who saw which event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.model import PageKey
from .history import History, Json, Record

OPERATIONS = frozenset(
    {
        "create-chat",
        "add-comment",
        "edit-comment",
        "delete-comment",
        "resolve-chat",
        "reopen-chat",
        "move-anchor",
        "delete-chat",
        "add-reaction",
        "remove-reaction",
    }
)
_CHANGES = {
    "create-chat": "created",
    "add-comment": "comment-added",
    "edit-comment": "comment-edited",
    "delete-comment": "comment-deleted",
    "resolve-chat": "resolved",
    "reopen-chat": "reopened",
    "move-anchor": "anchor-moved",
    "delete-chat": "deleted",
    "add-reaction": "reaction-added",
    "remove-reaction": "reaction-removed",
}


@dataclass(slots=True)
class Invocation:
    """One operation sent once, with its answer where one came."""

    index: int
    record: Record
    page: PageKey
    broadcast_id: str
    answer: Json | None = None
    answered_index: int = -1
    answered_at: float = float("inf")

    @property
    def frame(self) -> Json:
        return self.record.frame

    @property
    def acked(self) -> bool:
        return self.answer is not None and self.answer["type"] == "ack"

    @property
    def refused(self) -> bool:
        """For good. An answer with `retry: true` leaves the outcome open."""
        return (
            self.answer is not None
            and self.answer["type"] == "error"
            and not self.answer.get("retry")
        )

    @property
    def conflicted(self) -> bool:
        return self.refused and self.answer is not None and self.answer["code"] == "conflict"

    @property
    def position(self) -> tuple[str, int]:
        assert self.answer is not None
        return self.answer["epoch"], self.answer["seq"]

    @property
    def content(self) -> Json:
        """What makes two operations the same one."""
        return {k: v for k, v in self.frame.items() if k != "broadcastId"}


@dataclass(frozen=True, slots=True)
class Read:
    """A position that was told to someone who asked for it at `began`. `frame` is the answer."""

    index: int
    began: float
    page: PageKey
    epoch: str
    seq: int
    frame: Json
    final: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event in one frame. `began` is when its reader asked to be told."""

    index: int
    page: PageKey
    epoch: str
    event: Json
    began: float
    final: bool

    @property
    def broadcast_id(self) -> str:
        return str(self.event["broadcastId"])

    @property
    def seq(self) -> int:
        return int(self.event["seq"])


@dataclass(frozen=True, slots=True)
class Range:
    """One frame that claims to hold all of first…last."""

    index: int
    page: PageKey
    epoch: str
    first: int
    last: int
    events: list[Json]
    final: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What number `seq` of a page did, as far as anyone knows."""

    seq: int
    broadcast_id: str
    chat: str
    change: str
    comment: str = ""
    emoji: str = ""
    user: str = ""
    value: Any = None
    """The text, or the anchor."""


@dataclass
class Evidence:
    history: History
    invocations: list[Invocation] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    finals: list[tuple[int, Record]] = field(default_factory=list)
    receipts: list[tuple[int, Record]] = field(default_factory=list)
    """Every ack, whether or not it was asked for."""
    facts: dict[tuple[PageKey, str], dict[int, Fact]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    @classmethod
    def gather(cls, history: History) -> Evidence:
        evidence = cls(history)
        asked: dict[tuple[str, str], list[float]] = defaultdict(list)
        """(connection, urlId) → when each unanswered question was asked."""
        answering: dict[tuple[str, str], float] = {}
        """… and when the one was asked that is being answered now."""
        open_calls: dict[tuple[str, str], list[Invocation]] = defaultdict(list)
        for index, record in enumerate(history):
            frame = record.frame
            kind = frame.get("type", "")
            if record.kind == "sent" and kind in OPERATIONS:
                call = Invocation(
                    index,
                    record,
                    PageKey(frame.get("tenantId") or record.tenant, frame["urlId"]),
                    frame.get("broadcastId", ""),
                )
                evidence.invocations.append(call)
                open_calls[record.connection, call.broadcast_id].append(call)
            elif record.kind == "sent" and kind in ("subscribe", "read-chats", "read-events"):
                asked[record.connection, frame["urlId"]].append(record.at)
            elif record.kind == "received" and kind in ("ack", "error"):
                evidence._answered(index, record, open_calls)
            elif record.kind in ("received", "final") and "urlId" in frame:
                key = record.connection, frame["urlId"]
                if kind in ("subscribed", "chats", "log") and asked[key]:
                    answering[key] = asked[key].pop(0)
                evidence._told(index, record, answering.get(key, record.at))
        evidence._collect_facts()
        return evidence

    def _answered(
        self, index: int, record: Record, calls: dict[tuple[str, str], list[Invocation]]
    ) -> None:
        broadcast_id = record.frame.get("broadcastId", "")
        if record.frame["type"] == "ack":
            self.receipts.append((index, record))
        waiting = calls.get((record.connection, broadcast_id)) or calls.get((record.connection, ""))
        if not waiting:
            return
        call = waiting.pop(0)
        call.broadcast_id = broadcast_id
        call.answer, call.answered_index, call.answered_at = record.frame, index, record.at

    def _told(self, index: int, record: Record, began: float) -> None:
        frame, page = record.frame, PageKey(record.tenant, record.frame["urlId"])
        final = record.kind == "final"
        kind = frame["type"]
        if kind in ("subscribed", "snapshot", "chats", "log"):
            self.reads.append(Read(index, began, page, frame["epoch"], frame["seq"], frame, final))
        if kind == "page":
            self.finals.append((index, record))
        if kind in ("events", "log"):
            self.ranges.append(
                Range(
                    index,
                    page,
                    frame["epoch"],
                    frame["first"],
                    frame["last"],
                    frame["events"],
                    final,
                )
            )
            self.sightings += (
                Sighting(index, page, frame["epoch"], event, began, final)
                for event in frame["events"]
            )

    def acks(self) -> Iterator[Invocation]:
        return (call for call in self.invocations if call.acked)

    def calls_of(self) -> dict[tuple[PageKey, str], list[Invocation]]:
        calls = defaultdict(list)
        for call in self.invocations:
            calls[call.page, call.broadcast_id].append(call)
        return calls

    def _collect_facts(self) -> None:
        """A sighting says where an operation stands; the operation itself says best what it did,
        because a merged event shows the sum of several."""
        calls = self.calls_of()
        for seen in self.sightings:
            facts = self.facts[seen.page, seen.epoch]
            known = calls.get((seen.page, seen.broadcast_id), [])
            call = next((c for c in known if not c.conflicted), None)
            fact = _fact_of_event(seen.event)
            if call is not None and fact.change != "deleted":
                fact = _fact_of_call(call, seen.seq)
            if seen.final or seen.seq not in facts or fact.change == "deleted":
                facts[seen.seq] = fact
        for call in self.acks():
            epoch, seq = call.position
            if not may_change_nothing(call.frame):
                self.facts[call.page, epoch].setdefault(seq, _fact_of_call(call, seq))


def may_change_nothing(operation: Json) -> bool:
    return operation["type"] not in ("create-chat", "add-comment", "delete-comment", "delete-chat")


def _fact_of_call(call: Invocation, seq: int) -> Fact:
    frame, answer = call.frame, call.answer or {}
    draft = frame.get("chat", {}).get("comment") or frame.get("comment") or {}
    return Fact(
        seq=seq,
        broadcast_id=call.broadcast_id,
        chat=frame.get("chatId") or frame.get("chat", {}).get("id") or answer.get("chatId", ""),
        change=_CHANGES[frame["type"]],
        comment=frame.get("commentId") or draft.get("id") or answer.get("commentId", ""),
        emoji=frame.get("emoji", ""),
        user=call.record.user,
        value=frame.get("anchor") or draft.get("body", "").strip(),
    )


def _fact_of_event(event: Json) -> Fact:
    chat = event.get("chat", {})
    comment = chat.get("comment") or event.get("comment") or {}
    change = {"new-text-chat": "created", "deleted-text-chat": "deleted"}.get(event["type"])
    return Fact(
        seq=event["seq"],
        broadcast_id=event["broadcastId"],
        chat=event.get("chatId") or chat.get("id", ""),
        change=change or event["change"],
        comment=event.get("commentId") or comment.get("id", ""),
        emoji=event.get("emoji", ""),
        user=event["user"]["id"],
        value=event.get("anchor") or comment.get("body", ""),
    )


def chat_of(event: Json) -> str:
    return str(event["chat"]["id"] if event["type"] == "new-text-chat" else event["chatId"])


def text_of(event: Json) -> tuple[str, str]:
    """(comment id, body) that an event shows; empty where it shows none."""
    comment = event.get("chat", {}).get("comment") or event.get("comment") or {}
    return comment.get("id", ""), comment.get("body", "")
