"""From an operation that somebody sent to a submission for the committer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from ...config import Limits
from ...core import rules
from ...core.frames import decode_operation
from ...core.model import AddComment, CreateChat, Operation, PageKey, User
from ...core.text import uuid7
from ...errors import Denied, Refused, StorageError
from ...hooks import AccessRequest, HookFailed, Hooks, Identity, default_policy, refusal_of
from ..backend import unavailable
from ..clock import Clock
from ..measuring.counts import Counts
from ..measuring.quotas import QuotaBook
from ..measuring.traces import Span, Tracer
from ..pages.page import Page
from ..pages.pages import Pages
from ..peers.revocations import Revocations
from .committer import Committer
from .submission import Answer, Lane, Receipt, Submission
from .users import Users


def _unheard(_: Answer) -> None:
    """Nobody waits yet."""


@dataclass(slots=True)
class Request:
    """Who sent which operation, and who waits for the answer."""

    identity: Identity
    user: User
    tenant_id: str
    operation: Operation
    size: int
    """Bytes as received."""
    answer: Callable[[Answer], None] = _unheard
    lane: Lane | None = None
    trusted: bool = False
    """The host's own: rules hold, `authorize` is not asked and nothing is rationed."""
    asked: bool = False
    """Permission has been asked for before: this is not another operation."""
    charged: bool = False
    """It was taken from the user's allowance."""
    reserved: bool = False
    """It has its place in the quotas."""
    begins: bool = False
    """As the page's first, as far as was known."""
    order: int = 0
    """Its place in the lane."""
    connection_id: str = ""
    address: str | None = None
    """Of the client, where that means a person."""
    serial: int = 0
    """Of the revocations when the request came in."""
    span: Span | None = None
    """Where somebody traces."""


