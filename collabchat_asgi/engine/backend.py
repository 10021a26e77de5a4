"""Calls to a back end are bounded in time, and an outage is told apart from a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from ..cancellation import is_cancelled
from ..config import Timing
from ..errors import Refused, StorageUnavailable
from ..storage.abc import Storage

T = TypeVar("T")


def bound_of(storage: Storage, timing: Timing) -> float:
    """Seconds for one call. A storage that bounds its calls itself says better what is wrong, so
    it is given the time to say it."""
    own = storage.timeout_seconds
    return timing.backend_seconds if own is None else own + 1.0


class within:
    """For what a back end is asked: raises `TimeoutError` when that takes longer, and where its
    driver has cancelled something of its own. Taken for the end of our task, that would end it
    with all who wait for it unanswered.

    A class, for a generator in its place costs more than the bound itself, with every commit.
    """

    __slots__ = ("_bound",)

    def __init__(self, seconds: float) -> None:
        self._bound = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._bound.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._bound.__aexit__(kind, error, traceback)
        if isinstance(error, asyncio.CancelledError) and not is_cancelled():
            raise TimeoutError("the back end's driver has cancelled this call") from error


async def bounded(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """The answer of a storage, within so many seconds. Raises `StorageUnavailable`."""
    try:
        async with within(seconds):
            return await call
    except TimeoutError as error:
        late = f"the storage did not answer within {seconds:g} s"
        raise StorageUnavailable(str(error) or late) from error


def unavailable(retry_after_ms: int | None = None) -> Refused:
    """What a client is told while the storage is away."""
    return Refused(
        "unavailable",
        "the server cannot reach its storage right now",
        retry=True,
        retry_after_ms=retry_after_ms,
    )
