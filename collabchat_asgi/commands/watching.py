"""Listening in on the processes: what `top` asks them, over their own control topic."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ..config import Timing
from ..core.measures import Row
from ..engine.clock import SystemClock
from ..engine.measuring.counts import Counts
from ..engine.peers.census import Census
from ..engine.peers.hints import (
    CONTROL_TOPIC,
    RUN_BYTES,
    HintCodec,
    ProcessCounts,
    Received,
    inbox_of,
)
from ..engine.peers.listener import Listener
from ..engine.peers.publisher import Publisher
from ..engine.supervisor import Supervisor
from ..errors import ConfigError
from ..pubsub.abc import PubSub
from ..registry import default_pubsub, make_pubsub
from .session import opened


class Watch:
    """Somebody who asks and never answers: the processes do not count it among them."""

    def __init__(self, census: Census, run: str) -> None:
        self._census = census
        self._run = run
        self._known: set[str] = set()

    async def look(self, seconds: float) -> dict[str, list[Row]]:
        """The rows of every process that answers, by process: at once when all have that did the
        last time, or after `seconds`. The first look takes all of that."""
        # Somebody who is not known yet, and another one each time: a census waits for nobody twice
        # of whom it has heard nothing.
        known = self._known or {secrets.token_hex(RUN_BYTES)}
        told = await self._census.take(lambda: known, busiest=True, seconds=seconds)
        told.pop(self._run, None)
        self._known = set(told)
        return told


@asynccontextmanager
async def watching(storage_url: str, pubsub_url: str | None) -> AsyncIterator[Watch]:
    """Raises `ConfigError` where nobody can be heard from here, `StorageError`, `PubSubError`."""
    url = pubsub_url or default_pubsub(storage_url)
    pubsub: PubSub = make_pubsub(url)
    if not pubsub.shared:
        raise ConfigError(
            "memory:// stays within one process: nobody outside hears what it does. Its own "
            "GET metrics does"
        )
    async with opened(storage_url) as storage:
        clock, run, supervisor = SystemClock(), secrets.token_hex(RUN_BYTES), Supervisor()
        codec = HintCodec(await storage.key(), run, clock)
        seconds = Timing().backend_seconds
        async with asyncio.timeout(seconds + 10):
            await pubsub.open()
            await pubsub.subscribe([CONTROL_TOPIC, inbox_of(run)])
        publisher = Publisher(pubsub, codec, seconds, Counts())
        census = Census(run, publisher, clock, lambda busiest: [])

        def heard(topic: str, hint: Received | None) -> None:
            if hint is not None and isinstance(hint.hint, ProcessCounts):
                census.hear(hint)

        listener = Listener(pubsub, codec, heard, lambda: None, lambda: None)
        supervisor.forever("listener", listener.run)
        supervisor.forever("publisher", lambda: publisher.run(supervisor))
        try:
            yield Watch(census, run)
        finally:
            await supervisor.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await pubsub.close()
