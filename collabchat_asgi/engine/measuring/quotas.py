"""What of their quotas tenants and people have used, over all processes to within one flush.

Each has a row in the storage's usage under a reserved name, one a period, to which every process
adds what it has counted and from which it reads what all have. Between two flushes a process knows
its own exactly: an operation has its place from the moment when it is let in, and gives it back
where it was refused after all. A person's row is named by a hash with the storage's key: the
database does not tell whose it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from ...errors import HookFailed, Refused, StorageError
from ...hooks import Hooks, refusal_of
from ...hooks.quota import COUNTED, Quota, QuotaRequest
from ...storage.abc import Storage, UsageDelta
from ..backend import bounded
from ..clock import Clock

logger = logging.getLogger("collabchat_asgi.usage")

AT_ONCE = 16
"""Rows that are read at the same time."""
IDLE_FLUSHES = 3
"""After which nobody is kept in memory who has done nothing."""


def tenants_row(tenant_id: str) -> str:
    """No tenant's id has a space in it."""
    return f"{tenant_id} quota"


def persons_row(tenant_id: str, user_id: str, key: bytes) -> str:
    digest = blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=16, key=key)
    return f"{tenant_id} quota {digest.hexdigest()}"


class Standing:
    """Of one tenant or person in the period that runs. All counts are by the fields of `Quota`."""

    __slots__ = (
        "asked", "ends_ms", "idle", "known", "local", "period", "quota", "reserved", "row", "sent",
        "stored",
    )  # fmt: skip

    def __init__(self, row: str, asked: QuotaRequest) -> None:
        self.row = row
        self.asked = asked
        self.quota: Quota | None = None
        self.known = False
        """Whether quota and row have been read."""
        self.period = ""
        self.ends_ms = 0
        self.stored: Mapping[str, int] = {}
        self.sent: Counter[str] = Counter()
        """Given to the storage, and not yet seen in what it tells."""
        self.local: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        """Of operations that are under way."""
        self.idle = 0

    def used(self, name: str) -> int:
        told = self.stored.get(name, 0) + self.sent[name] + self.local[name]
        return int(told + self.reserved[name])

    def full(self, names: tuple[str, ...]) -> str | None:
        """The first of them that is used up."""
        for name in names:
            most = getattr(self.quota, name, None)
            # Whoever asks about connections has one that is counted.
            own = int(name == "connections")
            if most is not None and self.used(name) >= most + own:
                return name
        return None


