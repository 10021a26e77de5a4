"""Calls to a back end are bounded in time, and an outage is told apart from a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..config import Timing
from ..errors import Refused, StorageUnavailable
from ..storage.abc import Storage

T = TypeVar("T")


def bound_of(storage: Storage, timing: Timing) -> float:
    """Seconds for one call. A storage that bounds its calls itself says better what is wrong, so
    it is given the time to say it."""
    own = storage.timeout_seconds
    return timing.backend_seconds if own is None else own + 1.0


async def bounded(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """The answer of a storage, within so many seconds. Raises `StorageUnavailable`."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise StorageUnavailable(f"the storage did not answer within {seconds:g} s") from error


def unavailable(retry_after_ms: int | None = None) -> Refused:
    """What a client is told while the storage is away."""
    return Refused(
        "unavailable",
        "the server cannot reach its storage right now",
        retry=True,
        retry_after_ms=retry_after_ms,
    )
