"""One client: who it is, which pages it sees, and the order of what it asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import replace
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from ...core.frames import (
    ClientFrame,
    Ping,
    Pong,
    Read,
    Refresh,
    Subscribe,
    Typing,
    Unsubscribe,
    encode,
    error_frame,
)
from ...core.model import BaseOperation, Operation
from ...errors import CloseCode, Denied, Refused, RefusedFrame
from ...hooks import ConnectRequest, HookFailed, Identity
from ..delivery.outbox import Outbox
from ..delivery.viewer import Viewer
from ..pages.page import Page
from ..peers.hints import IsTyping
from ..writing.submission import Answer, Lane, Receipt, Submission
from .join import join
from .means import Means

logger = logging.getLogger("collabchat_asgi.engine")


class Socket(Protocol):
    """What the edge must be able to do, besides `send`."""

    def finish(self, code: CloseCode, reason: str, *, abort: bool) -> None:
        """Close with this code as soon as may be; `abort`: the peer takes nothing any more."""
        ...


class Keeper(Protocol):
    """Who has let a connection in."""

    def look_at(self, connection: Connection) -> None:
        """Something about it may be due earlier than was thought."""
        ...

    def disconnected(self, connection: Connection) -> None:
        """It has ended. May be told again."""
        ...


class Connection:
    """Frames are handled in the order they came, except `ping` and `pong`. What needs no waiting is
    handled in the turn of its arrival; behind what does, a task works off the inbox."""

    __slots__ = (
        "_inbox",
        "_keeper",
        "_lanes",
        "_retries",
        "_socket",
        "_user",
        "_worker",
        "address",
        "closed",
        "context",
        "id",
        "identity",
        "means",
        "outbox",
        "request",
        "tenant_id",
        "viewers",
    )

    def __init__(
        self,
        means: Means,
        keeper: Keeper,
        id: str,
        tenant_id: str,
        identity: Identity,
        request: ConnectRequest,
        socket: Socket,
    ) -> None:
        self.means = means
        self._keeper = keeper
        self.id = id
        self.tenant_id = tenant_id
        self.identity = identity
        self._user = identity.user
        self.request = request
        self.address: str | None = None
        """Of the client, where that means a person."""
        self.viewers: dict[str, Viewer[Page]] = {}
        self.closed = False
        self.context = copy_context()
        """Of the request that brought it: what hooks see that are called on its behalf."""
        self.outbox: Outbox
        self._socket = socket
        self._inbox: list[tuple[ClientFrame | RefusedFrame, int]] = []
        self._retries: list[Submission] = []
        self._lanes: dict[str, Lane] = {}
        self._worker: asyncio.Task[None] | None = None

    # what the client sends

    def receive(self, frame: ClientFrame, size: int) -> bool:
        """Take a frame of `size` bytes. False: a pong that nobody had asked for, or a ping."""
        if isinstance(frame, BaseOperation):
            if self._worker is None:
                submission = self._submission(frame, size)
                if self.means.operations.try_now(submission):
                    return True
                if submission.lane is not None:
                    submission.lane.waiting -= 1  # it is counted again when its turn comes
        elif isinstance(frame, Pong):
            return self.outbox.ponged(frame.n)
        elif isinstance(frame, Ping):
            n = frame.n
            self.outbox.answer(encode({"type": "pong"} if n is UNSET else {"type": "pong", "n": n}))
            return False
        if self._worker is None and isinstance(frame, Read):
            self._read(frame)
            return True
        if len(self._inbox) >= self.means.tuning.inbox_frames:
            self.give_up(CloseCode.TOO_MANY, "too many frames wait for an answer")
            return True
        self._inbox.append((frame, size))
        self._wake()
        return True

    def receive_refused(self, refused: RefusedFrame) -> None:
        """A frame that cannot be understood: it is answered when its turn comes."""
        self.means.counts.frames_refused[refused.code] += 1
        if self._worker is None:
            self._refuse_frame(refused)
        else:
            self._inbox.append((refused, 0))

    def tick(self, now: float) -> float:
        """What is due. When this is to be called again, at the latest."""
        timing = self.means.timing
        outbox, window = self.outbox, self.outbox.window
        if now - window.heard_at > timing.ping_seconds + timing.silence_seconds:
            self.give_up(CloseCode.TIMEOUT, "nothing heard in time", abort=outbox.busy)
        elif window.stalled_at is not None and now - window.stalled_at >= timing.slow_seconds:
            # It may read and only not confirm: then the close reaches it.
            self.give_up(CloseCode.TOO_SLOW, "too slow a reader")
        elif now - window.ping_at >= timing.ping_seconds:
            outbox.ping()
        left = self.identity.seconds_left(self.means.clock.now_ms())
        if left is not None and left <= 0:
            self.give_up(CloseCode.UNAUTHENTICATED, "expired")
        due = min(
            window.ping_at + timing.ping_seconds,
            window.heard_at + timing.ping_seconds + timing.silence_seconds,
            # A stall may begin at any time, without a word to whoever calls this.
            (now if window.stalled_at is None else window.stalled_at) + timing.slow_seconds,
        )
        return due if left is None else min(due, now + left)

    def refuse(
        self, refusal: Refused, *, broadcast_id: str | None = None, url_id: str | None = None
    ) -> None:
        frame = error_frame(refusal, broadcast_id=broadcast_id, url_id=url_id)
        self.outbox.answer(encode(frame))

    def unsubscribe(self, url_id: str) -> None:
        """Stop the page's frames. An unknown page is no error."""
        viewer = self.viewers.pop(url_id, None)
        if viewer is None:
            return
        means = self.means
        viewer.page.remove(viewer)
        means.reading.remove(viewer)
        self.outbox.forget(viewer)
        grace = means.timing.presence_grace_seconds
        viewer.page.presence.leave(viewer.person, means.clock.monotonic(), grace)
        means.gossip.changed(viewer.page)

    def identify(self, identity: Identity) -> None:
        """The same user, known anew, and perhaps for a shorter time."""
        renamed = identity.user != self._user
        self.identity = identity
        self._user = identity.user
        self._keeper.look_at(self)
        for viewer in self.viewers.values():
            viewer.identity = identity
            if renamed and viewer.page.people.most:
                viewer.page.presence.name(viewer.person, identity.user)
                self.means.gossip.changed(viewer.page)

    def withdraw(self, url_id: str) -> None:
        """The permission to read the page is gone."""
        if url_id in self.viewers:
            self.unsubscribe(url_id)
            frame = {"type": "unsubscribed", "urlId": url_id, "reason": "forbidden"}
            self.outbox.answer(encode(frame))

    # how it ends

    def give_up(
        self,
        code: CloseCode,
        reason: str,
        *,
        abort: bool = False,
        retry_after_ms: int | None = None,
    ) -> None:
        """Close. Viewers leave in a later turn: this may be called in the middle of a flush."""
        if self.closed:
            return
        self.closed = True
        self.means.counts.closed[str(int(code))] += 1
        if not (abort or self.outbox.closed):
            bye: dict[str, object] = {"type": "bye", "code": int(code), "reason": reason}
            if retry_after_ms is not None:
                bye["retryAfterMs"] = retry_after_ms
            self.outbox.last_word(encode(bye))
        self.outbox.closed = True
        self.outbox.ready = False
        asyncio.get_running_loop().call_soon(self.leave)
        self._socket.finish(code, reason, abort=abort)

    def leave(self) -> None:
        """The socket is gone, or about to be. Idempotent."""
        self.closed = True
        self.outbox.closed = True
        self.outbox.ready = False
        for url_id in list(self.viewers):
            self.unsubscribe(url_id)
        self._inbox.clear()
        self._keeper.disconnected(self)

    # how it works

    def _wake(self) -> None:
        if self._worker is None:
            self._worker = self.means.supervisor.once("connection", self._work(), self.context)

    async def _work(self) -> None:
        try:
            while not self.closed:
                if self._retries:
                    await self.means.operations.perform(self._retries.pop(0))
                elif self._inbox:
                    await self._handle(*self._inbox.pop(0))
                else:
                    return
        except asyncio.CancelledError:
            if not self.means.supervisor.stopping:
                # By a stranger, as a time limit of the server's on a `send` that began here. What
                # was under way is lost: the client comes back, resumes and asks again.
                self.outbox.out_of_order()
            raise
        except Exception:
            logger.exception("handling a frame of connection %s failed", self.id)
            self.give_up(CloseCode.INTERNAL, "internal error")
        finally:
            self._worker = None

    def _refuse_frame(self, refused: RefusedFrame) -> None:
        if refused.kind == "subscribe" and refused.url_id is not None:
            # A second `subscribe` that is answered with an error ends the first (section 3.1).
            self.unsubscribe(refused.url_id)
        self.refuse(refused, broadcast_id=refused.broadcast_id, url_id=refused.url_id)

    async def _handle(self, frame: ClientFrame | RefusedFrame, size: int) -> None:
        match frame:
            case RefusedFrame():
                self._refuse_frame(frame)
            case Subscribe():
                try:
                    await join(self, frame)
                except Refused as refusal:
                    self.means.counts.joins["refused"] += 1
                    self.refuse(refusal, url_id=frame.url_id)
            case Unsubscribe(url_id=url_id):
                self.unsubscribe(url_id)
                self.outbox.answer(encode({"type": "unsubscribed", "urlId": url_id}))
            case Read():
                self._read(frame)
            case Typing():
                self._typing(frame)
            case Refresh():
                await self._refresh(frame)
            case BaseOperation():
                submission = self._submission(frame, size)
                if not self.means.operations.try_now(submission):
                    await self.means.operations.perform(submission)

    def _submission(self, operation: Operation, size: int) -> Submission:
        url_id = operation.url_id
        lane = self._lanes.get(url_id)
        if lane is None:
            most = self.means.limits.pages_per_connection
            if len(self._lanes) >= 2 * most:
                self._lanes = {id: lane for id, lane in self._lanes.items() if lane.active}
            if len(self._lanes) >= 2 * most:
                self.give_up(CloseCode.OUT_OF_ORDER, "too many pages wait for a retry")
            lane = self._lanes[url_id] = Lane()
        lane.waiting += 1
        return Submission(
            self._user,
            self.tenant_id,
            operation,
            size,
            self.identity,
            self,
            lane,
            lane.next(),
            connection_id=self.id,
            address=self.address,
            serial=self.means.revocations.serial,
        )

    def answered(self, submission: Submission, answer: Answer) -> None:
        if self.closed:
            return
        lane, url_id = submission.lane, submission.sent.url_id
        broadcast_id = str(submission.sent.broadcast_id)
        if lane is not None and not isinstance(answer, str):
            lane.waiting -= 1
        if isinstance(answer, Receipt):
            self.outbox.answer(answer.as_ack(broadcast_id, url_id))
        elif isinstance(answer, Refused):
            self.refuse(answer, broadcast_id=broadcast_id, url_id=url_id)
        else:
            submission.asked = True
            submission.identity = self.identity
            submission.serial = self.means.revocations.serial
            self._retries.append(submission)
            self._wake()

    def _typing(self, frame: Typing) -> None:
        viewer = self.viewers.get(frame.url_id)
        means, user = self.means, self.identity.user
        if viewer is None or "comment" not in viewer.can:
            return
        if viewer.page.state.chat(frame.chat_id) is None:
            return
        pause = means.timing.typing_seconds
        if not means.users.typing(self.tenant_id, user.id, frame.url_id, pause):
            return
        told = msgspec.json.encode(user).decode()
        means.publisher.tell(viewer.page.topic, IsTyping(user.id, frame.chat_id, told))
        viewer.page.tell_typing(frame.chat_id, user)

    def _read(self, frame: Read) -> None:
        viewer = self.viewers.get(frame.url_id)
        if viewer is None:
            wrong = "read needs a subscription: subscribe to this page on this connection first"
            self.refuse(Refused("invalid", wrong, field="urlId"), url_id=frame.url_id)
        else:
            self.means.reading.read(viewer, frame.seq)

    async def _refresh(self, frame: Refresh) -> None:
        bare = replace(
            self.request,
            tenant_id=self.tenant_id,
            token=frame.token,
            cookies={},
            headers={},
            query={},
            scope=_without_credentials(self.request.scope),
        )
        try:
            identity = await self.means.identities.identify(bare, self.id)
        except Denied as error:
            self.refuse(Refused("unauthenticated", error.message))
            return
        except HookFailed:
            self.refuse(Refused("unavailable", "the token cannot be checked now", retry=True))
            return
        if identity.user_id != self.identity.user_id or self.tenant_id not in identity.tenants:
            self.give_up(CloseCode.FORBIDDEN, "another user's token")
            return
        self.request = replace(self.request, token=frame.token)
        self.identify(identity)
        refreshed: dict[str, object] = {"type": "refreshed"}
        left = identity.seconds_left(self.means.clock.now_ms())
        if left is not None:
            refreshed["expiresInMs"] = max(0, int(left * 1000))
        self.outbox.answer(encode(refreshed))


def _without_credentials(scope: Mapping[str, Any]) -> dict[str, Any]:
    """For a hook that shall see a new token and nothing that the old connection came with."""
    kept = ("type", "asgi", "http_version", "scheme", "path", "root_path", "client", "server")
    bare: dict[str, Any] = {name: scope[name] for name in kept if name in scope}
    if "session" in scope:
        bare["session"] = {}
    return {**bare, "headers": [], "query_string": b"", "subprotocols": []}
