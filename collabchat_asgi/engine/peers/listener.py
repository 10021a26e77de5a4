"""Hears what other processes tell, and notices when it has become deaf."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from ...errors import PubSubError
from ...pubsub.abc import Gap, PubSub
from ...sparing_log import SparingLog
from ..backend import within
from ..clock import Clock
from .hints import CONTROL_TOPIC, INBOX, HintCodec, Received

logger = logging.getLogger("collabchat_asgi.engine")


async def subscribe_bounded(
    pubsub: PubSub, topics: Collection[str], seconds: float, log: SparingLog
) -> None:
    """Subscribe, or go on without: the pub/sub remembers the topics, and sweeps heal meanwhile."""
    try:
        async with within(seconds):
            await pubsub.subscribe(topics)
    except (PubSubError, TimeoutError) as error:
        log.warning("subscribing", "subscribing failed, pages are healed by sweeps: %s", error)


async def unsubscribe_bounded(
    pubsub: PubSub, topics: Collection[str], seconds: float, log: SparingLog
) -> None:
    """Unsubscribe, or go on: what is still heard of a page that is not open is dropped."""
    try:
        async with within(seconds):
            await pubsub.unsubscribe(topics)
    except (PubSubError, TimeoutError) as error:
        log.warning("unsubscribing", "unsubscribing from closed pages failed: %s", error)


class Listener:
    """The one consumer of the pub/sub. `heard_self_at` is when it last heard itself."""

    def __init__(
        self,
        pubsub: PubSub,
        codec: HintCodec,
        clock: Clock,
        on_hint: Callable[[str, Received | None], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._pubsub = pubsub
        self._codec = codec
        self._clock = clock
        self._on_hint = on_hint
        self._on_gap = on_gap
        self.heard_self_at = clock.monotonic()
        self.strange = 0
        """Payloads that could not be opened."""

    async def run(self) -> None:
        """Until the pub/sub is closed. Raises where it is broken."""
        async for heard in self._pubsub.listen():
            if isinstance(heard, Gap):
                self._on_gap()
                continue
            if self._codec.is_own(heard.payload):
                if heard.topic == CONTROL_TOPIC or heard.topic.startswith(INBOX):
                    self.heard_self_at = self._clock.monotonic()
                continue
            opened = self._codec.open(heard.topic, heard.payload)
            if opened is None:
                self.strange += 1
            try:
                self._on_hint(heard.topic, opened)
            except Exception:
                logger.exception("taking a hint on %s failed", heard.topic)
