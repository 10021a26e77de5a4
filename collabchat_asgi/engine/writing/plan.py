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
    """The page's own, lent: nobody changes it."""
    expired_keys: Sequence[str]
    last: str = ""
    """The broadcast id of the event at the base's position, where it is known."""
    state: State = field(init=False)
    """The base with the tail and with what is made, folded."""
    epoch: str = ""
    """Of the tail; that of the base where there is none."""
    tail: list[Event] = field(default_factory=list)
    made: list[Event] = field(default_factory=list)
    told: dict[int, bytes] = field(default_factory=dict)
    """What is made, by number, as it travels."""
    refused: dict[str, Refused] = field(default_factory=dict)
    deferred: set[str] = field(default_factory=set)

    def entries(self, tail: Tail | None) -> list[Entry]:
        """What to write on top of the base and the tail, as far as it is valid there."""
        self.state = state = self.base.fork()
        self.tail, self.made, self.told = [], [], {}
        self.refused.clear()
        self.deferred.clear()
        known: Mapping[str, Outcome] = {}
        self.epoch = state.position.epoch
        touched: set[str] = set()
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
        if self.expired_keys:
            for place, entry in enumerate(entries):
                if not entry.lookup:
                    deletes = (*entry.deletes, *self.expired_keys)
                    entries[place] = replace(entry, deletes=deletes)
                    break
        return entries

    def _must_ask(self, submission: Submission, state: State, touched: set[str]) -> bool:
        if submission.refusal is not None:
            return False
        if submission.ask_again and submission.chat_id in touched:
            return True
        needed = rules.action_for(state, submission.operation, submission.user.id)
        return needed != submission.action and needed != "comment"

    def _entry(self, submission: Submission, state: State) -> Entry:
        id, user, fingerprint = submission.broadcast_id, submission.user, submission.fingerprint
        event: Event | None = None
        refusal = submission.refusal
        if refusal is None:
            try:
                event = rules.decide(
                    state,
                    submission.operation,
                    user=user,
                    ts=submission.ts,
                    broadcast_id=id,
                    limits=self.limits,
                )
            except Refused as error:
                refusal = error
            except Exception:
                # Whatever is wrong with this one, its neighbours can do nothing about it.
                logger.exception("the rules failed on an operation")
                refusal = Refused("internal", "this operation cannot be done")
        if refusal is not None:
            self.refused[id] = refusal
            return Entry(id, user.id, fingerprint, lookup=True)
        receipt = encode_receipt(submission.ts, submission.chat_id, submission.comment_id)
        if event is None:
            return Entry(id, user.id, fingerprint, receipt)
        gone = state.chats.get(event.chat_id)
        state.fold(self.epoch, event)
        self.made.append(event)
        logged, body_key, puts, deletes, self.told[event.seq] = change(gone, state, event)
        return Entry(id, user.id, fingerprint, receipt, logged, body_key, puts, deletes)


def encode_receipt(ts: int, chat_id: str, comment_id: str | None) -> bytes:
    """What every retry is told again. Ids are UUIDs, with nothing in them that JSON would write in
    another way."""
    comment = "null" if comment_id is None else f'"{comment_id}"'
    return f'[{ts},"{chat_id}",{comment}]'.encode()


def decode_receipt(receipt: bytes) -> tuple[int, str | None, str | None]:
    """When it was committed, and which chat and comment it named."""
    ts, chat_id, comment_id = msgspec.json.decode(receipt)
    return ts, chat_id, comment_id
