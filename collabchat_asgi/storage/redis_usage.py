"""Usage rows in Redis: one hash per tenant and day, and the deltas that are already in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from ..redis_client.servers import Command, Servers
from .abc import UsageDelta, UsageRow
from .redis_page import Names, script

__all__ = ["Usage"]

SEEN_SECONDS = 90 * 24 * 3600
"""A delta that is given again later than this after its row was last touched counts twice."""

_encode = msgspec.msgpack.encode
_decode_counter = msgspec.msgpack.Decoder(tuple[str, str]).decode


class Usage:
    def __init__(self, names: Names) -> None:
        self._names = names

    async def add(self, servers: Servers, deltas: Sequence[UsageDelta]) -> None:
        await servers.run([self._adding(delta) for delta in deltas])

    def _adding(self, delta: UsageDelta) -> Command:
        keys = (
            self._names.usage_days(delta.tenant_id),
            self._names.usage_rows(delta.tenant_id, delta.day),
            self._names.usage_seen(delta.tenant_id, delta.day),
        )
        counters = (
            word
            for name, amount in delta.counters.items()
            for word in (_encode((delta.url_id, name)), amount)
        )
        delta_id = _encode((delta.run_id, delta.serial))
        args = (len(keys), *keys, delta.day, delta_id, SEEN_SECONDS, *counters)
        return Command(keys[0], args, script("usage", of_page=False))

    async def forget(self, servers: Servers, tenant_id: str, before_day: str) -> None:
        """A day leaves the list last: whoever is stopped finds it again."""
        days_key = self._names.usage_days(tenant_id)
        span = ("-", f"({before_day}")
        [found] = await servers.run([Command(days_key, ("ZRANGEBYLEX", days_key, *span))])
        for day in found:
            rows = self._names.usage_rows(tenant_id, day.decode())
            await servers.run([Command(rows, ("UNLINK", rows))])
            await servers.run([Command(days_key, ("ZREM", days_key, day))])

    async def rows(
        self, servers: Servers, tenant_id: str, first_day: str, last_day: str
    ) -> list[UsageRow]:
        days_key = self._names.usage_days(tenant_id)
        span = (f"[{first_day}", f"[{last_day}")
        [found] = await servers.run([Command(days_key, ("ZRANGEBYLEX", days_key, *span))])
        days = [day.decode() for day in found]
        keys = [self._names.usage_rows(tenant_id, day) for day in days]
        answers = await servers.run([Command(key, ("HGETALL", key)) for key in keys])
        rows: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for day, answer in zip(days, answers, strict=True):
            for field, amount in answer.items():
                url_id, counter = _decode_counter(field)
                rows[day, url_id][counter] = int(amount)
        return [UsageRow(tenant_id, url, day, rows[day, url]) for day, url in sorted(rows)]
