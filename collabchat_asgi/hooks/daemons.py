"""Threads that do not keep a process from ending."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, TypeVar

T = TypeVar("T")

Work = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """At most `most` threads, made when they are needed and kept.

    `ThreadPoolExecutor` waits for its threads at the end of the interpreter: one hook that hangs
    would keep a worker alive for ever that was told to end.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = Lock()
        self._made = 0
        self._idle = Semaphore(0)
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._ended = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._ended:
                raise RuntimeError("these threads have ended")
            self._work.put((future, lambda: fn(*args, **kwargs)))
            if not self._idle.acquire(blocking=False) and self._made < self._most:
                self._made += 1
                name = f"{self._name} {self._made}"
                Thread(target=self._run, name=name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Threads end when they come back; nobody waits for them."""
        with self._lock:
            self._ended = True
            for _ in range(self._made):
                self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            del work, future, call  # or what it held lives until the next one
            self._idle.release()
