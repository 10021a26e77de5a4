"""What follows a commit: readers here, the other processes and `on_event` are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from ...core.model import Event, PageKey, Position
from ...errors import Denied
from ...hooks import HookFailed, Hooks
from ...sparing_log import SparingLog
from ..clock import Clock
from ..pages.log import LogReader
from ..pages.page import Page
from ..peers.publisher import Publisher

logger = logging.getLogger("collabchat_asgi.engine")

WAITING_FOR_THE_HOOK = 10_000
"""Events; more are not told to `on_event`."""


class Telling:
    """Readers and processes are told at once. The host's hook may take its time, one event after
    the other, and what it refuses changes nothing."""

    def __init__(self, reader: LogReader, publisher: Publisher, hooks: Hooks, clock: Clock) -> None:
        self._reader = reader
        self._publisher = publisher
        self._hooks = hooks
        self._log = SparingLog(logger, clock.monotonic)
        self._for_the_hook: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING_FOR_THE_HOOK)

    def committed(
        self,
        page: Page,
        position: Position,
        tail: list[Event],
        made: list[Event],
        traces: Sequence[str],
    ) -> None:
        """`tail` came before from elsewhere, `made` is what this process has written after it."""
        epoch = position.epoch
        page.accept(epoch, tail + made)
        if page.sequencer.behind:
            self._reader.catch_up_soon(page)
        if not made:
            return
        after = page.sequencer.before(epoch, made[0])
        self._publisher.happened(page.topic, epoch, made, traces, after)
        if self._hooks.watches:
            for event in made:
                self.watch(page.key, epoch, event)

    def watch(self, key: PageKey, epoch: str, event: Event) -> None:
        """Tell the hook, when its turn comes."""
        told = {"tenantId": key.tenant_id, "urlId": key.url_id, "epoch": epoch}
        try:
            self._for_the_hook.put_nowait(told | msgspec.to_builtins(event))
        except asyncio.QueueFull:
            self._log.warning("on_event", "telling an event failed: on_event is too slow")

    @property
    def waiting(self) -> int:
        """Events that the hook has not been told yet."""
        return self._for_the_hook.qsize()

    async def run(self) -> None:
        """For ever."""
        while True:
            event = await self._for_the_hook.get()
            try:
                await self._hooks.on_event(event)
            except (HookFailed, Denied):
                continue
