"""Drive a coroutine one step without a task.

A task costs about 3 µs, a step 0.2 µs, and most sends of most servers end in their first step.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any


@types.coroutine
def carry_on(coroutine: Coroutine[Any, Any, None], waits_for: object) -> Generator[Any, Any, None]:
    """Await the rest of a coroutine whose first step gave `waits_for`.

    The future that it waits for has not been seen by any task yet, so the task that awaits this
    can take it over as its own.
    """
    while True:
        thrown: BaseException | None = None
        try:
            yield waits_for
        except BaseException as error:
            thrown = error
        try:
            waits_for = coroutine.throw(thrown) if thrown else coroutine.send(None)
        except StopIteration:
            return
