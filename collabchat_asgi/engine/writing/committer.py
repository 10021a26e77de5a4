"""One committer per process: what all pages have gathered while the last commit was in flight
goes into the next one.

An operation is validated on the state that this process knows. Where that is not the head, the
storage calls `Plan.revise` with what came between, under the page's lock: the rules hold exactly
whoever else writes, and nobody starves.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ...core import rules
from ...core.measures import Histogram
from ...core.model import Event, PageKey, Position
from ...errors import Refused
from ...sparing_log import SparingLog
from ...storage.abc import (
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
from ..backend import bounded, unavailable, within
from ..measuring.traces import Span
from ..pages.page import Page
from .plan import Plan, UnknownTail, decode_receipt
from .submission import Answer, Lane, Receipt, Submission

logger = logging.getLogger("collabchat_asgi.engine")

MAX_ENTRIES = 512
"""In one commit; the rest goes into the next one, page by page in turn."""


EXPIRED_AT_ONCE = 100
"""Records of ids that may come again, deleted by one commit."""


class Committer:
    """Takes submissions and answers each of them, once."""

    def __init__(
        self,
        storage: Storage,
        limits: rules.PageLimits,
        seconds: float,
        max_waiting: int,
        committed: Callable[[Page, Position, list[Event], list[Event], list[str]], None],
        reload: Callable[[Page], Any],
        size: Histogram,
        traces: bool = False,
    ) -> None:
        """`size` is told how many operations each commit has; `traces`: they may have spans."""
        self._storage = storage
        self._limits = limits
        self._seconds = seconds
        self._max_waiting = max_waiting
        self._committed = committed
        self._reload = reload
        self._size = size
        self._traces = traces
        self._log = SparingLog(logger)
        self._queues: OrderedDict[Page, deque[Submission]] = OrderedDict()
        """What waits, by page; the first one's turn is next. A page that has something here stays
        in memory."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.count = 0
        """Operations that wait or are in flight."""

    def submit(self, page: Page, submission: Submission) -> None:
        """Answers later, in the order of the page's queue, or at once where there is no room."""
        if self.count >= self._max_waiting:
            self._answer(submission, unavailable(1_000))
            return
        self.count += 1
        queue = self._queue_of(page)
        lane = submission.lane
        if lane is None or submission.order > lane.newest:
            queue.append(submission)
        else:
            queue.insert(_place(queue, submission), submission)
        if lane is not None:
            lane.newest = max(lane.newest, submission.order)

    def _queue_of(self, page: Page) -> deque[Submission]:
        queue = self._queues.get(page)
        if queue is None:
            queue = self._queues[page] = deque()
            page.users += 1
            self._idle.clear()
            self._wake.set()
        return queue

    async def settled(self, seconds: float) -> None:
        """Return when everything that was submitted has its answer, or after so many seconds."""
        try:
            async with within(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("operations failed to be settled within %g s before the end", seconds)

    async def run(self) -> None:
        """For ever. An earlier run may have left something."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queues:
                await self._commit(self._take())
            self._idle.set()

    def _take(self) -> list[Plan]:
        plans: list[Plan] = []
        room = MAX_ENTRIES
        for _ in range(len(self._queues)):
            if room <= 0:
                break
            page, queue = next(iter(self._queues.items()))
            taken: dict[str, Submission] = {}
            refused: set[Lane] = set()
            while queue and room > 0:
                submission = queue[0]
                lane = submission.lane
                if submission.broadcast_id in taken or lane in refused:
                    # The same id twice in one group: the second is looked up after the first.
                    # And what follows one that has to come again waits for that to be said.
                    break
                queue.popleft()
                self.count -= 1
                if lane is not None:
                    held = lane.held_back(submission.broadcast_id, submission.order)
                    if held:
                        self._answer(submission, held)
                        continue
                    if lane.asking and lane.waits(submission.order):
                        self._answer(submission, "ask again")
                        continue
                    if submission.refusal is not None and submission.refusal.retry:
                        refused.add(lane)
                taken[submission.broadcast_id] = submission
                room -= 1
            if queue:
                self._queues.move_to_end(page)
            else:
                del self._queues[page]
                page.users -= 1
            if taken:
                expired = tuple(page.expired_keys[:EXPIRED_AT_ONCE])
                last = page.sequencer.last
                base = page.lend()
                plans.append(Plan(page, list(taken.values()), self._limits, base, expired, last))
        return plans

    async def _commit(self, plans: list[Plan]) -> None:
        pages = [plan.page for plan in plans]
        for page in pages:
            page.users += 1
        try:
            await self._commit_plans(plans)
        finally:
            for page in pages:
                page.users -= 1

    async def _commit_plans(self, plans: list[Plan]) -> None:
        by_key = {plan.page.key: plan for plan in plans}

        def revise(key: PageKey, tail: Tail) -> Sequence[Entry]:
            return by_key[key].entries(tail)

        groups = []
        size = 0
        for plan in list(plans):
            try:
                entries = plan.entries(None)
            except Exception:
                # Whatever is wrong with this page, the others can do nothing about it.
                logger.exception("writing what was asked of %s failed", plan.page.topic)
                plans.remove(plan)
                for submission in plan.submissions:
                    self._answer(submission, Refused("internal", "this cannot be stored"))
            else:
                groups.append(Group(plan.page.key, plan.base.position, entries, plan.last))
                size += len(plan.submissions)
        self._size.observe(size)
        for span in self._spans(plans):
            span.committing(size)
        try:
            outcomes = await bounded(self._storage.commit(groups, revise), self._seconds)
        except BaseException as error:
            # Also where this task is cancelled: nobody else knows who waits.
            for plan in plans:
                self._put_off(plan)
            if not isinstance(error, Exception):
                raise
            self._log.error("commit", "a commit of %d pages failed: %s", len(plans), error)
            return
        for span in self._spans(plans):
            span.committed()
        ended: asyncio.CancelledError | None = None
        for plan, answers in zip(plans, outcomes, strict=True):
            try:
                await self._settle(plan, answers)
            except asyncio.CancelledError as error:
                # The other pages have their outcomes, and nobody else knows who waits for them.
                ended = error
            except Exception:
                # It is committed, and the other pages of this commit have their own right.
                logger.exception("telling what was committed on %s failed", plan.page.topic)
                self._put_off(plan)
        if ended is not None:
            raise ended

    async def _settle(self, plan: Plan, outcomes: Mapping[str, Outcome]) -> None:
        page = plan.page
        failed = False
        for one in outcomes.values():
            if _wants_a_load(one):
                await self._start_over(plan)
                return
            failed = failed or isinstance(one, Failed)
        position = Position(plan.epoch, plan.base.position.seq)
        spans: list[Span] = []
        for submission in plan.submissions:
            outcome = outcomes.get(submission.broadcast_id)
            if isinstance(outcome, Committed) and not outcome.again:
                position = outcome.position
                if submission.span is not None:
                    spans.append(submission.span)
            self._answer(submission, self._settled(plan, submission, outcome))
        made = plan.made
        if failed or len(outcomes) != len(plan.submissions):
            stored = {id for id, one in outcomes.items() if not isinstance(one, Failed)}
            made = [event for event in made if event.broadcast_id in stored]
        if plan.expired_keys:
            del page.expired_keys[: len(plan.expired_keys)]
        if made or plan.tail:
            if len(made) == len(plan.made):
                page.foresee(plan.base, plan.state, plan.told)
            traces = [span.parent for span in spans] if spans else []
            self._committed(page, position, plan.tail, made, traces)
        for span in spans:
            page.when_sent(partial(span.ended, "accepted"))

    def _spans(self, plans: Sequence[Plan]) -> Iterator[Span]:
        if self._traces:
            for plan in plans:
                for submission in plan.submissions:
                    if submission.span is not None:
                        yield submission.span

    def _settled(self, plan: Plan, submission: Submission, outcome: Outcome | None) -> Answer:
        id = submission.broadcast_id
        refusal = submission.refusal or plan.refused.get(id)
        match outcome:
            case Committed(again=False):
                return Receipt(
                    outcome.position, submission.ts, submission.chat_id, submission.comment_id
                )
            case Committed():
                return Receipt(outcome.position, *decode_receipt(outcome.receipt), True)
            case Reused():
                if refusal is not None and refusal.code == "forbidden":
                    return refusal
                return Refused("conflict", "this broadcastId was used for something else")
            case Unknown() if refusal is not None:
                return refusal
            case None | Unknown() if id in plan.deferred:
                return "ask again"
            case Failed(error=error):
                line = "storing an operation on %s failed: %s"
                self._log.error("storing", line, plan.page.topic, error)
                return Refused("internal", "this operation cannot be stored")
        line = "settling an operation on %s failed: the storage gave no outcome"
        self._log.error("settling", line, plan.page.topic)
        return Refused("internal", "this operation was not settled")

    async def _start_over(self, plan: Plan) -> None:
        try:
            await self._reload(plan.page)
        except BaseException as error:
            self._put_off(plan)
            if not isinstance(error, Exception):
                raise
            self._log.warning("loading", "loading %s failed: %s", plan.page.topic, error)
            return
        self._queue_of(plan.page).extendleft(reversed(plan.submissions))
        self.count += len(plan.submissions)

    def _put_off(self, plan: Plan) -> None:
        """Whoever has no answer yet is asked to come again: what is committed is known then."""
        for submission in plan.submissions:
            if not submission.settled:
                self._answer(submission, unavailable())

    def _answer(self, submission: Submission, answer: Answer) -> None:
        submission.settled = True
        span, lane = submission.span, submission.lane
        if isinstance(answer, Receipt):
            if span is not None and answer.again:
                span.ended("repeated")
        elif isinstance(answer, Refused):
            if span is not None:
                span.ended(answer.code)
            if lane is not None:
                lane.halt(submission.broadcast_id, submission.order, answer)
        elif lane is not None:
            lane.asking.add(submission.order)
        try:
            submission.answer(answer)
        except Exception:
            logger.exception("giving an answer failed")


def _wants_a_load(outcome: Outcome) -> bool:
    if isinstance(outcome, Failed):
        return isinstance(outcome.error, UnknownTail)
    return isinstance(outcome, Reset)


def _place(queue: Sequence[Submission], submission: Submission) -> int:
    """Of one that was asked about again: before what was sent behind it."""
    for place, other in enumerate(queue):
        if other.lane is submission.lane and other.order > submission.order:
            return place
    return len(queue)