class Operations:
    """Permission, `before_commit` and rationing, in this order; then the page's queue."""

    def __init__(
        self,
        hooks: Hooks,
        pages: Pages,
        committer: Committer,
        users: Users,
        revocations: Revocations,
        clock: Clock,
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
        self._limits = limits
        self._counts = counts
        self._tracer = tracer

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def try_now(self, request: Request) -> bool:
        """Submit in this very turn, if no hook has to be awaited and the page is open."""
        if self._hooks.rewrites or (self._hooks.asks and not request.trusted):
            return False
        page = self._pages.get(PageKey(request.tenant_id, request.operation.url_id))
        if page is None or not self._quotas_known(request):
            return False
        self._trace(request)
        operation, broadcast_id, fingerprint = self._complete(request)
        action = rules.action_for(page.state, operation, request.user.id)
        refusal = self._ration(request, page)
        if not request.trusted and not default_policy(self._access(request, page, action)):
            refusal = forbidden()
        self._submit(page, request, operation, broadcast_id, fingerprint, action, refusal)
        return True

    async def perform(self, request: Request) -> None:
        """Submit when the hooks have answered. The answer comes to `request.answer` in any case."""
        key = PageKey(request.tenant_id, request.operation.url_id)
        self._trace(request)
        try:
            async with self._pages.using(key) as page:
                refusal = await self._read_quotas(request)
                operation, broadcast_id, fingerprint = self._complete(request)
                action = rules.action_for(page.state, operation, request.user.id)
                if refusal is None and not request.asked:
                    refusal = self._ration(request, page)
                if refusal is None:
                    try:
                        operation = await self._ask(request, page, operation, action)
                    except Refused as error:
                        refusal = error
                self._submit(page, request, operation, broadcast_id, fingerprint, action, refusal)
        except StorageError:
            refusal = unavailable()
            self._settle_quotas(request, refusal)
            if request.lane is not None:
                request.lane.asking.discard(request.order)
                request.lane.halt(str(request.operation.broadcast_id), request.order, refusal)
            self._counts.answered(kind_of(request.operation), refusal.code)
            if request.span is not None:
                request.span.ended(refusal.code)
            request.answer(refusal)

    def _trace(self, request: Request) -> None:
        if self._tracer is not None and request.span is None:
            request.span = self._tracer.operation(kind_of(request.operation))

    def _complete(self, request: Request) -> tuple[Operation, str, bytes]:
        now_ms = self._clock.now_ms()
        given = request.operation
        broadcast_id = uuid7(now_ms) if given.broadcast_id is UNSET else given.broadcast_id
        return rules.with_ids(given, now_ms), broadcast_id, rules.fingerprint(given)

    def _quotas_known(self, request: Request) -> bool:
        if self._quotas is None or request.trusted:
            return True
        return self._quotas.known(request.tenant_id, request.user.id)

    async def _read_quotas(self, request: Request) -> Refused | None:
        """Raises `StorageError`."""
        if self._quotas is not None and not self._quotas_known(request):
            try:
                await self._quotas.ready(request.tenant_id, request.user.id)
            except Refused as error:
                return error
        return None

    def _ration(self, request: Request, page: Page) -> Refused | None:
        if request.trusted:
            return None
        refusal = self._users.charge(
            request.tenant_id, request.user.id, request.operation, request.address
        )
        request.charged = refusal is None
        if refusal is None and self._quotas is not None:
            request.begins = page.position.seq == 0
            refusal = self._quotas.reserve(
                request.tenant_id, request.user.id, begins=request.begins
            )
            request.reserved = refusal is None
        return refusal

    async def _ask(
        self, request: Request, page: Page, operation: Operation, action: rules.Action
    ) -> Operation:
        try:
            access = self._access(request, page, action, operation)
            if not request.trusted and not await self._hooks.authorize(access):
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

    def _access(
        self,
        request: Request,
        page: Page,
        action: rules.Action,
        operation: Operation | None = None,
    ) -> AccessRequest:
        if operation is None:
            return AccessRequest(
                request.identity, action, request.tenant_id, request.operation.url_id
            )
        chat_id, comment_id = rules.names(operation)
        chat = page.state.chat(chat_id) if chat_id else None
        comment = page.state.comment(chat_id, comment_id) if chat_id and comment_id else None
        return AccessRequest(
            request.identity,
            action,
            request.tenant_id,
            operation.url_id,
            msgspec.to_builtins(operation),
            chat.as_chat() if chat else None,
            comment,
        )

    def _submit(
        self,
        page: Page,
        request: Request,
        operation: Operation,
        broadcast_id: str,
        fingerprint: bytes,
        action: rules.Action,
        refusal: Refused | None,
    ) -> None:
        kind = kind_of(request.operation)

        def answer(answer: Answer) -> None:
            if isinstance(answer, Receipt):
                self._count(page, request, answer)
                self._counts.answered(kind, "repeated" if answer.again else "accepted")
            elif not isinstance(answer, str):
                # One that is asked about again has no answer yet.
                self._counts.answered(kind, answer.code)
            self._settle_quotas(request, answer)
            request.answer(answer)

        if request.lane is not None:
            request.lane.asking.discard(request.order)
        if not request.trusted and self._revocations.since(
            request.serial, request.user.id, request.tenant_id, request.connection_id
        ):
            # What a hook said before the permission was withdrawn is worth nothing.
            refusal = forbidden()
        self._committer.submit(
            page,
            Submission(
                operation,
                broadcast_id,
                fingerprint,
                request.user,
                self._clock.now_ms(),
                "moderate" if request.trusted else action,
                answer,
                request.lane,
                refusal,
                ask_again=self._hooks.asks and not request.trusted,
                order=request.order,
                span=request.span,
            ),
        )

    def _settle_quotas(self, request: Request, answer: Answer) -> None:
        if self._quotas is None or not request.reserved or isinstance(answer, str):
            return
        request.reserved = False
        done = isinstance(answer, Receipt) and not answer.again
        self._quotas.settle(
            request.tenant_id,
            request.user.id,
            begins=request.begins,
            done=done,
            began=done and isinstance(answer, Receipt) and answer.position.seq == 1,
        )

    def _count(self, page: Page, request: Request, receipt: Receipt) -> None:
        if receipt.again:
            if request.charged:
                self._users.give_back(
                    request.tenant_id, request.user.id, request.operation, request.address
                )
            return
        chats = int(isinstance(request.operation, CreateChat))
        comments = int(isinstance(request.operation, CreateChat | AddComment))
        page.tally.operated(request.size, chats, comments)


async def settle(operations: Operations, request: Request) -> dict[str, Any]:
    """Perform and wait for the ack, as HTTP and the host's own program do. Raises `Refused`."""
    if request.operation.broadcast_id is UNSET:
        id = uuid7(operations.now_ms())
        request.operation = msgspec.structs.replace(request.operation, broadcast_id=id)
    loop = asyncio.get_running_loop()
    while True:
        answered: asyncio.Future[Answer] = loop.create_future()
        request.answer = partial(_tell, answered)
        await operations.perform(request)
        answer = await answered
        if isinstance(answer, Receipt):
            sent = request.operation
            ack = answer.as_ack(str(sent.broadcast_id), sent.url_id)
            del ack["type"]
            return ack
        if isinstance(answer, Refused):
            raise answer
        request.asked = True


def _tell(answered: asyncio.Future[Answer], answer: Answer) -> None:
    if not answered.done():
        answered.set_result(answer)


def kind_of(operation: Operation) -> str:
    """Its `type` on the wire."""
    return str(operation.__struct_config__.tag)


def forbidden() -> Refused:
    return Refused("forbidden", "you may not do this here")


def _identity_of(operation: Operation) -> tuple[object, ...]:
    return (operation.url_id, operation.broadcast_id, *rules.names(operation))
