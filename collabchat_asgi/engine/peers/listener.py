"""Hears what other processes tell, and this one itself."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...pubsub.abc import Gap, PubSub
from .hints import CONTROL_TOPIC, INBOX, HintCodec, Received

logger = logging.getLogger("collabchat_asgi.engine")


class Listener:
    """The one consumer of the pub/sub."""

    def __init__(
        self,
        pubsub: PubSub,
        codec: HintCodec,
        on_hint: Callable[[str, Received | None], None],
        on_gap: Callable[[], None],
        heard_self: Callable[[], None],
    ) -> None:
        self._pubsub = pubsub
        self._codec = codec
        self._on_hint = on_hint
        self._on_gap = on_gap
        self._heard_self = heard_self
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
                    self._heard_self()
                continue
            opened = self._codec.open(heard.topic, heard.payload)
            if opened is None:
                self.strange += 1
            try:
                self._on_hint(heard.topic, opened)
            except Exception:
                logger.exception("taking a hint on %s failed", heard.topic)
