"""Ask again who somebody is and what they may read, while they are connected (research: H14)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.rules import Action
from ..errors import CloseCode, Denied
from ..hooks import AccessRequest, HookFailed, Identity

if TYPE_CHECKING:
    from .connection import Connection
    from .engine import Engine

logger = logging.getLogger("collabchat_asgi.engine")

AT_ONCE = 16


def _spread(period: float) -> float:
    """So that those who came together are not asked about together for ever."""
    return period * random.uniform(0.8, 1.2)


def _credentials(connection: Connection) -> Hashable:
    """Who it is, and what says so."""
    request = connection.request
    return (
        connection.tenant_id,
        connection.identity.user_id,
        request.token,
        request.headers.get("authorization"),
        frozenset(request.cookies.items()),
    )


class Revalidation:
    """`authenticate` is called once per user and tenant and `Timing.revalidate_seconds`, spread by
    chance, at most 16 at a time. A hook that fails changes nothing: it is asked again later.

    Connections of one user that came with other credentials are asked about by themselves: they may
    have another role, and end at another time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._due: dict[Hashable, float] = {}

    async def run(self) -> None:
        """For ever."""
        period = self._engine.timing.revalidate_seconds
        while True:
            await self._engine.clock.sleep(min(1.0, period / 10))
            due = self._take_due(period)
            for start in range(0, len(due), AT_ONCE):
                await asyncio.gather(*map(self._check, due[start : start + AT_ONCE]))

    def _take_due(self, period: float) -> list[list[Connection]]:
        now = self._engine.clock.monotonic()
        people: dict[Hashable, list[Connection]] = {}
        for connection in self._engine.connections.values():
            people.setdefault(_credentials(connection), []).append(connection)
        self._due = {who: self._due.get(who) or now + _spread(period) for who in people}
        due = [who for who, at in self._due.items() if at <= now]
        self._due.update((who, now + _spread(period)) for who in due)
        return [people[who] for who in due]

    async def _check(self, connections: Sequence[Connection]) -> None:
        """The newest connection speaks for all of this person's; a no is asked of each."""
        for connection in reversed(connections):
            if connection.closed:
                continue
            try:
                identity = await self._engine.identify(
                    replace(connection.request, again=True), connection.id
                )
            except Denied:
                connection.give_up(CloseCode.UNAUTHENTICATED, "not authenticated any more")
                continue
            except HookFailed as error:
                logger.warning("a person cannot be checked again now: %s", error)
                return
            await self._apply(identity, connections)
            return

    async def _apply(self, identity: Identity, connections: Sequence[Connection]) -> None:
        for connection in connections:
            if connection.closed:
                continue
            if identity.user_id != connection.identity.user_id:
                connection.give_up(CloseCode.UNAUTHENTICATED, "this is somebody else now")
            elif connection.tenant_id not in identity.tenants:
                connection.give_up(CloseCode.FORBIDDEN, "not in this tenant any more")
            else:
                connection.identify(identity)
                await self._ask(connection)

    async def _ask(self, connection: Connection) -> None:
        actions: tuple[Action, ...] = ("comment", "moderate")
        for url_id, viewer in list(connection.viewers.items()):
            try:
                if not await self._may(connection, url_id, "read"):
                    connection.withdraw(url_id)
                    continue
                can = [action for action in actions if await self._may(connection, url_id, action)]
            except HookFailed as error:
                logger.warning("permissions cannot be checked again now: %s", error)
                return
            viewer.can = tuple(can)

    async def _may(self, connection: Connection, url_id: str, action: Action) -> bool:
        access = AccessRequest(connection.identity, action, connection.tenant_id, url_id)
        return await self._engine.hooks.authorize(access)
