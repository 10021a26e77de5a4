"""The contract of a pub/sub: best-effort hints between processes.

A hint may be lost, repeated, reordered or forged without harm: the storage's log is the truth, and
whoever doubts reads it. `collabchat_asgi.testing.PubSubContract` checks what follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import ClassVar, Self

__all__ = ["Gap", "Message", "PubSub"]


@dataclass(frozen=True, slots=True)
class Message:
    """A payload that somebody published on a topic, this process included."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages may have been missed on every topic. Comes before the first message after it."""


class PubSub(ABC):
    """Topics are ASCII `A-Z a-z 0-9 . _ -`, at most 48 bytes; the engine hashes names into them.

    Errors: a driver's exception never escapes; `PubSubUnavailable` says that the broker is away.
    Any call may be cancelled; the instance stays usable. Every call is bounded in time.
    """

    max_payload: ClassVar[int | None] = None
    """Bytes of the largest payload, or None. The engine sends an empty one where it is larger."""
    shared: ClassVar[bool] = True
    """Whether other processes hear what is published; False for what lives in one process."""
    one_machine: ClassVar[bool] = False
    """Whether it reaches the processes of one machine only."""

    @property
    def alone(self) -> bool:
        """Whether nobody but this instance would hear what is published now, so that the engine
        need not say what happened on its pages. False where that is not known at once."""
        return False

    @classmethod
    @abstractmethod
    def from_url(cls, url: str) -> Self:
        """Make an instance. No I/O. Raises `ConfigError` on an option that is not known.

        `repr` of the result never shows a password.
        """

    @abstractmethod
    async def open(self) -> None:
        """Connect. Idempotent. After `close` it may be called again, also in another event loop."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything; `listen` ends. Idempotent."""

    @abstractmethod
    async def publish(self, topic: str, payload: bytes) -> None:
        """Hand the payload to whoever is subscribed now, the caller's own process included.

        At most once. Raises `PubSubUnavailable` where it is known to be lost; a failed publish
        does not stop later ones.
        """

    @abstractmethod
    async def subscribe(self, topics: Collection[str]) -> None:
        """Returns once the broker has confirmed: what is published afterwards is heard, unless a
        `Gap` says otherwise. Subscribing twice is one subscription. Several callers at once all
        hear. Raises `PubSubUnavailable` while the broker is away; the topics are still remembered
        and subscribed at the next reconnection."""

    @abstractmethod
    async def unsubscribe(self, topics: Collection[str]) -> None:
        """The opposite. An unknown topic is no error. Never raises because the broker is away."""

    @abstractmethod
    def listen(self) -> AsyncIterator[Message | Gap]:
        """All messages of the subscribed topics, for one consumer per `open`.

        Reconnects by itself, with back-off, and yields a `Gap` after every reconnection and
        wherever it dropped messages because the consumer was slow. Waits while nothing is
        subscribed. Ends after `close`; if it raises, the instance is broken and is opened anew.
        """
