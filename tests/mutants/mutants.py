"""Servers with one thing wrong. Each breaks a promise of PROTOCOL section 2, or one that
operators are given, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from collabchat_asgi.commands import copy
from collabchat_asgi.core import batch, flow, presence, records, ring, rules
from collabchat_asgi.core.model import Position
from collabchat_asgi.engine import engine, healing
from collabchat_asgi.engine.delivery import fanout, outbox, viewer
from collabchat_asgi.engine.erasing import forgetting
from collabchat_asgi.engine.measuring import backlog, counts, quotas
from collabchat_asgi.engine.pages import log, page
from collabchat_asgi.engine.peers import census, publisher
from collabchat_asgi.engine.people import join
from collabchat_asgi.engine.writing import committer
from collabchat_asgi.storage import memory, turn
from collabchat_asgi.storage.abc import Committed, LogEvent, UsageDelta

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    name: str
    promise: str
    apply: Patch
    story: str
    """Which story of `stories.py` tells it."""
    killers: frozenset[str]
    """Any of these violations kills it; `assertion`: the story itself notices."""


MUTANTS: list[Mutant] = []


def mutant(promise: str, story: str, *killers: str) -> Callable[[Patch], Patch]:
    def register(apply: Patch) -> Patch:
        name = apply.__name__.replace("_", " ")
        MUTANTS.append(Mutant(name, promise, apply, story, frozenset(killers)))
        return apply

    return register


@mutant("1 committed, then broadcast", "storage_fails", "event-before-commit", "acked-lost")
def broadcasts_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = committer.Committer._commit_plans

    async def early(self: Any, plans: Any) -> None:
        for one in plans:
            one.entries(None)
            made = list(one.made)
            position = one.base.position
            if made and position.epoch:
                self._committed(one.page, position, [], made, [])
        await commit(self, plans)

    monkeypatch.setattr(committer.Committer, "_commit_plans", early)


@mutant("1 refused is never seen", "refusals", "refused-but-seen")
def refuses_and_does_it_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_require_room", lambda *_: None)
    answer = committer.Committer._settled

    def lie(self: Any, one: Any, submission: Any, outcome: Any) -> Any:
        told = answer(self, one, submission, outcome)
        from collabchat_asgi.engine.writing.submission import Receipt
        from collabchat_asgi.errors import Refused

        if isinstance(told, Receipt) and told.position.seq % 5 == 0:
            return Refused("quota", "the page is full")
        return told

    monkeypatch.setattr(committer.Committer, "_settled", lie)


@mutant("2 one order", "storm", "two-orders", "gap", "pages-differ", "repeat", "assertion")
def gives_two_events_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tail is not looked at: whoever comes second writes over the first."""
    monkeypatch.setattr(turn.Turn, "wants_tail", property(lambda self: False))

    def place(self: Any) -> list[Any]:
        self.head = turn.Head(
            Position(self.head.position.epoch, self.expected.seq), self.head.trimmed
        )
        return original(self)

    original = turn.Turn.place
    monkeypatch.setattr(turn.Turn, "place", place)


@mutant("2 no gap", "across", "deaf")
def drops_a_hint_and_never_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher.Publisher, "happened", lambda *_: None)

    async def blind(self: Any) -> None:
        return None

    monkeypatch.setattr(healing.Healing, "heal", blind)


@mutant("2 no repeat", "resume", "repeat", "gap")
def resumes_one_number_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    resume = page.Page.resume

    def early(self: Any, one: Any, since: int, can: Any) -> None:
        resume(self, one, max(0, since - 1), can)

    monkeypatch.setattr(page.Page, "resume", early)


@mutant("2 never a partial tail", "trimmed", "partial-tail", "gap")
def resumes_with_a_partial_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log does not reach back so far: what is left of it is given as if it were all."""

    async def reach(reader: Any, one: Any, since: Any) -> Position | None:
        one.flush()
        return Position(one.position.epoch, since.seq)

    monkeypatch.setattr(join, "_reach", reach)

    def resume(self: Any, one: Any, since: int, can: Any) -> None:
        self.flush()
        one.owe([self.subscribed(one, recovered=True, can=can)], self.sent)

    monkeypatch.setattr(page.Page, "resume", resume)


@mutant("2 snapshot at a flush", "pending_batch", "repeat", "gap", "time-reversal")
def cuts_the_snapshot_ahead_of_the_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in the batch is in the snapshot already, and is told once more."""

    def begin(self: Any, one: Any, can: Any) -> None:
        texts, _ = self.snapshot()
        sent, self.sent = self.sent, self.position.seq
        subscribed = self.subscribed(one, recovered=False, can=can)
        self.sent = sent
        one.owe([subscribed, *texts], self.sent)

    monkeypatch.setattr(page.Page, "begin", begin)

    def place(connection: Any, one: Any, *rest: Any, **named: Any) -> None:
        held, one.flush = one.flush, lambda: None
        try:
            original(connection, one, *rest, **named)
        finally:
            one.flush = held

    original = join._place
    monkeypatch.setattr(join, "_place", place)


