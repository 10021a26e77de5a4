"""One page's share of a commit: validated here, and again under the lock if others came first."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from ...core import rules
from ...core.model import Event, UnknownEvent
from ...core.records import change
from ...core.state import State
from ...errors import Refused
from ...storage.abc import Entry, Outcome, Tail
from ..pages.decoding import decode_log
from ..pages.page import Page
from .submission import Submission

logger = logging.getLogger("collabchat_asgi.engine")


class UnknownTail(Exception):
    """What came between cannot be folded: the page is loaded, and the operations come again."""


@dataclass(slots=True)
class Plan:
    """One page's share of a commit. `revise` may run in another thread: it works on a fork."""

    page: Page
    submissions: Sequence[Submission]
    limits: rules.PageLimits
    base: State
    expired_keys: Sequence[str]
    epoch: str = ""
    """Of the tail; that of the base where there is none."""
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
        self.epoch = state.position.epoch
        if tail is not None:
            known = tail.known
            self.epoch = tail.position.epoch
            self.tail = decode_log(tail.events)
            if any(isinstance(event, UnknownEvent) for event in self.tail):
                raise UnknownTail(f"{self.page.topic}: written by a newer release")
            state.fold_all(self.epoch, self.tail)
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
            entries.append(self._entry(submission, state))
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

    def _entry(self, submission: Submission, state: State) -> Entry:
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
            except Exception:
                # Whatever is wrong with this one, its neighbours can do nothing about it.
                logger.exception("the rules failed on an operation")
                refusal = Refused("internal", "this operation cannot be done")
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
        state.fold(self.epoch, event)
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
