"""Everything that one process works with, from its start to its stop, as one value."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..config import Limits, Timing, Tuning
from ..core import rules
from ..core.measures import Row
from ..core.model import PageKey
from ..core.pace import Pacing
from ..hooks import Hooks
from ..pubsub.abc import PubSub
from ..storage.abc import Storage
from .backend import bounded
from .clock import Clock
from .delivery.outbox import Sendable
from .measuring.counts import Counts
from .measuring.meter import Meter
from .measuring.quotas import QuotaBook
from .measuring.traces import Tracer
from .pages.gossip import Gossip
from .pages.log import LogReader
from .pages.page import Page
from .pages.pages import Pages
from .peers.census import Census
from .peers.ears import Ears
from .peers.hints import CONTROL_TOPIC, RUN_BYTES, HintCodec, Spending, Spent
from .peers.key_watch import KeyWatch
from .peers.publisher import Publisher
from .peers.revocations import Revocations
from .people.door import Door
from .people.identities import Identities
from .people.reading import Reading
from .storage_time import StorageTime
from .supervisor import Supervisor
from .writing.committer import Committer
from .writing.operations import Operations
from .writing.telling import Telling
from .writing.users import Users

ROWS_PER_HINT = 200
"""At about 20 bytes, within the smallest `max_payload`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What an engine was made with: the same at each of its starts."""

    storage: Storage
    pubsub: PubSub
    hooks: Hooks
    limits: Limits
    timing: Timing
    tuning: Tuning
    as_message: Callable[[str], Sendable]
    usage_per_page: bool
    clock: Clock
    tracer: Tracer | None
    chat_days: Mapping[str, float]
    counts: Counts
    pace: Pacing
    seconds: float
    """For one call of the storage."""


@dataclass(slots=True, kw_only=True)
class Services:
    """Who does what is said by the package's README, room by room.

    `run` is this process' own name, drawn at its start."""

    run: str
    census: Census
    clock: Clock
    codec: HintCodec
    committer: Committer
    counts: Counts
    ears: Ears
    gossip: Gossip
    hooks: Hooks
    identities: Identities
    key_watch: KeyWatch
    limits: Limits
    meter: Meter
    operations: Operations
    pages: Pages
    publisher: Publisher
    quotas: QuotaBook | None
    reader: LogReader
    reading: Reading
    revocations: Revocations
    storage: Storage
    storage_time: StorageTime
    supervisor: Supervisor
    telling: Telling
    timing: Timing
    tuning: Tuning
    users: Users
    as_message: Callable[[str], Sendable]
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(self, self.meter, self.as_message)

    async def flush_quotas(self) -> None:
        if self.quotas is not None:
            await self.quotas.flush()

    async def store_quotas(self) -> None:
        if self.quotas is not None:
            await self.quotas.store()


