"""Proves the promises of PROTOCOL section 2 on a history; each violation has a name.

| name | what was broken |
|---|---|
| `acked-lost` | an acked operation is not in the final log or page |
| `ack-not-durable` | the final log ends before an acked number |
| `ack-without-event` | who sent it and listens was never told |
| `conflict-changed-something` | an operation refused with `conflict` is seen after all |
| `deaf` | a listener is behind when everything has settled |
| `deleted-text-visible` | an earlier body in a read begun after its edit or deletion was acked |
| `duplicated`, `unacked-twice` | one operation, two numbers |
| `epoch-changed` | history was lost and nobody expected it |
| `event-before-commit` | seen live, not in the final log |
| `gap`, `repeat`, `out-of-order`, `time-reversal`, `partial-tail` | promise 2 on one connection |
| `invented-event` | nobody asked for it |
| `leak` | something of another tenant or page |
| `pages-differ` | two clients at one position show different pages |
| `refused-but-seen` | an operation refused for good is in the log |
| `retry-refused` | sent again after its ack, and refused |
| `stale-read` | a read that began after an ack lacks it |
| `two-acks-differ` | one operation, two different acks |
| `two-orders` | two readers disagree on what a number is |
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.model import PageKey
from .evidence import (
    Evidence,
    Fact,
    Invocation,
    Read,
    chat_of,
    may_change_nothing,
    text_of,
)
from .history import History, Json
from .merging import unexplained
from .page import agree
from .streams import Streams


@dataclass(frozen=True, slots=True)
class Violation:
    name: str
    why: str
    records: tuple[int, ...]


@dataclass
class Report:
    violations: list[Violation] = field(default_factory=list)
    acked: int = 0
    refused: int = 0
    unanswered: int = 0
    frames: int = 0
    clients: int = 0
    deaf: int = 0
    faults: int = 0
    faults_in_flight: int = 0

    @property
    def names(self) -> set[str]:
        return {violation.name for violation in self.violations}

    def count(self, *names: str) -> int:
        return sum(violation.name in names for violation in self.violations)

    def add(self, name: str, why: str, *records: int) -> None:
        self.violations.append(Violation(name, why, records))

    def __str__(self) -> str:
        head = (
            f"acked {self.acked}, lost {self.count('acked-lost', 'ack-not-durable')}, "
            f"duplicated {self.count('duplicated', 'unacked-twice')}, "
            f"out of order {self.count('out-of-order', 'two-orders', 'time-reversal')}, "
            f"deaf {self.deaf}; refused {self.refused}, unanswered {self.unanswered}; "
            f"{self.frames} frames, {self.clients} clients; faults {self.faults}, "
            f"{self.faults_in_flight} of them with operations in flight"
        )
        lines = [f"  {v.name}: {v.why} (records {list(v.records)})" for v in self.violations[:50]]
        more = [f"  and {len(self.violations) - 50} more"] if len(self.violations) > 50 else []
        return "\n".join([head, *lines, *more])

    def assert_kept(self) -> None:
        if self.violations:
            raise AssertionError(str(self))


def check(
    history: History, *, expect_epoch_changes: bool = False, closed_world: bool = True
) -> Report:
    """`expect_epoch_changes`: the test erased or rolled back on purpose.
    `closed_world`: every operation was asked for by a client of this history."""
    report, evidence = Report(), Evidence.gather(history)
    streams = Streams(report.add)
    streams.run(history)
    report.deaf = streams.deaf
    _count(report, evidence)
    _ranges(report, evidence)
    _numbers(report, evidence)
    _commits(report, evidence, closed_world)
    _answers(report, evidence)
    _reads(report, evidence, expect_epoch_changes)
    _deletions(report, evidence)
    _pages(report, evidence)
    return report


def _count(report: Report, evidence: Evidence) -> None:
    calls, records = evidence.invocations, evidence.history.records
    settled = {(c.page, c.record.user, c.broadcast_id) for c in calls if c.acked or c.refused}
    sent = {(c.page, c.record.user, c.broadcast_id) for c in calls}
    report.acked = len({(c.page, c.record.user, c.broadcast_id) for c in calls if c.acked})
    report.refused = sum(call.refused for call in calls)
    report.unanswered = len(sent - settled)
    report.frames = sum(record.kind == "received" for record in records)
    report.clients = len({record.client for record in records if record.client})
    faults = [record.at for record in records if record.kind == "fault"]
    report.faults = len(faults)
    report.faults_in_flight = sum(
        any(call.record.at <= at < call.answered_at for call in calls) for at in faults
    )


def _ranges(report: Report, evidence: Evidence) -> None:
    """Holes inside first…last that no merge explains. A number of which nothing at all is known
    may be an operation whose answer was lost, merged away; there are only so many of those."""
    acked = {(c.page, *c.position): c for c in evidence.acks() if not may_change_nothing(c.frame)}
    # Where nothing is known to stand, one of these did change something, and was merged away.
    quiet = {(c.page, *c.position) for c in evidence.acks() if may_change_nothing(c.frame)}
    unplaced = _unplaced(evidence)
    for frame in evidence.ranges:
        facts = evidence.facts[frame.page, frame.epoch]
        for seq in unexplained(frame, facts):
            known = seq in facts
            if not known and ((frame.page, frame.epoch, seq) in quiet or unplaced[frame.page]):
                continue
            lost = frame.final and (frame.page, frame.epoch, seq) in acked
            name = "acked-lost" if lost else "gap"
            report.add(name, f"{seq} is missing from {frame.first}…{frame.last}", frame.index)


def _unplaced(evidence: Evidence) -> Counter[PageKey]:
    placed = {
        (page, fact.broadcast_id)
        for (page, _), facts in evidence.facts.items()
        for fact in facts.values()
    }
    open_calls = {
        (call.page, call.broadcast_id)
        for call in evidence.invocations
        if not call.acked and not call.refused
    }
    return Counter(page for page, _ in open_calls - placed)


def _numbers(report: Report, evidence: Evidence) -> None:
    """One operation, one number; one number, one operation."""
    final = {(seen.page, seen.epoch, seen.seq): seen for seen in evidence.sightings if seen.final}
    first_seen = dict(final)
    seqs_of: dict[tuple[PageKey, str, str], dict[int, int]] = defaultdict(dict)
    bodies: dict[tuple[PageKey, str, int, str], tuple[str, int]] = {}
    for seen in evidence.sightings:
        key = seen.page, seen.epoch, seen.seq
        other = first_seen.setdefault(key, seen)
        seqs_of[seen.page, seen.epoch, seen.broadcast_id].setdefault(seen.seq, seen.index)
        if (other.broadcast_id, chat_of(other.event)) != (seen.broadcast_id, chat_of(seen.event)):
            name = "event-before-commit" if key in final else "two-orders"
            report.add(name, f"two events are number {seen.seq}", other.index, seen.index)
        comment, body = text_of(seen.event)
        if body:
            known, index = bodies.setdefault((*key, comment), (body, seen.index))
            if known != body:
                report.add("two-orders", f"two texts are number {seen.seq}", index, seen.index)
    acked = {(call.page, call.broadcast_id) for call in evidence.acks()}
    for (page, _, broadcast_id), seqs in seqs_of.items():
        if len(seqs) > 1:
            name = "duplicated" if (page, broadcast_id) in acked else "unacked-twice"
            report.add(name, f"{broadcast_id} is {sorted(seqs)}", *seqs.values())
    heads: dict[tuple[PageKey, str], int] = {}
    for read in evidence.reads:
        if read.final:
            heads[read.page, read.epoch] = max(heads.get((read.page, read.epoch), 0), read.seq)
    for seen in evidence.sightings:
        if seen.seq > heads.get((seen.page, seen.epoch), seen.seq):
            report.add("event-before-commit", f"{seen.seq} is beyond the final head", seen.index)


def _commits(report: Report, evidence: Evidence, closed_world: bool) -> None:
    """Every event seen was asked for, here, and was not refused."""
    calls = evidence.calls_of()
    receipts = {record.frame.get("broadcastId") for _, record in evidence.receipts}
    elsewhere: dict[str, set[PageKey]] = defaultdict(set)
    chats_elsewhere: dict[str, set[PageKey]] = defaultdict(set)
    for call in evidence.invocations:
        elsewhere[call.broadcast_id].add(call.page)
        if chat := call.frame.get("chat", {}).get("id"):
            chats_elsewhere[chat].add(call.page)
    for seen in evidence.sightings:
        asked = calls.get((seen.page, seen.broadcast_id), [])
        if not asked:
            if seen.broadcast_id in elsewhere:
                report.add("leak", f"{seen.broadcast_id} belongs to another page", seen.index)
            elif closed_world and seen.broadcast_id not in receipts:
                report.add("invented-event", f"nobody asked for {seen.broadcast_id}", seen.index)
        elif all(call.refused for call in asked) and not any(call.conflicted for call in asked):
            why = f"{seen.broadcast_id} was refused"
            report.add("refused-but-seen", why, asked[0].answered_index, seen.index)
        elif any(call.conflicted for call in asked) and _is_the_conflicting(seen.event, asked):
            report.add("conflict-changed-something", seen.broadcast_id, seen.index)
        if min((call.index for call in asked), default=-1) > seen.index:
            report.add("event-before-commit", "seen before it was asked for", seen.index)
    for read in evidence.reads:
        for chat in read.frame.get("chats", []):
            pages = chats_elsewhere.get(chat["id"])
            if pages and read.page not in pages:
                report.add("leak", f"chat {chat['id']} belongs to another page", read.index)


def _is_the_conflicting(event: Json, asked: list[Invocation]) -> bool:
    honest = [call for call in asked if not call.conflicted]
    return not any(_matches(event, call) for call in honest)


def _matches(event: Json, call: Invocation) -> bool:
    """A merged creation shows its first part's user, so only like is compared with like."""
    if (event["type"] == "new-text-chat") != (call.frame["type"] == "create-chat"):
        return True
    if event["user"]["id"] != call.record.user:
        return False
    comment, body = text_of(event)
    draft = call.frame.get("chat", call.frame).get("comment", {})
    return (not comment or draft.get("id", comment) == comment) and (
        not body or draft.get("body", body).strip() == body
    )


