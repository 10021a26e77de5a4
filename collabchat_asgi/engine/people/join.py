"""Join a page, or come back to it: the most delicate procedure (SCHEDULES H6)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import UNSET

from ...core.frames import Since, Subscribe
from ...core.model import PageKey, Position
from ...core.presence import person
from ...core.rules import Action
from ...errors import Refused, StorageError
from ...hooks import AccessRequest, HookFailed, Identity, refusal_of
from ...storage.abc import ReadBy, Tail
from ..backend import unavailable
from ..delivery.outbox import Outbox
from ..delivery.viewer import Viewer
from ..measuring.quotas import QuotaBook
from ..pages.log import LogReader
from ..pages.page import Page
from ..writing.operations import forbidden
from .means import Means


class Joining(Protocol):
    """The connection that asks."""

    means: Means
    id: str
    tenant_id: str
    identity: Identity
    address: str | None
    outbox: Outbox
    viewers: dict[str, Viewer[Page]]
    closed: bool

    def unsubscribe(self, url_id: str) -> None: ...


async def join(connection: Joining, frame: Subscribe) -> None:
    """Answer a `subscribe`, and from then on every event after its position, once and in order.

    The order is everything: live frames stop first; the topic is subscribed before the head is
    read; between the flush that ends the catching-up and the viewer's place in the ring nothing
    is awaited. Raises `Refused`.
    """
    connection.unsubscribe(frame.url_id)
    means = connection.means
    if len(connection.viewers) >= means.limits.pages_per_connection:
        raise Refused("too-many", "too many pages on one connection")
    refusal = means.users.read(
        connection.tenant_id, connection.identity.user_id, connection.address
    )
    if refusal is not None:
        raise refusal
    serial = means.revocations.serial
    can = await _permissions(connection, frame.url_id)
    try:
        if means.quotas is not None and await _used_up(connection, means.quotas):
            can = []
        async with means.pages.using(PageKey(connection.tenant_id, frame.url_id)) as page:
            asked = means.reading.ask(ReadBy(page.key, connection.identity.user_id))
            await means.reader.current(page)
            read = await asyncio.shield(asked)
            since = None if frame.since is UNSET else await _reach(means.reader, page, frame.since)
            if connection.closed:
                return
            if means.revocations.since(
                serial, connection.identity.user_id, connection.tenant_id, connection.id
            ):
                raise forbidden()
            _place(connection, page, since, can, read, resumes=frame.since is not UNSET)
    except StorageError as error:
        raise unavailable() from error


def _place(
    connection: Joining,
    page: Page,
    since: Position | None,
    can: list[str],
    read: int | None,
    *,
    resumes: bool,
) -> None:
    who = person(connection.identity.user_id)
    viewer = Viewer(page, connection.outbox, connection.identity, who)
    page.flush()
    page.presence.join(who, connection.identity.user if page.people.most else None)
    page.add(viewer)
    connection.means.reading.add(viewer, read)
    connection.viewers[page.key.url_id] = viewer
    joins = connection.means.counts.joins
    if since is None or since.epoch != page.position.epoch:
        joins["reset" if resumes else "whole"] += 1
        page.begin(viewer, can)
    else:
        joins["recovered"] += 1
        page.resume(viewer, since.seq, can)
    connection.means.gossip.changed(page)


async def _reach(reader: LogReader, page: Page, since: Since) -> Position | None:
    """`since` as a position from which this page can be told without a hole; None: it cannot."""
    page.flush()
    epoch, seq = page.position.epoch, since.seq
    if (since.epoch != epoch and seq > 0) or seq > page.sent:
        return None
    if seq == page.sent or page.reaches(seq):
        return Position(epoch, seq)
    await reader.backfill(page, seq)
    page.flush()
    if page.position.epoch == epoch and page.reaches(seq):
        return Position(epoch, seq)
    # Further back than the ring can hold: the log must still reach there.
    tail = await reader.read(page.key, Position(epoch, seq), 1)
    if isinstance(tail, Tail) and tail.position.epoch == epoch and tail.events:
        return Position(epoch, seq)
    return None


async def _used_up(connection: Joining, quotas: QuotaBook) -> bool:
    """Whether this person may only read now. Raises `Refused` where they may not even do that."""
    place = connection.tenant_id, connection.identity.user_id
    if not quotas.known(*place):
        await quotas.ready(*place)
    found = quotas.refusal(*place)
    if found is not None and found[1] == "refuse":
        raise found[0]
    return found is not None


async def _permissions(connection: Joining, url_id: str) -> list[str]:
    """What this person may do on the page. Raises `Refused` where it is not even reading."""

    async def may(action: Action) -> bool:
        access = AccessRequest(connection.identity, action, connection.tenant_id, url_id)
        try:
            return await connection.means.hooks.authorize(access)
        except HookFailed as error:
            raise refusal_of(error) from error

    if not await may("read"):
        raise forbidden()
    actions: tuple[Action, ...] = ("comment", "moderate")
    return [action for action in actions if await may(action)]
