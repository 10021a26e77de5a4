"""Topics are subscribed in bounded time, or later: nobody waits for a broker that is away."""

from __future__ import annotations

from collections.abc import Collection

from ...core.patience import patience
from ...errors import PubSubError
from ...pubsub.abc import PubSub
from ...sparing_log import SparingLog
from ..backend import within


async def subscribe_bounded(
    pubsub: PubSub, topics: Collection[str], seconds: float, log: SparingLog
) -> None:
    """Subscribe, or go on without: the pub/sub remembers the topics, and sweeps heal meanwhile.
    `seconds` are for few topics, and grow with many (`patience`)."""
    try:
        async with within(patience(seconds, len(topics))):
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