def _answers(report: Report, evidence: Evidence) -> None:
    """The same operation gets the same ack, whenever and wherever it is sent."""
    first_ack: dict[tuple[PageKey, str, str], tuple[int, Json]] = {}
    for index, record in evidence.receipts:
        ack = record.frame
        key = PageKey(record.tenant, ack["urlId"]), record.user, ack["broadcastId"]
        known_index, known = first_ack.setdefault(key, (index, ack))
        if known != ack:
            report.add("two-acks-differ", ack["broadcastId"], known_index, index)
    contents: dict[tuple[PageKey, str, str], Invocation] = {}
    for call in evidence.acks():
        contents.setdefault((call.page, call.record.user, call.broadcast_id), call)
    for call in evidence.invocations:
        original = contents.get((call.page, call.record.user, call.broadcast_id))
        if original is None or not call.refused or call.content != original.content:
            continue
        if original.answered_index < call.index:
            report.add("retry-refused", call.broadcast_id, call.index, call.answered_index)


def _reads(report: Report, evidence: Evidence, expect_epoch_changes: bool) -> None:
    acks = sorted(evidence.acks(), key=lambda call: call.answered_at)
    told = defaultdict(list)
    for call in acks:
        told[call.page].append(call)
    epochs: dict[PageKey, str] = {}
    for read in sorted(evidence.reads, key=lambda read: read.index):
        if not read.epoch:
            continue
        if epochs.setdefault(read.page, read.epoch) != read.epoch and not expect_epoch_changes:
            report.add("epoch-changed", f"{epochs[read.page]} → {read.epoch}", read.index)
            epochs[read.page] = read.epoch
    newest = {page: _Newest(calls) for page, calls in told.items()}
    for read in evidence.reads:
        if (known := newest.get(read.page)) and (lacking := known.before(read)):
            name = "ack-not-durable" if read.final else "stale-read"
            why = f"at {read.seq} after {lacking.position[1]} was acked"
            report.add(name, why, lacking.answered_index, read.index)
        if "chats" in read.frame and read.frame["type"] == "chats":
            _missing_chats(report, read, told[read.page], evidence)
    seen = {(s.page, s.epoch, s.broadcast_id): s.seq for s in evidence.sightings}
    for call in acks:
        epoch, seq = call.position
        if seen.get((call.page, epoch, call.broadcast_id), seq) != seq:
            report.add("acked-lost", f"acked as {seq}, which it is not", call.answered_index)
        else:
            _ack_is_true(report, call, evidence.facts[call.page, epoch])


