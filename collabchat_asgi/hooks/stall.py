"""How long a coroutine keeps the event loop from everybody else."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Generator
from inspect import isawaitable
from typing import Any

STALL_SECONDS = 0.5
"""Nobody on this process is served meanwhile; people notice from about here."""


@types.coroutine
def watched(awaitable: Any, stalled: Callable[[float], None]) -> Generator[Any, Any, Any]:
    """Await it, and call `stalled(seconds)` after each step that took `STALL_SECONDS` or more."""
    assert isawaitable(awaitable)
    steps = awaitable.__await__()
    given: Any = None
    thrown: BaseException | None = None
    while True:
        began = time.perf_counter()
        try:
            if thrown is not None:
                waits_for = steps.throw(thrown)
            elif given is None:
                waits_for = next(steps)
            else:
                waits_for = steps.send(given)
        except StopIteration as end:
            return end.value
        finally:
            took = time.perf_counter() - began
            if took >= STALL_SECONDS:
                stalled(took)
        given, thrown = None, None
        try:
            given = yield waits_for
        except BaseException as error:
            thrown = error
