"""Whoever sends an operation is asked about, and rationed; then it goes into its page's queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from ...config import Limits
from ...core import rules
from ...core.frames import decode_operation
from ...core.model import (
    AddComment,
    CreateChat,
    DeleteChat,
    DeleteComment,
    Operation,
    PageKey,
)
from ...core.text import uuid7
from ...errors import Denied, Refused, StorageError
from ...hooks import AccessRequest, HookFailed, Hooks, Identity, refusal_of, role_allows
from ..backend import unavailable
from ..clock import Clock
from ..measuring.counts import Counts
from ..measuring.quotas import QuotaBook
from ..measuring.traces import Tracer
from ..pages.page import Page
from ..pages.pages import Pages
from ..peers.revocations import Revocations
from ..storage_time import StorageTime
from .committer import Committer
from .submission import Answer, Receipt, Submission, Waiting
from .users import Users


class Operations:
    """Permission, `before_commit` and rationing, in this order; then the page's queue. Counts what
    comes of it."""

    def __init__(
        self,
        hooks: Hooks,
        pages: Pages,
        committer: Committer,
        users: Users,
        revocations: Revocations,
        clock: Clock,
        storage_time: StorageTime,
        limits: Limits,
        counts: Counts,
        tracer: Tracer | None,
        quotas: QuotaBook | None = None,
    ) -> None:
        self._quotas = quotas
        self._revocations = revocations
        self._hooks = hooks
        self._pages = pages
        self._committer = committer
        self._users = users
        self._clock = clock
        self._storage_time = storage_time
        self._limits = limits
        self._counts = counts
        self._tracer = tracer

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def try_now(self, submission: Submission) -> bool:
        """Queue it in this very turn, if no hook has to be awaited and the page is open."""
        trusted = submission.trusted
        if self._hooks.rewrites or (self._hooks.asks and not trusted):
            return False
        tenant_id, sent = submission.tenant_id, submission.sent
        page = self._pages.get(PageKey(tenant_id, sent.url_id))
        if page is None or (self._quotas is not None and not self._quotas_known(submission)):
            return False
        if self._tracer is not None:
            self._trace(submission)
        self._complete(submission)
        action = rules.action_for(page.state, submission.operation, submission.user.id)
        submission.refusal = None if trusted else self._ration(submission, page)
        if not trusted and not role_allows(_identity(submission), tenant_id, action):
            submission.refusal = forbidden()
        self._submit(page, submission, action)
        return True

    async def perform(self, submission: Submission) -> None:
        """Queue it when the hooks have answered. Its asker is answered in any case."""
        key = PageKey(submission.tenant_id, submission.sent.url_id)
        self._trace(submission)
        try:
            async with self._pages.using(key) as page:
                refusal = await self._read_quotas(submission)
                self._complete(submission)
                action = rules.action_for(page.state, submission.operation, submission.user.id)
                if refusal is None:
                    refusal = self._ration(submission, page)
                if refusal is None:
                    try:
                        submission.operation = await self._ask(submission, page, action)
                    except Refused as error:
                        refusal = error
                submission.refusal = refusal
                self._submit(page, submission, action)
        except StorageError:
            refusal = unavailable()
            self._settle_quotas(submission, refusal)
            if submission.lane is not None:
                submission.lane.asking.discard(submission.order)
                id = str(submission.sent.broadcast_id)
                submission.lane.halt(id, submission.order, refusal)
            self._counts.answered(kind_of(submission.sent), refusal.code)
            if submission.span is not None:
                submission.span.ended(refusal.code)
            submission.asker.answered(submission, refusal)
        except BaseException:
            # Nobody waits for it any more.
            self._settle_quotas(submission, "ask again")
            raise

    def _trace(self, submission: Submission) -> None:
        if self._tracer is not None and submission.span is None:
            submission.span = self._tracer.operation(kind_of(submission.sent))

    def _complete(self, submission: Submission) -> None:
        now_ms = self._clock.now_ms()
        id = submission.sent.broadcast_id
        submission.complete(now_ms, uuid7(now_ms) if id is UNSET else id)

    def _quotas_known(self, submission: Submission) -> bool:
        if self._quotas is None or submission.trusted:
            return True
        return self._quotas.known(submission.tenant_id, submission.user.id)

    async def _read_quotas(self, submission: Submission) -> Refused | None:
        """Raises `StorageError`."""
        if self._quotas is not None and not self._quotas_known(submission):
            try:
                await self._quotas.ready(submission.tenant_id, submission.user.id)
            except Refused as error:
                return error
        return None

    def _ration(self, submission: Submission, page: Page) -> Refused | None:
        if submission.trusted:
            return None
        tenant_id, user_id = submission.tenant_id, submission.user.id
        refusal: Refused | None = None
        if not submission.asked:
            refusal = self._users.charge(tenant_id, user_id, submission.sent, submission.address)
            submission.charged = refusal is None
        if refusal is None and self._quotas is not None:
            submission.begins = page.position.seq == 0
            refusal = self._quotas.reserve(tenant_id, user_id, begins=submission.begins)
            submission.reserved = refusal is None
        return refusal

    async def _ask(self, submission: Submission, page: Page, action: rules.Action) -> Operation:
        operation: Operation = submission.operation
        try:
            access = self._access(submission, page, action)
            if not submission.trusted and not await self._hooks.authorize(access):
                raise forbidden()
            if not self._hooks.rewrites:
                return operation
            rewritten = await self._hooks.before_commit(access)
            return self._rewritten(operation, rewritten)
        except (Denied, HookFailed) as error:
            raise refusal_of(error) from error

    def _rewritten(self, operation: Operation, rewritten: Mapping[str, object]) -> Operation:
        limits = self._limits
        try:
            changed = decode_operation(
                rewritten,
                body_chars=limits.body_chars,
                anchor_bytes=limits.anchor_bytes,
                url_id_chars=limits.url_id_chars,
            )
        except Refused as error:
            raise self._hooks.bad_rewrite(f"returned a bad operation: {error}") from error
        if type(changed) is not type(operation) or _identity_of(changed) != _identity_of(operation):
            raise self._hooks.bad_rewrite("changed type or ids: texts and emoji only may change")
        return changed

    def _access(self, submission: Submission, page: Page, action: rules.Action) -> AccessRequest:
        chat_id, comment_id = submission.chat_id, submission.comment_id
        chat = page.state.chat(chat_id)
        return AccessRequest(
            _identity(submission),
            action,
            submission.tenant_id,
            submission.sent.url_id,
            msgspec.to_builtins(submission.operation),
            chat.as_chat() if chat else None,
            page.state.comment(chat_id, comment_id) if comment_id else None,
        )

    def _submit(self, page: Page, submission: Submission, action: rules.Action) -> None:
        trusted = submission.trusted
        if submission.lane is not None:
            submission.lane.asking.discard(submission.order)
        if not trusted and self._revocations.since(
            submission.serial, submission.user.id, submission.tenant_id, submission.connection_id
        ):
            # What a hook said before the permission was withdrawn is worth nothing.
            submission.refusal = forbidden()
        submission.ts = self._clock.now_ms()
        if isinstance(submission.operation, DeleteChat | DeleteComment):
            # How long a deleted id is remembered goes by the storage's clock, which may be ahead.
            # It may be behind as well, and be put right: SQLite's is no later than its newest entry
            # (0 in a new file), and a machine that was asleep has not counted on.
            submission.ts = max(submission.ts, self._storage_time.now_ms())
        submission.action = "moderate" if trusted else action
        submission.ask_again = self._hooks.asks and not trusted
        submission.tally = page.tally
        submission.accounts = self
        submission.settled = False
        self._committer.submit(page, submission)

    def answered(self, submission: Submission, answer: Answer) -> None:
        """Count it. One that is asked about again has no answer yet."""
        if isinstance(answer, Receipt):
            self._count(submission, answer)
            outcome = "repeated" if answer.again else "accepted"
            self._counts.answered(kind_of(submission.sent), outcome)
        elif isinstance(answer, Refused):
            self._counts.answered(kind_of(submission.sent), answer.code)
        if submission.reserved:
            self._settle_quotas(submission, answer)

    def _settle_quotas(self, submission: Submission, answer: Answer) -> None:
        """Its place is free again, or used up. One that is asked about again takes another:
        whoever sent it may be gone."""
        if self._quotas is None or not submission.reserved:
            return
        submission.reserved = False
        done = isinstance(answer, Receipt) and not answer.again
        self._quotas.settle(
            submission.tenant_id,
            submission.user.id,
            begins=submission.begins,
            done=done,
            began=done and isinstance(answer, Receipt) and answer.position.seq == 1,
        )

    def _count(self, submission: Submission, receipt: Receipt) -> None:
        sent = submission.sent
        if receipt.again:
            if submission.charged:
                self._users.give_back(
                    submission.tenant_id, submission.user.id, sent, submission.address
                )
        elif submission.tally is not None:
            chats = isinstance(sent, CreateChat)
            comments = chats or isinstance(sent, AddComment)
            submission.tally.operated(submission.size, chats, comments)


async def settle(operations: Operations, submission: Submission) -> dict[str, Any]:
    """Perform and wait for the ack, as HTTP and the host's own program do. Raises `Refused`."""
    if submission.sent.broadcast_id is UNSET:
        id = uuid7(operations.now_ms())
        submission.sent = msgspec.structs.replace(submission.sent, broadcast_id=id)
    while True:
        submission.asker = waiting = Waiting()
        await operations.perform(submission)
        answer = await waiting.future
        if isinstance(answer, Receipt):
            ack: dict[str, Any] = {
                "broadcastId": submission.broadcast_id,
                "urlId": submission.sent.url_id,
                "epoch": answer.position.epoch,
                "seq": answer.position.seq,
                "ts": answer.ts,
            }
            if answer.chat_id is not None:
                ack["chatId"] = answer.chat_id
            if answer.comment_id is not None:
                ack["commentId"] = answer.comment_id
            return ack
        if isinstance(answer, Refused):
            raise answer
        submission.asked = True


def kind_of(operation: Operation) -> str:
    """Its `type` on the wire."""
    return str(operation.__struct_config__.tag)


def forbidden() -> Refused:
    return Refused("forbidden", "you may not do this here")


def _identity(submission: Submission) -> Identity:
    if submission.identity is None:
        raise ValueError("what the process itself does is asked of nobody")
    return submission.identity


def _identity_of(operation: Operation) -> tuple[object, ...]:
    return (operation.url_id, operation.broadcast_id, *operation.named)
