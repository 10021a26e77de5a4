"""Whose end a `CancelledError` is: this task's, or that of something it waited for."""

from __future__ import annotations

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Whether somebody has cancelled this task. If nobody has, a `CancelledError` that it has just
    caught is only how a future of somebody else's ended: a driver's, a hook's, a server's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
