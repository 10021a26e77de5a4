"""What the host's own program asks and does, beside the readers in their browsers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

import msgspec

from .config import Limits, Timing
from .core.frames import decode_operation
from .core.model import NOWHERE, PageKey, Position
from .core.replay import merged
from .core.text import is_tenant_id, is_text
from .core.validation import check_url_id
from .engine.engine import Engine
from .engine.erasing.erasure import belongings, receipt
from .engine.pages.decoding import decode_log
from .engine.peers.revocations import Revocation
from .engine.writing.submission import Submission
from .errors import MisuseError, Refused
from .hooks import Identity
from .hooks.words import as_user_id
from .objects import (
    Ack,
    Events,
    Operation,
    Presence,
    Receipt,
    Snapshot,
    UsageRow,
    UserBelongings,
)
from .storage.abc import Storage

__all__ = ["HostCalls"]


class HostCalls(ABC):
    """Each of them starts what is not started, and may be called from the event loop that it runs
    in. `CollabChat` has them."""

    limits: Limits
    timing: Timing
    storage: Storage
    _engine: Engine

    @abstractmethod
    async def start(self) -> None: ...

    async def submit(
        self,
        tenant_id: str,
        url_id: str,
        operation: Operation | Mapping[str, object],
        *,
        identity: Identity,
    ) -> Ack:
        """Do what a client could do: the wire's operation in, its ack out.

        The rules hold; `authorize` is not asked and nothing is rationed. The ids that are not given
        are made; give a `broadcastId` (a UUID) where the call may be repeated. Returns when it is
        committed.

        Raises:
            Refused: As a client is refused, with its code; `unavailable` where the storage is away,
                and the same call again settles whether it was committed.
        """
        await self.start()
        self._page_key(tenant_id, url_id)
        try:
            encoded = msgspec.json.encode({**operation, "urlId": url_id})
        except UnicodeEncodeError as error:
            raise Refused("invalid", f"the operation is no text: {error.reason}") from error
        limits = self.limits
        decoded = decode_operation(
            encoded,
            body_chars=limits.body_chars,
            anchor_bytes=limits.anchor_bytes,
            url_id_chars=limits.url_id_chars,
        )
        submission = Submission(
            identity.user, tenant_id, decoded, len(encoded), identity, trusted=True
        )
        ack: Any = await self._engine.settle(submission)
        return cast("Ack", ack)

    async def snapshot(self, tenant_id: str, url_id: str) -> Snapshot:
        """`{epoch, seq, chats}` with every commit that was acked before this call.

        Raises `Refused`, `StorageError`.
        """
        await self.start()
        page = await self._engine.page(self._page_key(tenant_id, url_id))
        snapshot: Snapshot = msgspec.json.decode(page.encoded(compressed=False))
        return snapshot

    async def events(
        self, tenant_id: str, url_id: str, *, epoch: str = "", after: int = 0, limit: int = 100
    ) -> Events:
        """`{epoch, seq, first, last, events}` after a position, at most `limit` (1 to 1,000).

        Raises `Refused` (`reset` where the log does not reach back), `StorageError`.
        """
        await self.start()
        key = self._page_key(tenant_id, url_id)
        if after < 0 or not 1 <= limit <= 1_000:
            raise Refused("invalid", "after must be 0 or more, limit 1 to 1,000")
        tail = await self._engine.services.reader.read(
            key, Position(epoch, after) if after else NOWHERE, limit
        )
        if isinstance(tail, str):
            raise Refused("reset", f"the log cannot be told from there: {tail}")
        events = decode_log(tail.events)
        events_after: Any = {
            "epoch": tail.position.epoch,
            "seq": tail.position.seq,
            "first": after + 1,
            "last": events[-1].seq if events else after,
            "events": msgspec.to_builtins(merged(events)),
        }
        return cast("Events", events_after)

    async def presence(self, tenant_id: str, url_id: str) -> Presence:
        """`{users, connections}` on a page, over all processes that this one has heard of.

        A process hears of a page while it has it open: 0 where nobody views it here. Raises
        `Refused`.
        """
        await self.start()
        page = self._engine.services.pages.get(self._page_key(tenant_id, url_id))
        users, connections = page.presence.counts() if page else (0, 0)
        return {"users": users, "connections": connections}

    async def users(self, tenant_id: str, url_id: str) -> Presence:
        """Another name of `presence`."""
        return await self.presence(tenant_id, url_id)

    async def usage(
        self, tenant_id: str, first_day: date | str, last_day: date | str
    ) -> list[UsageRow]:
        """Flushed counts by UTC day, both days included: `date` objects, or text `YYYY-MM-DD`.

        Raises `Refused` (`invalid`), `StorageError`.
        """
        first, last = _day("first_day", first_day), _day("last_day", last_day)
        _check_tenant(tenant_id)
        await self.start()
        rows: Any = await self._engine.usage(tenant_id, first, last)
        return cast("list[UsageRow]", rows)

    async def flush_usage(self) -> None:
        """Store what this process has counted until now and give it to `on_usage`, without waiting
        for `Timing.usage_flush_seconds`: in a test, or before a process is asked to end.

        What is not taken is kept for the next flush. Raises `StorageError`, or `HookFailed` with
        what `on_usage` raised as its cause.
        """
        await self.start()
        self._engine.meter.gather()
        await self._engine.meter.flush()

    async def revoke(
        self,
        *,
        user_id: str | None = None,
        tenant_id: str | None = None,
        connection_id: str | None = None,
    ) -> None:
        """Close, on every process, the connections that fit all that is given (4403).

        Returns when it is committed: every process will act on it. Who comes back is asked about
        anew by `authenticate`. Raises `MisuseError`, `StorageError`.
        """
        if user_id is None and tenant_id is None and connection_id is None:
            raise MisuseError("revoke needs user_id, tenant_id or connection_id")
        for name, value in (("user_id", user_id), ("connection_id", connection_id)):
            if value is not None and not (isinstance(value, str) and value and is_text(value)):
                raise MisuseError(f"revoke({name}={value!r}): that is no id of anybody")
        if tenant_id is not None and not is_tenant_id(tenant_id):
            raise MisuseError(f"revoke(tenant_id={tenant_id!r}): that is no tenant id")
        await self.start()
        await self._engine.services.revocations.revoke(
            Revocation(user_id, tenant_id, connection_id)
        )

    async def forget(self, user_id: str, *, tenant_id: str | None = None) -> Receipt:
        """Take a person out of every page of the tenant, or of all tenants: their comments and
        reactions, the chats that nobody else wrote in, their name and id wherever they stand, in
        records, log and known ids. Whoever looks at such a page gets it anew (a new epoch).

        Say first that they may not come back (`revoke`, and your `authenticate`): who is still
        there may write again. What others wrote stays, also where it speaks of them. The same call
        again changes nothing; one that was stopped goes on. `collabchat purge` then takes the bytes
        out of the database's own files.

        Raises `MisuseError`, `StorageError`.
        """
        user_id, tenant_id = _whose("forget", user_id, tenant_id)
        await self.start()
        return receipt(await self._engine.forget(user_id, tenant_id))

    async def export_user(
        self, user_id: str, *, tenant_id: str | None = None
    ) -> list[UserBelongings]:
        """What is theirs on every page of the tenant, or of all tenants: chats, comments,
        reactions, what they resolved, and the operations that are remembered.

        Raises `MisuseError`, `StorageError`.
        """
        user_id, tenant_id = _whose("export_user", user_id, tenant_id)
        await self.start()
        found: Any = [one async for one in belongings(self.storage, user_id, tenant_id)]
        return cast("list[UserBelongings]", found)

    async def erase(self, tenant_id: str, url_id: str) -> int:
        """Forget a page with all that was said there; whoever looks at it sees it empty. How many
        events it had had: 0 where there was nothing.

        Raises `Refused`, `StorageError`.
        """
        key = self._page_key(tenant_id, url_id)
        await self.start()
        return await self._engine.erase(key)

    async def purge(self) -> None:
        """Have what was forgotten, erased, deleted and edited leave the storage's own files too.
        It may take long and keeps commits waiting: for a quiet hour. Raises `StorageError`."""
        await self.start()
        await self.storage.purge()

    async def drain(self, seconds: float | None = None) -> None:
        """Send every client away, spread over `seconds` (`Timing.drain_seconds`), before this
        process ends. New connections are refused meanwhile."""
        await self.start()
        await self._engine.services.door.drain(
            self.timing.drain_seconds if seconds is None else seconds
        )

    def _page_key(self, tenant_id: str, url_id: str) -> PageKey:
        _check_tenant(tenant_id)
        if not isinstance(url_id, str):
            raise Refused("invalid", "url_id must be text", field="urlId")
        check_url_id(url_id, self.limits.url_id_chars)
        return PageKey(tenant_id, url_id)


def _whose(call: str, user_id: str, tenant_id: str | None) -> tuple[str, str | None]:
    try:
        user_id = as_user_id(user_id)
    except ValueError as error:
        raise MisuseError(f"{call}({user_id!r}): {error}") from error
    if tenant_id is not None and not is_tenant_id(tenant_id):
        raise MisuseError(f"{call}(tenant_id={tenant_id!r}): that is no tenant id")
    return user_id, tenant_id


def _check_tenant(tenant_id: str) -> None:
    if not isinstance(tenant_id, str) or not is_tenant_id(tenant_id):
        raise Refused("invalid", "tenant_id is not valid", field="tenantId")


def _day(name: str, value: date | str) -> str:
    """As `YYYY-MM-DD`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        if isinstance(value, str) and date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise Refused("invalid", f"{name}={value!r} must be a date, or a UTC day as YYYY-MM-DD")
