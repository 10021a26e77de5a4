"""Forget a person or a page, page by page: what was done stays done, so whoever is stopped begins
again and ends sooner. Those who look at a page are told by its new epoch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ...core.model import PageKey
from ...errors import StorageError
from ...objects import PageObject, Receipt
from ...storage.abc import PageCopy, Storage, new_epoch
from ..measuring.quotas import forget_person
from ..peers.revocations import CONTROL_PAGE, without_names
from .belongings import theirs
from .forgetting import Gone, forgotten, names

logger = logging.getLogger("collabchat_asgi.engine")

_PAGES_AT_ONCE = 500
LONGEST_REST = 1.0
"""Seconds. After each rewritten page the others have the storage for as long as that took, at most
so long: SQLite's lock goes to whoever asks first, and who takes it again at once starves those who
ask from time to time."""
NAMED_MS = 3_600_000
"""A revocation names whom it concerns for so long: every process has acted on it by then."""


@dataclass(slots=True)
class Forgetting:
    """How far it has come."""

    gone: Gone = field(default_factory=Gone)
    seen: int = 0
    """Pages that were looked through."""
    failed: list[PageKey] = field(default_factory=list)
    """Pages that cannot be read, and so still know the person."""


async def forget(
    storage: Storage,
    user_id: str,
    tenant_id: str | None,
    *,
    sure: bool = True,
    rewritten: Callable[[PageKey, str], object] = lambda key, epoch: None,
    progress: Callable[[Forgetting], object] = lambda so_far: None,
) -> Forgetting:
    """Take the person out of every page of the tenant, or of all. `rewritten` is told each page
    that was changed, with its new epoch. Not `sure`: only count what would go. Raises
    `StorageError`."""
    now_ms = await storage.now_ms() or time.time_ns() // 1_000_000
    done = Forgetting()
    tenants = {tenant_id} if tenant_id else set()
    async for key in pages(storage, tenant_id):
        tenants.add(key.tenant_id)
        done.seen += 1
        try:
            page = await storage.dump(key)
            if not sure:
                would = forgotten(page, user_id, epoch="", now_ms=now_ms)
                done.gone.add(would[1] if would else Gone(readings=user_id in page.read))
            elif names(page, user_id):
                began = time.perf_counter()
                await _forget_on(storage, key, user_id, now_ms, done.gone, rewritten)
                await asyncio.sleep(min(LONGEST_REST, time.perf_counter() - began))
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            logger.error("forgetting somebody on %s failed: it cannot be read: %s", key, error)
            done.failed.append(key)
        progress(done)
    if sure:
        for tenant in sorted(tenants):
            await forget_person(storage, tenant, user_id)
            done.gone.readings += await storage.forget_read(tenant, user_id)
        await forget_revocations(storage, now_ms)
    return done


async def _forget_on(
    storage: Storage,
    key: PageKey,
    user_id: str,
    now_ms: int,
    total: Gone,
    rewritten: Callable[[PageKey, str], object],
) -> None:
    epoch, found = new_epoch(), Gone()

    def rewrite(page: PageCopy) -> PageCopy | None:
        nonlocal found
        made = forgotten(page, user_id, epoch=epoch, now_ms=now_ms)
        found = made[1] if made else Gone()
        return made[0] if made else None

    if await storage.rewrite(key, rewrite):
        total.add(found)
        rewritten(key, epoch)


async def forget_revocations(storage: Storage, now_ms: int) -> None:
    """Take the names out of revocations that every process has acted on. Raises `StorageError`."""

    def rewrite(page: PageCopy) -> PageCopy | None:
        return without_names(page, now_ms - NAMED_MS)

    if rewrite(await storage.dump(CONTROL_PAGE)) is not None:
        await storage.rewrite(CONTROL_PAGE, rewrite)


def receipt(done: Forgetting) -> Receipt:
    """What to tell whoever has asked. It names nobody."""
    gone = done.gone
    failed: list[PageObject] = [
        {"tenantId": key.tenant_id, "urlId": key.url_id} for key in done.failed
    ]
    return {
        "pages": gone.pages,
        "chats": gone.chats,
        "comments": gone.comments,
        "reactions": gone.reactions,
        "names": gone.names,
        "events": gone.events,
        "operations": gone.operations,
        "readings": gone.readings,
        "pagesSeen": done.seen,
        "failed": failed,
    }


async def belongings(
    storage: Storage, user_id: str, tenant_id: str | None
) -> AsyncIterator[dict[str, Any]]:
    """What is theirs, page by page, as JSON. Raises `StorageError`."""
    async for key in pages(storage, tenant_id):
        try:
            found = theirs(await storage.dump(key), user_id)
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            raise StorageError(f"{key} cannot be read by this release: {error}") from error
        if found is not None:
            yield {"tenantId": key.tenant_id, "urlId": key.url_id, **found}


async def pages(storage: Storage, tenant_id: str | None) -> AsyncIterator[PageKey]:
    """Every page, in key order, without the reserved ones."""
    after = None
    while found := await storage.pages(tenant_id, after, _PAGES_AT_ONCE):
        for key in found:
            if key.tenant_id:
                yield key
            # A storage in memory never waits, and everybody else would.
            await asyncio.sleep(0)
        after = found[-1]
