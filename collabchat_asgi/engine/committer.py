"""One committer per process: what all pages have gathered while the last commit was in flight
goes into the next one.

An operation is validated on the state that this process knows. Where that is not the head, the
storage calls `Plan.revise` with what came between, under the page's lock: the rules hold exactly
whoever else writes, and nobody starves.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from ..core import rules
from ..core.model import Event, Operation, PageKey, Position, User
from ..core.records import change, decode_event
from ..core.state import State
from ..errors import Refused
from ..storage.abc import (
    Committed,
    Entry,
    Failed,
    Group,
    Outcome,
    Reset,
    Reused,
    Storage,
    Tail,
    Unknown,
)
from .backend import bounded, unavailable
from .page import Page

logger = logging.getLogger("collabchat_asgi.engine")

MAX_ENTRIES = 512
"""In one commit; the rest goes into the next one, page by page in turn."""


class Lane:
    """The operations of one connection on one page: what was sent behind a failed one may not
    overtake it (PROTOCOL section 4)."""

    __slots__ = ("_halted", "_refusal", "asking")

    def __init__(self) -> None:
        self.asking = 0
        """Operations whose permission is being asked for again."""
        self._halted: str | None = None
        self._refusal: Refused | None = None

    @property
    def active(self) -> bool:
        return self._halted is not None or self.asking > 0

    def halt(self, broadcast_id: str, refusal: Refused) -> None:
        """This operation was answered with `retry: true`: it must come again before any other."""
        if self._halted is None and refusal.retry:
            self._halted, self._refusal = broadcast_id, refusal

    def held_back(self, broadcast_id: str) -> Refused | None:
        """How to refuse what would overtake the operation that has to come again."""
        if self._halted == broadcast_id:
            self._halted = self._refusal = None
        return self._refusal


@dataclass(slots=True)
class Submission:
    """An operation on its way into the log."""

    operation: Operation
    """With all ids filled in, after `before_commit`."""
    broadcast_id: str
    fingerprint: bytes
    user: User
    ts: int
    action: rules.Action
    """The permission that was asked for; another one needs another answer."""
    answer: Callable[[Answer], None]
    lane: Lane | None = None
    refusal: Refused | None = None
    """Decided already. It is given only if the storage does not know the operation."""
    ask_again: bool = False
    """The host's own hook decides: it is asked again where the tail touched the same chat."""
    asked: bool = False
    """Permission has been asked for again: it goes before what was sent behind it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was committed, as every retry is told it again."""

    position: Position
    ts: int
    chat_id: str | None
    comment_id: str | None
    again: bool = False

    def as_ack(self, broadcast_id: str, url_id: str) -> dict[str, Any]:
        ack: dict[str, Any] = {
            "type": "ack",
            "broadcastId": broadcast_id,
            "urlId": url_id,
            "epoch": self.position.epoch,
            "seq": self.position.seq,
            "ts": self.ts,
        }
        if self.chat_id is not None:
            ack["chatId"] = self.chat_id
        if self.comment_id is not None:
            ack["commentId"] = self.comment_id
        return ack


Answer = Receipt | Refused | Literal["ask again"]


