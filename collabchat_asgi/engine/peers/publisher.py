"""Hints go out behind the commits, never in their way."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence

from ...core.model import Event
from ...pubsub.abc import PubSub
from ..backend import within
from ..measuring.counts import Counts
from ..measuring.traces import MOST_IN_A_HINT
from ..supervisor import Supervisor
from .hints import Happened, Hint, HintCodec

logger = logging.getLogger("collabchat_asgi.engine")

AT_ONCE = 16
"""Topics that are published to at the same time; one topic is never."""

MAX_EVENTS = 256
"""In one hint. A topic that gathers more says "read the log"."""

MAX_TOPICS = 10_000


class Publisher:
    """What a page has to tell gathers while the last hint of that page is under way.

    What is known to be lost is counted as failed. The operation stands; sweeps heal.
    """

    def __init__(self, pubsub: PubSub, codec: HintCodec, seconds: float, counts: Counts) -> None:
        self._pubsub = pubsub
        self._codec = codec
        self._seconds = seconds
        self._waiting: OrderedDict[str, tuple[str, list[Event], list[str], str]] = OrderedDict()
        self._others: list[tuple[str, Hint]] = []
        self._wake = asyncio.Event()
        self._busy: set[str] = set()
        self._hints = counts.hints

    def happened(
        self,
        topic: str,
        epoch: str,
        events: list[Event],
        traces: Sequence[str] = (),
        after: str = "",
    ) -> None:
        """Tell the others; `after` names the event that the first of these follows. Whoever comes
        later reads the log after it can hear."""
        if self._pubsub.alone:
            return
        waiting = self._waiting.get(topic)
        if waiting is not None and waiting[0] == epoch:
            waiting[1].extend(events)
            waiting[2].extend(filter(None, traces))
        elif len(self._waiting) < MAX_TOPICS:
            self._waiting[topic] = (epoch, list(events), list(filter(None, traces)), after)
        else:
            self._hints["failed"] += 1
        self._wake.set()

    def tell(self, topic: str, hint: Hint) -> None:
        """Anything but events."""
        if len(self._others) < MAX_TOPICS:
            self._others.append((topic, hint))
        else:
            self._hints["failed"] += 1
        self._wake.set()

    async def run(self, supervisor: Supervisor) -> None:
        """For ever."""
        self._busy.clear()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._others and len(self._busy) < AT_ONCE:
                topic, hint = self._others.pop(0)
                name = f"{topic} {id(hint)}"
                self._busy.add(name)
                supervisor.once("publish", self._publish(name, topic, hint))
            for topic in [topic for topic in self._waiting if topic not in self._busy]:
                if len(self._busy) >= AT_ONCE:
                    break
                epoch, events, traces, after = self._waiting.pop(topic)
                told = tuple(events) if len(events) <= MAX_EVENTS else ()
                self._busy.add(topic)
                happened = Happened(epoch, told, tuple(traces[:MOST_IN_A_HINT]), after)
                supervisor.once("publish", self._publish(topic, topic, happened))

    async def _publish(self, name: str, topic: str, hint: Hint) -> None:
        try:
            payload = self._codec.seal(topic, hint)
            most = self._pubsub.max_payload
            if most is not None and len(payload) > most and isinstance(hint, Happened):
                payload = self._codec.seal(topic, Happened(hint.epoch, ()))
            async with within(self._seconds):
                await self._pubsub.publish(topic, payload)
            self._hints["sent"] += 1
        except Exception as error:
            self._hints["failed"] += 1
            logger.debug("telling a hint on %s failed, a sweep makes up for it: %s", topic, error)
        finally:
            self._busy.discard(name)
            self._wake.set()