@mutant("2 the sender too", "echo", "ack-without-event", "deaf", "gap")
def drops_the_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    fan_out = fanout.fan_out

    def without_sender(viewers: Any, message: Any, size: int) -> Any:
        others = [one for one in viewers if f'"id":"{one.identity.user_id}"' not in str(message)]
        return fan_out(others, message, size)

    monkeypatch.setattr(page, "fan_out", without_sender)


@mutant("2 epoch", "rollback", "epoch-kept")
def keeps_the_epoch_after_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def load(self: Any, one: Any) -> None:
        loaded = await self._storage.load(one.key)
        one.restore(records.restore(loaded.position, loaded.records, 0))

    monkeypatch.setattr(log.LogReader, "load", load)


@mutant(
    "3 idempotent", "retries", "duplicated", "unacked-twice", "two-acks-differ", "retry-refused"
)
def skips_the_idempotency_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn.Turn, "learn", lambda self, found: self._asked.update(self.unasked))


@mutant("3 conflict changes nothing", "conflicts", "conflict-not-told")
def takes_another_users_id_for_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: Any, entry: Any) -> Any:
        return Committed(self.position, self.receipt, again=True)

    monkeypatch.setattr(turn.Known, "answer", answer)


@mutant("3 what changes nothing is recorded", "nothings", "two-acks-differ", "refused-but-seen")
def forgets_what_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    place = turn.Turn.place

    def placed(self: Any) -> list[Any]:
        return [one for one in place(self) if one.entry.event is not None]

    monkeypatch.setattr(turn.Turn, "place", placed)


@mutant("4 an ack means committed", "storage_fails", "acked-lost", "ack-not-durable")
def acks_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = committer.Committer._commit_plans

    async def early(self: Any, plans: Any) -> None:
        from collabchat_asgi.engine.writing.submission import NOBODY, Receipt

        for one in plans:
            one.entries(None)
            seqs = {event.broadcast_id: event.seq for event in one.made}
            for submission in one.submissions:
                epoch = one.base.position.epoch
                if submission.broadcast_id in seqs and epoch:
                    chat, comment = submission.operation.named
                    at = Position(epoch, seqs[submission.broadcast_id])
                    submission.answer(Receipt(at, submission.ts, chat, comment))
                    submission.accounts, submission.asker = None, NOBODY
        await commit(self, plans)

    monkeypatch.setattr(committer.Committer, "_commit_plans", early)


@mutant("4 in every later read", "stale", "stale-read", "time-reversal")
def joins_without_asking_for_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    async def current(self: Any, one: Any) -> None:
        return None

    monkeypatch.setattr(log.LogReader, "current", current)


@mutant("5 tenants never mix", "tenants", "leak", "assertion")
def leaks_across_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    from collabchat_asgi.core.model import PageKey

    def key(tenant_id: str, url_id: str) -> PageKey:
        return PageKey("everyone", url_id)

    from collabchat_asgi.engine.writing import operations

    monkeypatch.setattr(join, "PageKey", key)
    monkeypatch.setattr(operations, "PageKey", key)


@mutant("6 a slow reader is bounded", "slow_reader", "assertion")
def sends_without_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.Window, "open", lambda self, window_bytes: True)


@mutant("6 a slow reader hurts only itself", "slow_reader", "assertion")
def queues_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of everything that it has not read, without bound."""

    def keeps(self: Any, one: Any, position: int) -> None:
        if self._live.pop(one, one) is None:
            one.live = False
            one.position = position
            outbox.Outbox.catch_up(one.outbox, one)
            one._owed.extend([viewer.Owed(b"x" * 100)] * 1_000)
            one.outbox.pump()

    monkeypatch.setattr(page.Page, "_fall_behind", keeps)


@mutant("7 deleted is gone", "deletions", "deleted-text-visible")
def skips_the_blanking_in_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring.Ring, "_forget_texts", lambda self, events: None)
    monkeypatch.setattr(batch, "_merged", lambda first, second: None)


@mutant("7 deleted is gone from the log", "deletions_in_the_log", "deleted-text-visible")
def skips_the_blanking_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text stays in the stored event itself."""
    texts: dict[str, str] = {}
    place = turn.Turn.place

    def remembering(self: Any) -> list[Any]:
        placed = place(self)
        for one in placed:
            bodies = [put.body for put in one.entry.puts if put.key == one.entry.body_key]
            texts.update(dict.fromkeys([one.entry.broadcast_id], *bodies) if bodies else {})
        return placed

    def event(self: Any, seq: int, logged: Any) -> LogEvent:
        text = texts.get(logged.broadcast_id, "")
        return LogEvent(seq, logged.event, text, logged.broadcast_id)

    monkeypatch.setattr(turn.Turn, "place", remembering)
    monkeypatch.setattr(memory._Page, "_event", event)
    monkeypatch.setattr(batch, "_merged", lambda first, second: None)