@dataclass(slots=True)
class Plan:
    """One page's share of a commit. `revise` may run in another thread: it works on a fork."""

    page: Page
    submissions: Sequence[Submission]
    limits: rules.PageLimits
    base: State
    expired_keys: Sequence[str]
    tail: list[Event] = field(default_factory=list)
    made: list[Event] = field(default_factory=list)
    refused: dict[str, Refused] = field(default_factory=dict)
    deferred: set[str] = field(default_factory=set)

    def entries(self, tail: Tail | None) -> list[Entry]:
        """What to write on top of the base and the tail, as far as it is valid there."""
        state = self.base.fork()
        self.tail, self.made = [], []
        self.refused.clear()
        self.deferred.clear()
        known: Mapping[str, Outcome] = {}
        epoch = state.position.epoch
        if tail is not None:
            known = tail.known
            epoch = tail.position.epoch
            self.tail = [decode_event(entry.event, entry.body) for entry in tail.events]
            state.fold_all(epoch, self.tail)
        touched = {event.chat_id for event in self.tail}
        held: set[int] = set()
        entries: list[Entry] = []
        for submission in self.submissions:
            if submission.broadcast_id in known:
                continue
            lane = id(submission.lane) if submission.lane else None
            if lane in held or self._must_ask(submission, state, touched):
                # Nothing of this connection may overtake an operation that is asked about again.
                self.deferred.add(submission.broadcast_id)
                if lane is not None:
                    held.add(lane)
                continue
            entries.append(self._entry(submission, state, epoch))
        writing = (index for index, entry in enumerate(entries) if not entry.lookup)
        first = next(writing, None)
        if first is not None and self.expired_keys:
            deletes = (*entries[first].deletes, *self.expired_keys)
            entries[first] = replace(entries[first], deletes=deletes)
        return entries

    def _must_ask(self, submission: Submission, state: State, touched: set[str]) -> bool:
        if submission.refusal is not None:
            return False
        chat_id = rules.names(submission.operation)[0]
        if submission.ask_again and chat_id in touched:
            return True
        needed = rules.action_for(state, submission.operation, submission.user.id)
        return needed != submission.action and needed != "comment"

    def _entry(self, submission: Submission, state: State, epoch: str) -> Entry:
        chat_id, comment_id = rules.names(submission.operation)
        receipt = msgspec.json.encode((submission.ts, chat_id, comment_id))
        event: Event | None = None
        refusal = submission.refusal
        if refusal is None:
            try:
                event = rules.decide(
                    state,
                    submission.operation,
                    user=submission.user,
                    ts=submission.ts,
                    broadcast_id=submission.broadcast_id,
                    limits=self.limits,
                )
            except Refused as error:
                refusal = error
        if refusal is not None:
            self.refused[submission.broadcast_id] = refusal
            return Entry(
                submission.broadcast_id, submission.user.id, submission.fingerprint, lookup=True
            )
        if event is None:
            return Entry(
                submission.broadcast_id, submission.user.id, submission.fingerprint, receipt
            )
        gone = state.chats.get(event.chat_id)
        state.fold(epoch, event)
        self.made.append(event)
        written = change(gone, state, event)
        return Entry(
            submission.broadcast_id,
            submission.user.id,
            submission.fingerprint,
            receipt,
            written.event,
            written.body_key,
            written.puts,
            written.deletes,
        )