class _Newest:
    """The highest number acked up to a time, per epoch."""

    def __init__(self, calls: Iterable[Invocation]) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.calls: dict[str, list[Invocation]] = defaultdict(list)
        for call in calls:
            epoch, seq = call.position
            highest = self.calls[epoch][-1] if self.calls[epoch] else call
            self.times[epoch].append(call.answered_at)
            self.calls[epoch].append(call if seq >= highest.position[1] else highest)

    def before(self, read: Read) -> Invocation | None:
        """The acked operation that `read` should have known of and did not."""
        epoch = read.epoch or next(iter(self.times))
        count = bisect.bisect_left(self.times.get(epoch, []), read.began)
        call = self.calls[epoch][count - 1] if count else None
        return call if call and call.position[1] > read.seq else None


def _missing_chats(report: Report, read: Read, acks: list[Invocation], evidence: Evidence) -> None:
    shown = {chat["id"]: chat for chat in read.frame["chats"]}
    deleted = {
        call.frame["chatId"]
        for call in evidence.invocations
        if call.page == read.page and call.frame["type"] in ("delete-chat", "delete-comment")
    }
    for call in acks:
        epoch, seq = call.position
        if call.answered_at >= read.began or epoch != read.epoch or seq > read.seq:
            continue
        assert call.answer is not None
        chat = call.frame.get("chatId") or call.answer.get("chatId", "")
        if call.frame["type"] not in ("create-chat", "add-comment") or chat in deleted:
            continue
        comments = shown.get(chat, {}).get("comments", ())
        newest_five = len(comments) >= 5
        comment = call.answer.get("commentId")
        if chat in shown and (newest_five or not comment or comment in _ids(comments)):
            continue
        name = "acked-lost" if read.final else "stale-read"
        report.add(name, f"{call.broadcast_id} is not on the page", call.answered_index, read.index)