class QuotaBook:
    """`known` and everything without `async` answers at once; `ready` reads what is not known."""

    def __init__(
        self, storage: Storage, hooks: Hooks, run: str, clock: Clock, seconds: float, key: bytes
    ) -> None:
        self._storage = storage
        self._hooks = hooks
        self._run = f"{run}-quota"
        self._clock = clock
        self._seconds = seconds
        self._key = key
        self._standings: dict[tuple[str, str | None], Standing] = {}
        self._unsent: list[UsageDelta] = []
        """Made, and perhaps stored: the same again adds nothing."""
        self._serial = 0
        self._failing = False
        self._storing = asyncio.Lock()

    def known(self, tenant_id: str, user_id: str) -> bool:
        return all(one.known and not self._is_over(one) for one in self._both(tenant_id, user_id))

    async def ready(self, tenant_id: str, user_id: str) -> None:
        """Raises `StorageError`, or `Refused` where the host's hook failed."""
        for one in self._both(tenant_id, user_id):
            if not one.known or self._is_over(one):
                try:
                    await self._read(one)
                except HookFailed as error:
                    raise refusal_of(error) from error

    def refusal(self, tenant_id: str, user_id: str) -> tuple[Refused, str] | None:
        """Why somebody may not write, and what `Quota.over` says; None: nothing is used up."""
        for one in self._both(tenant_id, user_id):
            name = one.full(COUNTED)
            if name is not None and name != "pages" and one.quota is not None:
                return self._refused(one, name), one.quota.over
        return None

    def reserve(self, tenant_id: str, user_id: str, *, begins: bool) -> Refused | None:
        """Give an operation its place, or say why there is none. `begins`: the page's first."""
        both = self._both(tenant_id, user_id)
        for one in both:
            names = COUNTED if begins else COUNTED[:-1]
            if (name := one.full(names)) is not None:
                return self._refused(one, name)
        for one in both:
            one.reserved["operations"] += 1
            one.reserved["pages"] += begins
        return None

    def settle(
        self, tenant_id: str, user_id: str, *, begins: bool, done: bool, began: bool
    ) -> None:
        """The operation has its answer; `done`: it was committed, and `began` the page."""
        for one in self._both(tenant_id, user_id):
            one.reserved["operations"] -= 1
            one.reserved["pages"] -= begins
            if done:
                one.local["operations"] += 1
                one.local["pages"] += began

    def connected(self, tenant_id: str, user_id: str) -> None:
        for one in self._both(tenant_id, user_id):
            one.local["connections"] += 1

    def delivered(self, tenant_id: str, counters: Mapping[str, int]) -> None:
        """Usage of a tenant, as the meter gathers it."""
        one = self._standing(tenant_id, None)
        one.local["messages"] += counters.get("pubSubMessageCount", 0)
        one.local["bandwidth"] += counters.get("pubSubBandwidth", 0)

    async def shown(self, tenant_id: str) -> dict[str, Any] | None:
        """What a tenant has of its quota, for who may see its usage; None where it has none.
        Raises `StorageError`."""
        one = self._standing(tenant_id, None)
        if not one.known or self._is_over(one):
            with suppress(HookFailed):
                await self._read(one)
        if one.quota is None:
            return None
        limits = {name: getattr(one.quota, name) for name in COUNTED}
        return {
            "per": one.quota.per,
            "over": one.quota.over,
            "endsAt": one.ends_ms,
            **{
                name: {"used": one.used(name), "limit": most}
                for name, most in limits.items()
                if most is not None
            },
        }

    async def flush(self) -> None:
        """Add what was counted here and read what all have counted. What fails comes again."""
        if await self.store() and await self._succeeds(self._read_all()):
            self._failing = False

    async def store(self) -> bool:
        """Add what was counted here, behind what is being added; nobody's hook is asked. Whether it
        was: what fails comes again."""
        async with self._storing:
            return await self._succeeds(self._add())

    async def _succeeds(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except HookFailed:
            return False  # its record has said it
        except Exception as error:
            # Whatever it is: whoever is forgotten, or stops, has more to do.
            if not self._failing:
                words = str(error) or repr(error)
                logger.warning("quotas failed to be brought up to date: %s", words)
            self._failing = True
            return False
        return True

    async def _add(self) -> None:
        for one in list(self._standings.values()):
            self._turn_over(one)
        if not self._unsent:
            # While they are not taken nothing piles up: what comes is added up where it is.
            for one in list(self._standings.values()):
                self._send(one)
        if sending := list(self._unsent):
            await bounded(self._storage.add_usage(sending), self._seconds)
            del self._unsent[: len(sending)]

    async def _read_all(self) -> None:
        active = []
        for place, one in list(self._standings.items()):
            one.idle += 1
            if one.sent or any(one.local.values()) or any(one.reserved.values()):
                one.idle = 0
            if one.idle < IDLE_FLUSHES:
                active.append(one)
            else:
                del self._standings[place]
        for start in range(0, len(active), AT_ONCE):
            await asyncio.gather(*map(self._read, active[start : start + AT_ONCE]))

    async def _read(self, one: Standing) -> None:
        quota = await self._hooks.quota(one.asked)
        if quota is None and one.asked.user_id is not None:
            tenant = self._standing(one.asked.tenant_id, None)
            if not tenant.known:
                await self._read(tenant)
            quota = tenant.quota.each_user if tenant.quota else None
        is_new = one.quota is None or (quota is not None and quota.per != one.quota.per)
        one.quota = quota
        if is_new:
            one.period = ""
        self._turn_over(one)
        if quota is None:
            one.local.clear()
            one.known = True
            return
        # What is on its way now may be in what is read: rather counted twice than not at all.
        period, sent = one.period, Counter() if self._unsent else Counter(one.sent)
        reading = self._storage.usage(one.row, period, period)
        rows = await bounded(reading, self._seconds)
        if one.period == period:
            one.stored = rows[0].counters if rows else {}
            one.sent -= sent
            one.known = True

    def _send(self, one: Standing) -> None:
        counted = {name: count for name, count in one.local.items() if count}
        if not counted or not one.period or one.quota is None:
            return
        one.local.clear()
        one.sent.update(counted)
        self._serial += 1
        self._unsent.append(UsageDelta(self._run, self._serial, one.row, "", one.period, counted))

    def _is_over(self, one: Standing) -> bool:
        return one.quota is not None and self._clock.now_ms() >= one.ends_ms

    def _turn_over(self, one: Standing) -> None:
        """Where another period has begun, nothing of it is used yet, but what comes from now on."""
        if one.quota is None or (not self._is_over(one) and one.period):
            return
        first = not one.period
        if not first:
            self._send(one)
            one.local.clear()
        one.period, one.ends_ms = period_at(self._clock.now_ms(), one.quota.per)
        one.stored, one.sent = {}, Counter()
        one.known = False

    def _refused(self, one: Standing, name: str) -> Refused:
        assert one.quota is not None
        whose = "this tenant's" if one.asked.user_id is None else "your"
        ends = datetime.fromtimestamp(one.ends_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
        left = max(1, one.ends_ms - self._clock.now_ms())
        text = f"{whose} {name} of this {one.quota.per} are used up until {ends}"
        return Refused("quota", text, retry_after_ms=left)

    def _both(self, tenant_id: str, user_id: str) -> tuple[Standing, Standing]:
        return self._standing(tenant_id, None), self._standing(tenant_id, user_id)

    def _standing(self, tenant_id: str, user_id: str | None) -> Standing:
        one = self._standings.get((tenant_id, user_id))
        if one is None:
            row = tenants_row(tenant_id)
            if user_id is not None:
                row = persons_row(tenant_id, user_id, self._key)
            one = Standing(row, QuotaRequest(tenant_id, user_id))
            self._standings[tenant_id, user_id] = one
        return one


def period_at(now_ms: int, per: str) -> tuple[str, int]:
    """Its first UTC day, and when it ends."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    first = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "month":
        first = first.replace(day=1)
        end = (first + timedelta(days=32)).replace(day=1)
    else:
        end = first + timedelta(days=1)
    return first.date().isoformat(), int(end.timestamp() * 1000)


async def forget_person(storage: Storage, tenant_id: str, user_id: str) -> None:
    """Drop what a person has used. Raises `StorageError`."""
    row = persons_row(tenant_id, user_id, await storage.key())
    with suppress(StorageError):  # one of somebody's own may not know how, and may have none
        await storage.forget_usage(row, "9999-12-31")