@mutant("usage", "usage", "assertion")
def flushes_usage_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails after it was stored gets a new serial."""

    def anew(self: Any, part: list[Any]) -> None:
        for row in part:
            self.add(backlog.Key(row.tenant_id, row.url_id or "", row.day), row.counters)

    monkeypatch.setattr(backlog.Backlog, "_cut", anew)


@mutant("presence", "presence", "assertion")
def counts_connections_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        presence.PagePresence, "counts", lambda self: (self.connections, self.connections)
    )


@mutant("4 order of a connection", "lanes", "assertion")
def lets_others_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    from collabchat_asgi.engine.writing.submission import Lane

    monkeypatch.setattr(Lane, "held_back", lambda self, broadcast_id, order: None)


@mutant("2 heals itself", "eviction", "deaf", "assertion")
def evicts_pages_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.Page, "idle", property(lambda self: True))


@mutant("a quota is exact in one process", "over_quota", "assertion")
def counts_what_is_under_way_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def used(self: Any, name: str) -> int:
        return int(self.stored.get(name, 0) + self.sent[name] + self.local[name])

    monkeypatch.setattr(quotas.Standing, "used", used)


@mutant("what is refused uses nothing up", "over_quota", "assertion")
def counts_refused_operations_too(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = quotas.QuotaBook.settle

    def counted(self: Any, *who: Any, done: bool, **how: Any) -> None:
        settle(self, *who, done=True, **how)

    monkeypatch.setattr(quotas.QuotaBook, "settle", counted)


@mutant("a quota holds over processes", "over_quota", "assertion")
def never_reads_what_others_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    async def alone(self: Any) -> None:
        return None

    monkeypatch.setattr(quotas.QuotaBook, "_read_all", alone)


@mutant("a flush whose answer is lost counts once", "over_quota", "assertion")
def gives_what_is_used_a_new_number(monkeypatch: pytest.MonkeyPatch) -> None:
    flush = quotas.QuotaBook.flush

    async def anew(self: Any) -> None:
        again = [(one.tenant_id, one.day, one.counters) for one in self._unsent]
        self._unsent.clear()
        for row, day, counters in again:
            self._serial += 1
            self._unsent.append(UsageDelta(self._run, self._serial, row, "", day, counters))
        await flush(self)

    monkeypatch.setattr(quotas.QuotaBook, "flush", anew)


@mutant("the forgotten are in no record", "forgotten", "assertion")
def keeps_who_began_and_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_renamed", lambda record, user_id: record)


@mutant("the forgotten are not in the log", "forgotten", "assertion")
def keeps_the_log_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_remembered", lambda one, *_: one)


@mutant("how far they have read goes too", "forgotten", "assertion")
def keeps_how_far_they_have_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(self: Any, tenant_id: str, user_id: str) -> int:
        return 0

    monkeypatch.setattr(memory.MemoryStorage, "forget_read", keep)


@mutant("who looks on sees them go", "forgotten", "assertion")
def tells_nobody_that_they_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(self: Any) -> None:
        return None

    monkeypatch.setattr(engine, "renewed", lambda *_: None)
    monkeypatch.setattr(healing.Healing, "heal", blind)


@mutant("a copy knows what was done", "moved", "two-acks-differ", "retry-refused", "assertion")
def copies_events_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory._Page.copy

    def bare(self: Any) -> Any:
        made = whole(self)
        return replace(made, kept=[one for one in made.kept if one.event is not None])

    monkeypatch.setattr(memory._Page, "copy", bare)


@mutant("a second run brings what came since", "moved", "acked-lost", "epoch-kept", "assertion")
def copies_a_page_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = copy.copy_page

    async def once(source: Any, target: Any, key: Any) -> Any:
        there = await target.dump(key)
        return (copy.Fate.SAME, there) if there.kept else await begin(source, target, key)

    monkeypatch.setattr(copy, "copy_page", once)


@mutant("usage is copied once", "moved", "assertion")
def copies_usage_again_with_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def add(source: Any, target: Any, tenants: list[str]) -> int:
        class Blank:
            add_usage = target.add_usage

            async def usage(self, *_: str) -> list[Any]:
                return []

        return await once(source, Blank(), tenants)  # type: ignore[arg-type]

    once = copy.copy_usage
    monkeypatch.setattr(copy, "copy_usage", add)


@mutant("metrics: a retry is no second operation", "counted", "assertion")
def counts_a_retry_as_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = counts.Counts.answered

    def told(self: Any, kind: str, outcome: str) -> None:
        answered(self, kind, "accepted" if outcome == "repeated" else outcome)

    monkeypatch.setattr(counts.Counts, "answered", told)


@mutant("metrics: events, not frames", "counted", "assertion")
def counts_frames_for_events(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**counts.USAGE, "events_delivered": "pubSubMessageCount"}
    monkeypatch.setattr(counts, "USAGE", wrong)


@mutant("metrics: of all processes", "counted", "assertion")
def tells_of_one_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def own(self: Any, *_: Any, **__: Any) -> Any:
        return {self._run: self._rows(False)}

    monkeypatch.setattr(census.Census, "take", own)


@mutant("who is being sent something is told of typing", "typing", "assertion")
def leaves_out_who_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        page.Page, "typing_text", lambda self, viewer: setattr(viewer, "typing", None)
    )


@mutant("nobody is told later that somebody was typing", "typing", "assertion")
def tells_of_typing_whenever_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "TYPING_IS_SHOWN_SECONDS", 1e9)
