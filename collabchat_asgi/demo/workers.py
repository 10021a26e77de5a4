"""Several server processes of which only the first hears Ctrl+C, and ends the others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running

from uvicorn.supervisors import Multiprocess


@contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """SIGINT passes by who is started here: it would end a young interpreter in a traceback."""
    # Its own start would take the block away again.
    ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Workers(Multiprocess):
    """uvicorn's own, which sends SIGTERM to each when it is told to end."""

    def init_processes(self) -> None:
        with _deaf_to_the_terminal():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        with _deaf_to_the_terminal():
            super().keep_subprocess_alive()
