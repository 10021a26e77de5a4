"""A call that subscribes many topics is given more time than one that subscribes a few."""

from __future__ import annotations

import logging
from collections.abc import Collection

import pytest

from collabchat_asgi.core.patience import patience
from collabchat_asgi.engine.backend import within
from collabchat_asgi.engine.peers import subscribing
from collabchat_asgi.engine.peers.subscribing import subscribe_bounded
from collabchat_asgi.errors import PubSubUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.sparing_log import SparingLog


@pytest.mark.parametrize(
    ("topics", "times"), [(0, 1), (1, 1), (250, 1), (251, 2), (1_001, 5), (10_000, 5)]
)
def test_it_grows_with_the_topics_up_to_an_end(topics: int, times: int) -> None:
    assert patience(2.0, topics) == 2.0 * times


async def test_the_engine_bounds_a_subscription_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(MemoryPubSub):
        async def subscribe(self, topics: Collection[str]) -> None:
            raise PubSubUnavailable(f"{len(topics)} topics")

    given: list[float] = []

    class Bound(within):
        def __init__(self, seconds: float) -> None:
            given.append(seconds)
            super().__init__(seconds)

    monkeypatch.setattr(subscribing, "within", Bound)
    log = SparingLog(logging.getLogger(__name__))
    for topics in (1, 251, 1_001):
        await subscribe_bounded(Frozen(), [f"{n}" for n in range(topics)], 2.0, log)
    assert given == [2.0, 4.0, 10.0]