def _ids(comments: Iterable[Json]) -> set[str]:
    return {comment["id"] for comment in comments}


def _ack_is_true(report: Report, call: Invocation, facts: dict[int, Fact]) -> None:
    """The acked number is this operation, or the operation had nothing to change there."""
    _, seq = call.position
    there = facts.get(seq)
    if there is None or there.broadcast_id == call.broadcast_id:
        return
    complete = all(number in facts for number in range(1, seq + 1))
    if may_change_nothing(call.frame) and not (complete and _would_change(call, facts, seq)):
        return
    report.add("acked-lost", f"{seq} is {there.broadcast_id}", call.index, call.answered_index)


def _would_change(call: Invocation, facts: dict[int, Fact], seq: int) -> bool:
    frame = call.frame
    past = [facts[n] for n in range(seq, 0, -1) if facts[n].chat == frame["chatId"]]
    match frame["type"]:
        case "resolve-chat" | "reopen-chat":
            last = next(
                (f.change for f in past if f.change in ("resolved", "reopened")), "reopened"
            )
            return last != ("resolved" if frame["type"] == "resolve-chat" else "reopened")
        case "move-anchor":
            moves = (f.value for f in past if f.change == "anchor-moved")
            return bool(next(moves, frame["anchor"]) != frame["anchor"])
        case "edit-comment":
            same = (f.value for f in past if f.comment == frame["comment"]["id"] and f.value)
            body = frame["comment"]["body"].strip()
            return bool(next(same, body) != body)
        case _:
            mine = (frame["commentId"], frame["emoji"], call.record.user)
            last = next(
                (f.change for f in past if (f.comment, f.emoji, f.user) == mine),
                "reaction-removed",
            )
            return last != (
                "reaction-added" if frame["type"] == "add-reaction" else "reaction-removed"
            )


