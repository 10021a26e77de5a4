"""What other processes tell, and what it means here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from ..core.model import User
from ..core.peers import Verdict
from ..errors import StorageError
from ..pubsub.abc import PubSub
from ..sparing_log import SparingLog
from .measuring.traces import Tracer
from .pages.page import Page
from .peers.doubts import Doubts
from .peers.hints import (
    CONTROL_TOPIC,
    ControlMoved,
    CountsWanted,
    Happened,
    HaveRead,
    IsTyping,
    ProcessCounts,
    Received,
    Spent,
    inbox_of,
)
from .peers.listener import Listener
from .services import Services

logger = logging.getLogger("collabchat_asgi.engine")


class News:
    """A hint is believed or doubted, and then does its work at once: what it takes longer to find
    out is read from the log."""

    def __init__(
        self,
        services: Services,
        pubsub: PubSub,
        tracer: Tracer | None,
        heal: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """`heal` reads what may have been missed."""
        self._services = services
        self._tracer = tracer
        self._heal = heal
        self._log = SparingLog(logger, services.clock.monotonic)
        self.listener = Listener(
            pubsub, services.codec, self.heard, self.missed, services.ears.heard_self
        )
        self.doubts = Doubts(services.supervisor, services.clock, self._read_doubted)

    def heard(self, topic: str, heard: Received | None) -> None:
        """None: it could not be opened."""
        services = self._services
        hints = services.counts.hints
        hints["heard" if heard else "strange"] += 1
        if heard is None:
            services.key_watch.strange()
            self.doubts.doubt(topic)
            return
        services.census.noticed(heard.run)
        if isinstance(heard.hint, CountsWanted | ProcessCounts):
            if topic in (CONTROL_TOPIC, inbox_of(services.run)):
                services.census.hear(heard)
            return
        verdict = services.gossip.believes(topic, heard)
        if verdict is Verdict.FRESH:
            self._take(topic, heard)
            return
        hints["doubted"] += verdict is Verdict.DOUBTFUL
        if verdict is Verdict.DOUBTFUL and isinstance(heard.hint, Happened | ControlMoved):
            self.doubts.doubt(topic)

    def missed(self) -> None:
        """The pub/sub may have lost anything: read the log, and ask who is here."""
        services = self._services
        services.counts.gaps += 1
        services.supervisor.once("heal", self._heal())
        services.gossip.ask_all()

    def _take(self, topic: str, heard: Received) -> None:
        services = self._services
        page = services.pages.of_topic(topic)
        match heard.hint:
            case Happened() as hint:
                if page is not None:
                    self._happened(page, hint)
            case IsTyping(chat_id=chat_id, user=user):
                shown = page is not None and page.state.chat(chat_id) is not None
                if page is not None and shown and services.gossip.is_still_typed(heard):
                    page.tell_typing(chat_id, msgspec.json.decode(user, type=User))
            case HaveRead() as hint:
                if page is not None and not services.reading.hear(page, hint):
                    services.supervisor.once("read elsewhere", self._read_elsewhere(page, hint))
            case Spent(rows=rows):
                services.users.hear(heard.run, rows)
            case ControlMoved():
                services.supervisor.once("revocations", services.revocations.sweep())
            case _:
                services.gossip.hear(topic, heard)

    def _happened(self, page: Page, hint: Happened) -> None:
        # Which history a page has, only the storage can say: a hint that comes late must not begin
        # an erased page anew.
        known = page.position.seq > 0 and page.position.epoch == hint.epoch
        if known and page.sequencer.contradicts(hint.events, hint.after):
            # One of two histories was lost in a failover; only the storage knows which.
            self.doubts.doubt(page.topic)
            return
        spans = [self._tracer.heard(one) for one in hint.traces] if self._tracer else ()
        if known:
            page.accept(hint.epoch, hint.events)
        for span in spans:
            page.when_sent(partial(span.ended, "accepted"))
        if page.sequencer.behind or not (known and hint.events):
            self._services.reader.catch_up_soon(page)

    async def _read_elsewhere(self, page: Page, hint: HaveRead) -> None:
        """What they read is erased or lost, or of a history that is not known here yet."""
        services = self._services
        with suppress(StorageError):  # the sweep brings the page, and the next number the reading
            await services.reader.current(page)
            services.reading.hear(page, hint)

    async def _read_doubted(self, topics: Collection[str]) -> None:
        services = self._services
        of_topic = services.pages.of_topic
        pages = [page for topic in topics if (page := of_topic(topic)) is not None]
        try:
            if CONTROL_TOPIC in topics:
                await services.revocations.sweep()
            await services.reader.sweep(pages)
        except StorageError as error:
            self._log.warning("doubts", "reading the log after strange hints failed: %s", error)