async def open_services(
    given: Given, supervisor: Supervisor, numbers: Callable[[bool], list[Row]]
) -> Services:
    """Open the back ends and make everybody who works with them; nobody begins yet. `numbers` are
    what this process tells whoever counts them all. Raises `StorageError`, or `PubSubError`."""
    storage, clock, seconds, counts = given.storage, given.clock, given.seconds, given.counts
    run = secrets.token_hex(RUN_BYTES)
    # The first opening may create or migrate the schema, behind others that do the same.
    await bounded(storage.open(), max(30.0, seconds))
    storage_time = StorageTime(storage, clock)
    await bounded(storage_time.ask(), seconds)
    key = await bounded(storage.key(), seconds)
    codec = HintCodec(key, run, clock)
    ears = Ears(given.pubsub, run, clock, given.timing, counts)
    await ears.open(first=True)
    publisher = Publisher(given.pubsub, codec, given.timing.backend_seconds, counts)
    revocations = Revocations(
        storage, publisher, clock, seconds, lambda revocation: services.door.revoked(revocation)
    )
    await revocations.open()
    quotas: QuotaBook | None = None
    if given.hooks.limits:
        quotas = QuotaBook(storage, given.hooks, run, clock, seconds, key)
    meter = _meter(given, run, quotas)
    reader = LogReader(storage, supervisor, storage_time, given.tuning, given.timing)
    pages = _pages(given, meter, reader, supervisor, lambda page: gossip.opened(page))
    gossip = Gossip(run, publisher, pages, codec, clock, given.timing)
    users = _users(given, gossip, publisher)
    telling = Telling(reader, publisher, given.hooks, clock)
    committer = _committer(given, reader, telling)
    services = Services(
        run=run,
        as_message=given.as_message,
        census=Census(run, publisher, clock, numbers),
        clock=clock,
        codec=codec,
        committer=committer,
        counts=counts,
        ears=ears,
        gossip=gossip,
        hooks=given.hooks,
        identities=Identities(given.hooks, revocations, clock),
        key_watch=KeyWatch(storage, codec, supervisor, clock, seconds),
        limits=given.limits,
        meter=meter,
        operations=Operations(
            given.hooks,
            pages,
            committer,
            users,
            revocations,
            clock,
            storage_time,
            given.limits,
            counts,
            given.tracer,
            quotas,
        ),
        pages=pages,
        publisher=publisher,
        quotas=quotas,
        reader=reader,
        reading=Reading(storage, publisher, gossip, pages, supervisor, clock, seconds),
        revocations=revocations,
        storage=storage,
        storage_time=storage_time,
        supervisor=supervisor,
        telling=telling,
        timing=given.timing,
        tuning=given.tuning,
        users=users,
    )
    return services


def _meter(given: Given, run: str, quotas: QuotaBook | None) -> Meter:
    def gathered(tenant_id: str, counters: Mapping[str, int]) -> None:
        if quotas is not None:
            quotas.delivered(tenant_id, counters)

    return Meter(
        given.storage,
        given.hooks,
        run,
        given.clock,
        given.seconds,
        given.counts.used,
        per_page=given.usage_per_page,
        gathered=gathered,
    )


def _pages(
    given: Given,
    meter: Meter,
    reader: LogReader,
    supervisor: Supervisor,
    opened: Callable[[Page], None],
) -> Pages:
    def make(key: PageKey, topic: str) -> Page:
        return Page(
            key,
            topic,
            meter.tally(key),
            given.clock,
            given.tuning,
            given.pace,
            given.as_message,
            reader.replay,
            given.counts,
            given.limits.people_listed,
        )

    return Pages(
        make,
        reader,
        supervisor,
        given.pubsub,
        given.timing.backend_seconds,
        given.tuning.idle_pages,
        given.tuning.idle_bytes,
        opened,
        meter.release,
    )


def _users(given: Given, gossip: Gossip, publisher: Publisher) -> Users:
    def tell_spent(rows: Sequence[Spending]) -> None:
        if gossip.peers:
            for start in range(0, len(rows), ROWS_PER_HINT):
                part = list(rows[start : start + ROWS_PER_HINT])
                publisher.tell(CONTROL_TOPIC, Spent(part))

    return Users(
        given.limits,
        given.clock,
        tell_spent,
        heartbeat=given.timing.heartbeat_seconds,
        expiry=given.timing.expiry_seconds,
        others=lambda: len(gossip.peers),
    )


def _committer(given: Given, reader: LogReader, telling: Telling) -> Committer:
    limits = given.limits
    return Committer(
        given.storage,
        rules.PageLimits(
            limits.chats_per_page,
            limits.bytes_per_page,
            limits.reactions_per_comment,
            limits.users_per_reaction,
            limits.comments_per_chat,
            limits.deletions_per_page,
        ),
        given.seconds,
        given.tuning.queued_operations,
        telling.committed,
        reader.start_over,
        given.counts.commit_operations,
        traces=given.tracer is not None,
    )


async def close_backends(given: Given, supervisor: Supervisor) -> None:
    """End all work, then close what it was done with."""
    await supervisor.stop()
    given.hooks.forget_loop()
    try:
        await given.pubsub.close()
    finally:
        await given.storage.close()
