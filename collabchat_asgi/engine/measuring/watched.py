"""A back end whose calls are timed and whose failures are counted, and that is otherwise itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from ...pubsub.abc import PubSub
from ...storage.abc import Storage
from ..clock import Clock
from .counts import Calls

BackEnd = TypeVar("BackEnd")


def calls_of(contract: type) -> tuple[str, ...]:
    """Names of all that can be asked of a back end that is open."""
    return tuple(
        name
        for name, member in vars(contract).items()
        if inspect.iscoroutinefunction(member) and name not in ("open", "close")
    )


STORAGE_CALLS = calls_of(Storage)
PUBSUB_CALLS = calls_of(PubSub)


def watched(back_end: BackEnd, names: tuple[str, ...], calls: Calls, clock: Clock) -> BackEnd:
    """The same back end; calls of these names are counted in `calls`."""
    return cast("BackEnd", _Watched(back_end, names, calls, clock))


class _Watched:
    def __init__(self, inner: Any, names: tuple[str, ...], calls: Calls, clock: Clock) -> None:
        self._inner = inner
        for name in names:
            setattr(self, name, _timed(inner, name, calls, clock))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __repr__(self) -> str:
        return repr(self._inner)


def _timed(inner: Any, name: str, calls: Calls, clock: Clock) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **named: Any) -> Any:
        began = clock.monotonic()
        failure: str | None = "failed"
        try:
            answer = await getattr(inner, name)(*arguments, **named)
            failure = None
            return answer
        except asyncio.CancelledError:
            failure = "late"
            raise
        finally:
            calls.ended(name, clock.monotonic() - began, failure)

    return call