class Committer:
    """Takes submissions and answers each of them, once."""

    def __init__(
        self,
        storage: Storage,
        limits: rules.PageLimits,
        seconds: float,
        max_waiting: int,
        committed: Callable[[Page, Position, list[Event], list[Event]], None],
        reload: Callable[[Page], Any],
    ) -> None:
        self._storage = storage
        self._limits = limits
        self._seconds = seconds
        self._max_waiting = max_waiting
        self._committed = committed
        self._reload = reload
        self._waiting: deque[Page] = deque()
        self._wake = asyncio.Event()
        self.count = 0
        """Operations that wait or are in flight."""

    def submit(self, page: Page, submission: Submission) -> None:
        """Answers later, in the order of the page's queue, or at once where there is no room."""
        if self.count >= self._max_waiting:
            self._answer(submission, unavailable(1_000))
            return
        self.count += 1
        if not page.queue:
            self._waiting.append(page)
        page.queue.append(submission)
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit(self._take())

    def _take(self) -> list[Plan]:
        plans: list[Plan] = []
        room = MAX_ENTRIES
        for _ in range(len(self._waiting)):
            if room <= 0:
                break
            page = self._waiting.popleft()
            taken: dict[str, Submission] = {}
            while page.queue and room > 0:
                submission = page.queue[0]
                if submission.broadcast_id in taken:
                    # The same id twice in one group: the second is looked up after the first.
                    break
                page.queue.popleft()
                self.count -= 1
                held = submission.lane and submission.lane.held_back(submission.broadcast_id)
                if held:
                    self._answer(submission, held)
                    continue
                if submission.lane and submission.lane.asking and not submission.asked:
                    self._answer(submission, "ask again")
                    continue
                taken[submission.broadcast_id] = submission
                room -= 1
            if page.queue:
                self._waiting.append(page)
            if taken:
                plans.append(
                    Plan(
                        page,
                        list(taken.values()),
                        self._limits,
                        page.state.fork(),
                        tuple(page.expired_keys),
                    )
                )
        return plans

    async def _commit(self, plans: list[Plan]) -> None:
        by_key = {plan.page.key: plan for plan in plans}

        def revise(key: PageKey, tail: Tail) -> Sequence[Entry]:
            return by_key[key].entries(tail)

        groups = [Group(plan.page.key, plan.base.position, plan.entries(None)) for plan in plans]
        try:
            outcomes = await bounded(self._storage.commit(groups, revise), self._seconds)
        except Exception as error:
            logger.error("a commit of %d pages failed: %s", len(plans), error)
            for plan in plans:
                for submission in plan.submissions:
                    self._answer(submission, unavailable())
            return
        for plan, answers in zip(plans, outcomes, strict=True):
            await self._settle(plan, answers)

    async def _settle(self, plan: Plan, outcomes: Mapping[str, Outcome]) -> None:
        page = plan.page
        if any(isinstance(outcome, Reset) for outcome in outcomes.values()):
            await self._start_over(plan)
            return
        position = plan.base.position
        for submission in plan.submissions:
            outcome = outcomes.get(submission.broadcast_id)
            if isinstance(outcome, Committed) and not outcome.again:
                position = outcome.position
            self._answer(submission, self._settled(plan, submission, outcome))
        made = [event for event in plan.made if event.broadcast_id in outcomes]
        failed = {id for id, outcome in outcomes.items() if isinstance(outcome, Failed)}
        made = [event for event in made if event.broadcast_id not in failed]
        page.expired_keys.clear()
        if made or plan.tail:
            self._committed(page, position, plan.tail, made)

    def _settled(self, plan: Plan, submission: Submission, outcome: Outcome | None) -> Answer:
        id = submission.broadcast_id
        refusal = submission.refusal or plan.refused.get(id)
        match outcome:
            case Committed(position=position, receipt=receipt, again=again):
                ts, chat_id, comment_id = msgspec.json.decode(receipt)
                return Receipt(position, ts, chat_id, comment_id, again)
            case Reused():
                if refusal is not None and refusal.code == "forbidden":
                    return refusal
                return Refused("conflict", "this broadcastId was used for something else")
            case Unknown() if refusal is not None:
                return refusal
            case None if id in plan.deferred:
                return "ask again"
            case Failed(error=error):
                logger.error("an operation on %s cannot be stored: %s", plan.page.topic, error)
                return Refused("internal", "this operation cannot be stored")
        logger.error("the storage gave no outcome for an operation on %s", plan.page.topic)
        return Refused("internal", "this operation was not settled")

    async def _start_over(self, plan: Plan) -> None:
        try:
            await self._reload(plan.page)
        except Exception as error:
            logger.warning("%s cannot be loaded: %s", plan.page.topic, error)
            for submission in plan.submissions:
                self._answer(submission, unavailable())
            return
        if not plan.page.queue:
            self._waiting.append(plan.page)
        plan.page.queue.extendleft(reversed(plan.submissions))
        self.count += len(plan.submissions)
        self._wake.set()

    def _answer(self, submission: Submission, answer: Answer) -> None:
        lane = submission.lane
        if lane and isinstance(answer, Refused):
            lane.halt(submission.broadcast_id, answer)
        if lane and answer == "ask again":
            lane.asking += 1
        try:
            submission.answer(answer)
        except Exception:
            logger.exception("an answer could not be given")
