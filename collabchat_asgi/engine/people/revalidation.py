"""Ask again who somebody is and what they may read, while they are connected (SCHEDULES H14)."""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from ...core.rules import Action
from ...errors import CloseCode, Denied
from ...hooks import AccessRequest, HookFailed, Identity
from .connection import Connection
from .means import Means

logger = logging.getLogger("collabchat_asgi.engine")

AT_ONCE = 16


class Revalidation:
    """`authenticate` is called once per connection and `Timing.revalidate_seconds`, spread by
    chance, at most 16 at a time; where it is too slow for that, everyone waits longer. A hook that
    fails changes nothing: it is asked again a period later.

    The request is that of the connection, whole, and the answer is given to no other. Two
    connections of one user may have come by a header, a certificate or an address that differs,
    with another role and another end, and only the hook knows what it has looked at.
    """

    def __init__(self, connections: Mapping[str, Connection], means: Means) -> None:
        self._connections = connections
        self._means = means
        self._due: list[tuple[float, str]] = []
        """A heap. By id, so that it holds nobody who has gone."""

    def __len__(self) -> int:
        return len(self._due)

    def watch(self, connection: Connection) -> None:
        """Ask about this one a period from now."""
        # So that those who came together are not asked about together for ever.
        pause = self._means.timing.revalidate_seconds * random.uniform(0.8, 1.2)
        heapq.heappush(self._due, (self._means.clock.monotonic() + pause, connection.id))

    async def run(self) -> None:
        """For ever."""
        pause = min(1.0, self._means.timing.revalidate_seconds / 10)
        while True:
            await self._means.clock.sleep(pause)
            await self.ask_due()

    async def ask_due(self) -> None:
        """Ask about everyone who is due by now."""
        now = self._means.clock.monotonic()
        due: deque[Connection] = deque()
        while self._due and self._due[0][0] <= now:
            connection = self._connections.get(heapq.heappop(self._due)[1])
            if connection is not None:
                due.append(connection)
                self.watch(connection)

        async def work_off() -> None:
            while due:
                connection = due.popleft()
                try:
                    await self._check(connection)
                except Exception:
                    # The others have their own right.
                    logger.exception("checking connection %s again failed", connection.id)

        await asyncio.gather(*(work_off() for _ in range(min(AT_ONCE, len(due)))))

    async def _check(self, connection: Connection) -> None:
        if connection.closed:
            return
        request = connection.request
        try:
            identity = await self._means.identities.identify(
                replace(request, again=True), connection.id
            )
        except Denied:
            if connection.request is request:
                connection.give_up(CloseCode.UNAUTHENTICATED, "not authenticated any more")
            return
        except HookFailed as error:
            logger.debug("checking a person again failed: %s", error)
            return
        # Who has come with a new token meanwhile was asked about anew.
        if not connection.closed and connection.request is request:
            await self._apply(identity, connection)

    async def _apply(self, identity: Identity, connection: Connection) -> None:
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
                logger.debug("checking permissions again failed: %s", error)
                return
            viewer.can = tuple(can)

    async def _may(self, connection: Connection, url_id: str, action: Action) -> bool:
        access = AccessRequest(connection.identity, action, connection.tenant_id, url_id)
        return await self._means.hooks.authorize(access)
