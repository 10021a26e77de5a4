"""One per process: everything behind the sockets, composed, started and stopped."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from ..config import Limits, Timing, Tuning
from ..core import rules
from ..core.agenda import Agenda
from ..core.frames import encode
from ..core.measures import Row
from ..core.model import Event, PageKey, Position, User
from ..core.pace import Pace, Pacing
from ..core.peers import Verdict
from ..core.text import presentable
from ..core.usage import COUNTERS
from ..errors import CloseCode, Closed, Denied, PubSubError, PubSubUnavailable, StorageError
from ..hooks import ConnectRequest, HookFailed, Hooks, Identity
from ..pubsub.abc import PubSub
from ..sparing_log import SparingLog
from ..storage.abc import Storage
from ..version import __version__
from .backend import bound_of, bounded, within
from .clock import Clock, SystemClock
from .delivery.outbox import Outbox, Send, Sendable, Wire
from .erasing.chat_retention import ChatRetention
from .erasing.erasure import Forgetting, forget, forget_revocations
from .measuring.counts import Counts
from .measuring.meter import Meter
from .measuring.quotas import QuotaBook
from .measuring.traces import Tracer
from .measuring.watched import PUBSUB_CALLS, STORAGE_CALLS, watched
from .pages.busiest import Busiest
from .pages.gossip import Gossip
from .pages.log import LogReader
from .pages.page import Page
from .pages.pages import Pages
from .peers.census import Census
from .peers.doubts import Doubts
from .peers.hints import (
    CONTROL_TOPIC,
    RUN_BYTES,
    ControlMoved,
    CountsWanted,
    Happened,
    HaveRead,
    HintCodec,
    IsTyping,
    ProcessCounts,
    Received,
    Spending,
    Spent,
    inbox_of,
    topic_of,
)
from .peers.key_watch import KeyWatch
from .peers.listener import Listener, subscribe_bounded
from .peers.publisher import Publisher
from .peers.revocations import Revocation, Revocations
from .people.connection import Connection, Socket
from .people.reading import Reading
from .people.revalidation import Revalidation
from .storage_time import StorageTime
from .supervisor import Supervisor
from .writing.committer import Committer
from .writing.operations import Operations, settle
from .writing.submission import Submission
from .writing.users import Users

logger = logging.getLogger("collabchat_asgi.engine")

DEAF_AFTER_BEATS = 2.0
"""Heartbeats of its own that a process may miss before it opens its pub/sub anew."""


ROWS_PER_HINT = 200
"""At about 20 bytes, within the smallest `max_payload`."""

STOOD_STILL_SECONDS = 0.1
"""A tick that comes so much too late says that clients have not been read meanwhile."""

JUMP_MS = 1_000
"""A wall clock that moved so much more or less than time did was set: identities end by it."""

FIRST_TRIM_SECONDS = 60
TRIM_SECONDS = 600
"""Between two rounds of retention."""
TRIM_CALL_SECONDS = 60.0
"""Of one part of a round: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may connect."""

    identity: Identity
    tenant_id: str


class Engine:
    """`start` and `stop` may be called again and again, also in other event loops."""

    def __init__(
        self,
        storage: Storage,
        pubsub: PubSub,
        hooks: Hooks,
        limits: Limits,
        timing: Timing,
        tuning: Tuning,
        as_message: Callable[[str], Sendable],
        *,
        usage_per_page: bool = False,
        clock: Clock | None = None,
        tracer: Tracer | None = None,
        chat_days: Mapping[str, float] | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.counts = Counts()
        self._busiest = Busiest()
        self.storage = watched(storage, STORAGE_CALLS, self.counts.storage, self.clock)
        self.pubsub = watched(pubsub, PUBSUB_CALLS, self.counts.pubsub, self.clock)
        self.hooks = hooks
        self.limits = limits
        self.timing = timing
        self.tuning = tuning
        self.connections: dict[str, Connection] = {}
        self._agenda: Agenda[str] = Agenda()
        """When each connection has something to do next."""
        self.draining = False
        self.started = False
        """Whether it was, once."""
        self._as_message = as_message
        self._tracer = tracer
        self._usage_per_page = usage_per_page
        self._chat_days = chat_days or {}
        self._seconds = bound_of(storage, timing)
        self.pace: Pacing = Pace(timing.batch_seconds)

    async def start(self) -> None:
        """Open the back ends and begin to work. Raises `StorageError` where the storage is away,
        and has then closed what it had opened."""
        try:
            await self._start()
        except BaseException:
            await asyncio.shield(self._release())
            raise

    async def _start(self) -> None:
        self.run = secrets.token_hex(RUN_BYTES)
        self.draining = False
        self._log = SparingLog(logger, self.clock.monotonic)
        self.supervisor = Supervisor()
        # The first opening may create or migrate the schema, behind others that do the same.
        await bounded(self.storage.open(), max(30.0, self._seconds))
        self.storage_time = StorageTime(self.storage, self.clock)
        await bounded(self.storage_time.ask(), self._seconds)
        clock, limits, timing = self.clock, self.limits, self.timing
        tuning = self.tuning
        key = await bounded(self.storage.key(), self._seconds)
        self.codec = HintCodec(key, self.run, clock)
        self.quotas: QuotaBook | None = None
        if self.hooks.limits:
            self.quotas = QuotaBook(self.storage, self.hooks, self.run, clock, self._seconds, key)
        await self._open_pubsub(first=True)
        self.users = Users(
            limits,
            clock,
            self._tell_spent,
            heartbeat=timing.heartbeat_seconds,
            expiry=timing.expiry_seconds,
            others=lambda: len(self.gossip.peers),
        )
        self.meter = Meter(
            self.storage,
            self.hooks,
            self.run,
            clock,
            self._seconds,
            self.counts.used,
            per_page=self._usage_per_page,
            gathered=self._gathered,
        )
        self.publisher = Publisher(self.pubsub, self.codec, timing.backend_seconds, self.counts)
        self.census = Census(self.run, self.publisher, clock, self.numbers_here)
        self.reader = LogReader(self.storage, self.supervisor, self.storage_time, tuning, timing)
        self.pages = Pages(
            self._make_page,
            self.reader,
            self.supervisor,
            self.pubsub,
            timing.backend_seconds,
            tuning.idle_pages,
            tuning.idle_bytes,
            self._opened,
            self.meter.release,
        )
        self.gossip = Gossip(self.run, self.publisher, self.pages, self.codec, clock, timing)
        self.reading = Reading(
            self.storage,
            self.publisher,
            self.gossip,
            self.pages,
            self.supervisor,
            clock,
            self._seconds,
        )
        self.revocations = Revocations(
            self.storage, self.publisher, clock, self._seconds, self._revoked
        )
        await self.revocations.open()
        self.committer = Committer(
            self.storage,
            rules.PageLimits(
                limits.chats_per_page,
                limits.bytes_per_page,
                limits.reactions_per_comment,
                limits.users_per_reaction,
                limits.comments_per_chat,
                limits.deletions_per_page,
            ),
            self._seconds,
            tuning.queued_operations,
            self._committed,
            self.reader.load,
            self.counts.commit_operations,
            traces=self._tracer is not None,
        )
        self.chat_retention = ChatRetention(
            self.storage,
            self.pages,
            self.committer,
            lambda tenant_id: self._chat_days.get(tenant_id, self._chat_days.get("*")),
            self._seconds,
        )
        self.operations = Operations(
            self.hooks,
            self.pages,
            self.committer,
            self.users,
            self.revocations,
            clock,
            self.storage_time,
            limits,
            self.counts,
            self._tracer,
            self.quotas,
        )
        self.listener = Listener(self.pubsub, self.codec, clock, self._heard, self._missed)
        self.revalidation = Revalidation(self)
        self.doubts = Doubts(self.supervisor, clock, self._read_doubted)
        self.key_watch = KeyWatch(self.storage, self.codec, self.supervisor, clock, self._seconds)
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(10_000)
        self._storage_error: str | None = None
        for name, run in (
            ("committer", self.committer.run),
            ("publisher", lambda: self.publisher.run(self.supervisor)),
            ("listener", self.listener.run),
            ("reading", self.reading.run),
            ("ticker", self._tick),
            ("sweeper", self._sweep),
            ("usage", lambda: self._every_flush(self.meter.store)),
            ("quotas", lambda: self._every_flush(self._flush_quotas)),
            ("billing", lambda: self._every_flush(self.meter.report)),
            ("retention", self._trim),
            ("revalidation", self.revalidation.run),
            ("on_event", self._tell_events),
        ):
            self.supervisor.forever(name, run)
        self.gossip.greet()
        self.started = True

    async def stop(self) -> None:
        """Close connections, store usage, release the back ends. Nothing correct depends on it."""
        self.supervisor.ending = True
        for connection in list(self.connections.values()):
            self._send_away(connection, self.timing.drain_seconds)
        await self.committer.settled(self._seconds)
        await self.reading.store()
        await self.meter.last_flush()
        await self._flush_quotas()
        await self._release()

    async def _release(self) -> None:
        """End all work, then close what it was done with."""
        await self.supervisor.stop()
        self.hooks.forget_loop()
        try:
            await self.pubsub.close()
        finally:
            await self.storage.close()

    async def drain(self, seconds: float) -> None:
        """Close all connections in waves; each client is told when to come back."""
        self.draining = True
        waves = max(1, int(seconds * 10))
        connections = list(self.connections.values())
        size = -(-len(connections) // waves)
        for start in range(0, len(connections), max(1, size)):
            for connection in connections[start : start + size]:
                self._send_away(connection, seconds)
            await asyncio.sleep(seconds / waves)

    def _send_away(self, connection: Connection, seconds: float) -> None:
        connection.give_up(
            CloseCode.GOING_AWAY,
            "the server is going away",
            retry_after_ms=self._come_back(seconds),
        )

    def _come_back(self, seconds: float) -> int:
        """In so many milliseconds: clients that are sent away must not come back at once."""
        return int(random.random() * seconds * 1000)

    # who comes in

    async def identify(self, request: ConnectRequest, connection_id: str = "") -> Identity:
        """Ask `authenticate`. Raises `Denied`, or `HookFailed`.

        An answer that began before a revocation of that person is not taken."""
        serial = self.revocations.serial
        identity = await self.hooks.authenticate(request)
        for tenant_id in identity.tenants:
            if self.revocations.since(serial, identity.user_id, tenant_id, connection_id):
                raise Denied("revoked")
        left = identity.seconds_left(self.clock.now_ms())
        if left is not None and left <= 0:
            raise Denied("expired")
        return identity

    async def admit(self, request: ConnectRequest) -> Admission:
        """Who this is and to which tenant it wants. Raises `Closed`."""
        try:
            identity = await self.identify(request)
        except Denied as error:
            raise Closed(CloseCode.UNAUTHENTICATED, ascii_reason(error.message)) from error
        except HookFailed as error:
            raise Closed(CloseCode.UNAVAILABLE, ascii_reason(f"hook {error}")) from error
        tenant_id = request.tenant_id
        if tenant_id is None:
            if len(identity.tenants) > 1:
                raise Closed(CloseCode.MALFORMED, "tenantId is needed: there are several")
            tenant_id = next(iter(identity.tenants), None)
        if tenant_id is None or tenant_id not in identity.tenants:
            raise Closed(CloseCode.FORBIDDEN, "not in this tenant")
        return Admission(identity, tenant_id)

    def connect(
        self,
        admission: Admission,
        request: ConnectRequest,
        send: Send,
        socket: Socket,
        wire: Wire | None = None,
        address: str | None = None,
    ) -> Connection:
        """A new connection, greeted with `welcome`. Raises `Closed` (4512, 4529).

        `address` is whose allowance is charged beside the user's; None: it may be a proxy's."""
        identity, tenant_id = admission.identity, admission.tenant_id
        if self.draining:
            raise Closed(
                CloseCode.GOING_AWAY,
                "the server is going away",
                retry_after_ms=self._come_back(self.timing.drain_seconds),
            )
        id = secrets.token_urlsafe(12)
        connection = Connection(self, id, tenant_id, identity, request, socket)
        connection.address = address
        connection.outbox = Outbox(
            send, self._as_message, connection, self.clock, self.tuning, self.timing, wire
        )
        welcome = encode(self._welcome(connection))
        if not self.users.connected(tenant_id, identity.user_id):
            raise Closed(CloseCode.TOO_MANY, "too many connections of this user")
        self.counts.opened += 1
        self.meter.connected(tenant_id, 1)
        if self.quotas is not None:
            self.quotas.connected(tenant_id, identity.user_id)
        self.connections[id] = connection
        self.look_at(connection)
        self.revalidation.watch(connection)
        connection.outbox.answer(welcome)
        return connection

    def look_at(self, connection: Connection) -> None:
        """With the next tick: something about it may be due earlier than was thought."""
        self._agenda.put(connection.id, self.clock.monotonic())

    def disconnected(self, connection: Connection) -> None:
        if self.connections.pop(connection.id, None) is not None:
            self._agenda.drop(connection.id)
            self.users.disconnected(connection.tenant_id, connection.identity.user_id)
            self.meter.connected(connection.tenant_id, -1)

    def _welcome(self, connection: Connection) -> dict[str, object]:
        limits, timing = self.limits, self.timing
        welcome: dict[str, object] = {
            "type": "welcome",
            "connectionId": connection.id,
            "tenantId": connection.tenant_id,
            "user": connection.identity.user,
            "now": self.clock.now_ms(),
            "pingIntervalMs": int(timing.ping_seconds * 1000),
            "limits": {
                "frameBytes": limits.frame_bytes,
                "bodyChars": limits.body_chars,
                "anchorBytes": limits.anchor_bytes,
                "dedupeMs": int(timing.dedupe_days * 86_400_000),
                "pages": limits.pages_per_connection,
            },
            "server": f"collabchat-asgi/{__version__}",
        }
        left = connection.identity.seconds_left(self.clock.now_ms())
        if left is not None:
            welcome["expiresInMs"] = max(0, int(left * 1000))
        return welcome

    # what happens

    async def page(self, key: PageKey) -> Page:
        """The page with everything that was committed before this call. Raises `StorageError`."""
        async with self.pages.using(key) as page:
            await self.reader.current(page)
            page.flush()
            return page

    async def settle(self, submission: Submission) -> dict[str, Any]:
        """Commit and return the ack without its `type`. Raises `Refused`."""
        return await settle(self.operations, submission)

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[dict[str, Any]]:
        """Flushed counts by day, both days included (PROTOCOL section 7). Raises `StorageError`."""
        rows = await bounded(self.storage.usage(tenant_id, first_day, last_day), self._seconds)
        return [
            {"tenantId": row.tenant_id}
            | ({"urlId": row.url_id} if row.url_id else {})
            | {"day": row.day}
            | {name: row.counters.get(name, 0) for name in COUNTERS}
            for row in rows
        ]

    async def forget(self, user_id: str, tenant_id: str | None) -> Forgetting:
        """Take a person out of all pages of the tenant (or of every one), and tell whoever looks.
        Raises `StorageError`."""
        told: list[PageKey] = []

        def rewritten(key: PageKey, epoch: str) -> None:
            self._renewed(key, epoch)
            told.append(key)

        done = await forget(self.storage, user_id, tenant_id, rewritten=rewritten)
        for key in told:
            await self._current(key)
        return done

    async def erase(self, key: PageKey) -> int:
        """Forget a page, and tell whoever looks. How many numbers its log had given out. Raises
        `StorageError`."""
        heads = await bounded(self.storage.heads([key]), self._seconds)
        await self.storage.erase(key)
        self._renewed(key, "")
        await self._current(key)
        return heads[key].seq

    def _renewed(self, key: PageKey, epoch: str) -> None:
        """Other processes look at once, and need not wait for their sweep."""
        self.publisher.happened(topic_of(key), epoch, [])

    async def _current(self, key: PageKey) -> None:
        page = self.pages.get(key)
        if page is not None:
            await self.reader.current(page)

    def show_typing(self, page: Page, chat_id: str, user: User) -> None:
        frame = {"type": "typing", "urlId": page.key.url_id, "chatId": chat_id, "user": user}
        page.tell_typing(encode(frame), user.id)

    def _make_page(self, key: PageKey, topic: str) -> Page:
        return Page(
            key,
            topic,
            self.meter.tally(key),
            self.clock,
            self.tuning,
            self.pace,
            self._as_message,
            self.reader.replay,
            self.counts,
            self.limits.people_listed,
        )

    def _gathered(self, tenant_id: str, counters: Mapping[str, int]) -> None:
        if self.quotas is not None:
            self.quotas.delivered(tenant_id, counters)

    async def _flush_quotas(self) -> None:
        if self.quotas is not None:
            await self.quotas.flush()

    def _opened(self, page: Page) -> None:
        self.gossip.opened(page)

    def _committed(
        self,
        page: Page,
        position: Position,
        tail: list[Event],
        made: list[Event],
        traces: Sequence[str],
    ) -> None:
        epoch = position.epoch
        page.accept(epoch, tail + made)
        if page.sequencer.behind:
            self.reader.catch_up_soon(page)
        if not made:
            return
        self.publisher.happened(page.topic, epoch, made, traces)
        if self.hooks.watches:
            for event in made:
                self._watch(page.key, epoch, event)

    def _watch(self, key: PageKey, epoch: str, event: Event) -> None:
        told = {"tenantId": key.tenant_id, "urlId": key.url_id, "epoch": epoch}
        try:
            self._events.put_nowait(told | msgspec.to_builtins(event))
        except asyncio.QueueFull:
            self._log.warning("on_event", "telling an event failed: on_event is too slow")

    def _heard(self, topic: str, heard: Received | None) -> None:
        self.counts.hints["heard" if heard else "strange"] += 1
        if heard is None:
            self.key_watch.strange()
            self.doubts.doubt(topic)
            return
        self.census.noticed(heard.run)
        if isinstance(heard.hint, CountsWanted | ProcessCounts):
            if topic in (CONTROL_TOPIC, inbox_of(self.run)):
                self.census.hear(heard)
            return
        verdict = self.gossip.believes(topic, heard)
        if verdict is Verdict.FRESH:
            self._take(topic, heard)
            return
        self.counts.hints["doubted"] += verdict is Verdict.DOUBTFUL
        if verdict is Verdict.DOUBTFUL and isinstance(heard.hint, Happened | ControlMoved):
            self.doubts.doubt(topic)

    def _take(self, topic: str, heard: Received) -> None:
        match heard.hint:
            case Happened(epoch=epoch, events=events, traces=traces):
                page = self.pages.of_topic(topic)
                if page is None:
                    return
                # Which history a page has, only the storage can say: a hint that comes late must
                # not begin an erased page anew.
                known = page.position.seq > 0 and page.position.epoch == epoch
                spans = [self._tracer.heard(one) for one in traces] if self._tracer else ()
                if known:
                    page.accept(epoch, events)
                for span in spans:
                    page.when_sent(partial(span.ended, "accepted"))
                if page.sequencer.behind or not (known and events):
                    self.reader.catch_up_soon(page)
            case IsTyping(chat_id=chat_id, user=user):
                page = self.pages.of_topic(topic)
                shown = page is not None and page.state.chat(chat_id) is not None
                if page is not None and shown and self.gossip.is_still_typed(heard):
                    self.show_typing(page, chat_id, msgspec.json.decode(user, type=User))
            case HaveRead():
                page = self.pages.of_topic(topic)
                if page is not None:
                    self.reading.hear(page, heard.hint)
            case Spent(rows=rows):
                self.users.hear(heard.run, rows)
            case ControlMoved():
                self.supervisor.once("revocations", self.revocations.sweep())
            case _:
                self.gossip.hear(topic, heard)

    async def _read_doubted(self, topics: Collection[str]) -> None:
        pages = [page for topic in topics if (page := self.pages.of_topic(topic)) is not None]
        try:
            if CONTROL_TOPIC in topics:
                await self.revocations.sweep()
            await self.reader.sweep(pages)
        except StorageError as error:
            self._log.warning("doubts", "reading the log after strange hints failed: %s", error)

    def _tell_spent(self, rows: Sequence[Spending]) -> None:
        if self.gossip.peers:
            for start in range(0, len(rows), ROWS_PER_HINT):
                part = list(rows[start : start + ROWS_PER_HINT])
                self.publisher.tell(CONTROL_TOPIC, Spent(part))

    def _missed(self) -> None:
        """The pub/sub may have lost anything: read the log, and ask who is here."""
        self.counts.gaps += 1
        self.supervisor.once("heal", self._heal())
        self.gossip.ask_all()

    def _revoked(self, revocation: Revocation) -> None:
        for connection in list(self.connections.values()):
            identity = connection.identity
            if revocation.concerns(identity.user_id, connection.tenant_id, connection.id):
                connection.give_up(CloseCode.FORBIDDEN, "revoked")

    # what goes on by itself

    async def _tick(self) -> None:
        timing = self.timing
        pause = min(
            1.0, timing.presence_seconds, timing.ping_seconds / 4, timing.silence_seconds / 4
        )
        beat = 0
        last = self.clock.monotonic()
        wall_ms = self.clock.now_ms()
        while True:
            await self.clock.sleep(pause)
            now = self.clock.monotonic()
            was_ms, wall_ms = wall_ms, self.clock.now_ms()
            if abs(wall_ms - was_ms - (now - last) * 1000) > JUMP_MS:
                for connection in self.connections.values():
                    self.look_at(connection)
            asleep, last = max(0.0, now - last - pause), now
            self.counts.loop_lag.observe(asleep)
            if asleep > min(STOOD_STILL_SECONDS, timing.silence_seconds / 4):
                for connection in self.connections.values():
                    # What a client said meanwhile has not been read yet.
                    connection.outbox.window.heard_at += asleep
            for id in list(self._agenda.due(now)):
                due = self.connections.get(id)
                if due is not None:
                    again = due.tick(now)
                    if not due.closed:
                        self._agenda.put(id, again)
            self.gossip.tick()
            self.users.tick()
            self.doubts.tick()
            self.key_watch.tick()
            self.meter.gather()
            beat += 1
            if beat % 10 == 0:
                self.users.forget()
                oldest = self.storage_time.now_ms() - int(self.timing.dedupe_days * 86_400_000)
                for page in self.pages.all():
                    page.forget_deleted(oldest)
                await self.pages.evict()
            await self._listen_again()

    async def _sweep(self) -> None:
        while True:
            await self.clock.sleep(self.timing.sweep_seconds)
            await self._heal()

    async def _heal(self) -> None:
        try:
            # First what somebody must not do any more: nothing that pages have to say may stop it.
            await self.revocations.sweep()
            await self.reader.sweep(self.pages.all())
            self._storage_error = None
        except StorageError as error:
            if self._storage_error is None:
                logger.error("reading the storage failed: %s", error)
            self._storage_error = str(error)

    async def _every_flush(self, flush: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self.clock.sleep(self.timing.usage_flush_seconds)
            await flush()

    async def _trim(self) -> None:
        pause = FIRST_TRIM_SECONDS  # soon, for processes that are restarted often
        while True:
            await self.clock.sleep(pause)
            pause = TRIM_SECONDS
            days = max(self.timing.log_days, self.timing.dedupe_days)
            try:
                await bounded(self.storage_time.ask(), self._seconds)
                oldest = self.storage_time.now_ms() - int(days * 86_400_000)
                dropped = 1
                while dropped:
                    trim = self.storage.trim(before_ms=oldest, keep_events=self.limits.log_events)
                    dropped = await bounded(trim, TRIM_CALL_SECONDS)
            except StorageError as error:
                logger.warning("trimming the log failed, it goes on later: %s", error)
            await self._trim_read()
            if self._chat_days:
                await self._delete_old_chats()
            # A storage of somebody's own may know neither, and serves all the same.
            with suppress(StorageError):
                await forget_revocations(self.storage, self.storage_time.now_ms())

    async def _trim_read(self) -> None:
        """Browsers that never come again would be kept for ever."""
        days = self.timing.anonymous_read_days
        oldest = self.storage_time.now_ms() - int(days * 86_400_000)
        try:
            dropped = 1
            while dropped:
                trim = self.storage.trim_read(before_ms=oldest)
                dropped = await bounded(trim, TRIM_CALL_SECONDS)
        except StorageError as error:
            logger.warning(
                "dropping how far visitors have read failed, it goes on later: %s", error
            )

    async def _delete_old_chats(self) -> None:
        try:
            deleted = await self.chat_retention.round(self.storage_time.now_ms())
        except StorageError as error:
            logger.warning("deleting old chats failed, it goes on later: %s", error)
        else:
            if deleted:
                logger.info("%d chats were older than chat_days, and were deleted", deleted)

    async def _tell_events(self) -> None:
        while True:
            event = await self._events.get()
            try:
                await self.hooks.on_event(event)
            except (HookFailed, Denied):
                continue

    async def _open_pubsub(self, *, first: bool = False) -> None:
        """Open it, or go on without: it comes back by itself. Raises `PubSubError` at the `first`
        time, where it would refuse again: a wrong password is a setting, and no outage."""
        try:
            async with within(self.timing.backend_seconds):
                await self.pubsub.open()
        except (PubSubError, TimeoutError) as error:
            refused = isinstance(error, PubSubError) and not isinstance(error, PubSubUnavailable)
            if first and refused:
                raise
            logger.warning("opening the pub/sub failed, pages are healed by sweeps: %s", error)
        own = [CONTROL_TOPIC, inbox_of(self.run)]
        await subscribe_bounded(self.pubsub, own, self.timing.backend_seconds, self._log)

    async def _listen_again(self) -> None:
        """Open the pub/sub anew where the process has not heard itself for too long."""
        if self.deaf_seconds < self.timing.heartbeat_seconds * DEAF_AFTER_BEATS:
            return
        logger.warning("the pub/sub failed: nothing is heard from it, and it is opened anew")
        self.counts.reopened += 1
        self.listener.heard_self_at = self.clock.monotonic()
        topics = [page.topic for page in self.pages.all()]
        try:
            async with within(self.timing.backend_seconds):
                await self.pubsub.close()
        except (PubSubError, TimeoutError) as error:
            logger.warning("closing the pub/sub failed: %s", error)
        await self._open_pubsub()
        await subscribe_bounded(self.pubsub, topics, self.timing.backend_seconds, self._log)
        self._missed()

    @property
    def deaf_seconds(self) -> float:
        """Since this process has heard itself over the pub/sub: up to a heartbeat where all is
        well."""
        return self.clock.monotonic() - self.listener.heard_self_at

    @property
    def storage_away(self) -> bool:
        """Whether the last sweep could not read the storage."""
        return self._storage_error is not None

    def counted(self) -> list[Row]:
        """What this process has counted, at most a second ago. From any thread; not before the
        first start."""
        return self.counts.rows(self)

    def numbers_here(self, busiest: bool = False) -> list[Row]:
        """What this process has counted until now; where asked for, with its busiest pages and
        tenants."""
        self.meter.gather()
        more = self._busiest.rows(self) if busiest else ()
        return [*self.counts.rows(self), *more]

    async def numbers(self) -> dict[str, list[Row]]:
        """What every process that was heard lately has counted, by process, this one first. Who
        does not answer within a second is missing."""

        async def take() -> dict[str, list[Row]]:
            return await self.census.take(lambda: self.gossip.peers)

        return await self.supervisor.flight("census", take)

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether this process can serve, and what is wrong (PROTOCOL section 6)."""
        reasons: list[str] = []
        if self._storage_error:
            reasons.append(f"storage: {self._storage_error}")
        if self.draining:
            reasons.append("draining")
        degraded = self.deaf_seconds > self.timing.heartbeat_seconds * 1.5
        hook_faults = self.hooks.faults()
        failing = self.reader.failing
        worse = degraded or hook_faults or failing
        status = "unavailable" if reasons else "degraded" if worse else "ok"
        if failing:
            reasons.append(f"pages: {failing} cannot be read here; the log says why")
        if degraded:
            reasons.append("pubsub: this process does not hear itself")
        reasons += [f"usage: {taker} does not take it" for taker in self.meter.failing]
        reasons += hook_faults
        return status != "unavailable", {
            "status": status,
            "reasons": reasons,
            "connections": len(self.connections),
            "pages": len(self.pages),
            "usage": self.meter.waiting(),
            "restarts": self.supervisor.restarts,
        }


def ascii_reason(text: str) -> str:
    """At most 60 bytes of ASCII on one line, as every server can send them in a close frame and
    every log can show them."""
    return presentable(text).encode("ascii", "replace").decode()[:60]