@dataclass(frozen=True, slots=True)
class _Removal:
    at: float
    seq: int
    call: Invocation


def _deletions(report: Report, evidence: Evidence) -> None:
    """After the ack of an edit or deletion, nobody who asks is shown the earlier text."""
    removals: dict[tuple[PageKey, str, str], list[_Removal]] = defaultdict(list)
    for call in evidence.acks():
        kind, frame = call.frame["type"], call.frame
        if kind not in ("edit-comment", "delete-comment", "delete-chat"):
            continue
        epoch, seq = call.position
        fact = evidence.facts[call.page, epoch].get(seq)
        if fact is None or fact.broadcast_id != call.broadcast_id:
            continue
        target = frame.get("commentId") or frame.get("comment", {}).get("id") or frame["chatId"]
        removals[call.page, epoch, target].append(_Removal(call.answered_at, seq, call))
    for seen in evidence.sightings:
        comment, body = text_of(seen.event)
        for target in (comment, chat_of(seen.event)) if body else ():
            for gone in removals.get((seen.page, seen.epoch, target), ()):
                if gone.seq > seen.seq and gone.at < seen.began:
                    why = f"{seen.seq} still has its text after {gone.seq}"
                    report.add("deleted-text-visible", why, gone.call.answered_index, seen.index)
    texts = _texts(evidence)
    for read in evidence.reads:
        for chat in read.frame.get("chats", ()):
            for gone in removals.get((read.page, read.epoch, chat["id"]), ()):
                if gone.at < read.began:
                    report.add("deleted-text-visible", f"chat {chat['id']}", read.index)
            for comment in chat["comments"]:
                key = read.page, read.epoch, comment["id"]
                for gone in removals.get(key, ()):
                    newer = {body for seq, body in texts[key] if seq >= gone.seq}
                    edited = gone.call.frame["type"] == "edit-comment"
                    stale = not edited or comment["body"] not in newer
                    known = any(body == comment["body"] for _, body in texts[key])
                    if gone.at < read.began and stale and known:
                        why = f"comment {comment['id']} as before {gone.seq}"
                        report.add("deleted-text-visible", why, read.index)


def _texts(evidence: Evidence) -> dict[tuple[PageKey, str, str], list[tuple[int, str]]]:
    texts = defaultdict(list)
    for (page, epoch), facts in evidence.facts.items():
        for fact in facts.values():
            if fact.comment and isinstance(fact.value, str) and fact.value:
                texts[page, epoch, fact.comment].append((fact.seq, fact.value))
    return texts


def _pages(report: Report, evidence: Evidence) -> None:
    """Whoever stands at the same position shows the same page."""
    at: dict[tuple[PageKey, str, int], tuple[int, Json]] = {}
    for index, record in evidence.finals:
        frame = record.frame
        key = PageKey(record.tenant, frame["urlId"]), frame["epoch"], frame["seq"]
        first, outline = at.setdefault(key, (index, frame["outline"]))
        if not agree(outline, frame["outline"]):
            report.add("pages-differ", f"two pages at {frame['seq']}", first, index)
