"""Threads of hooks: reused, bounded, and no reason for a process to stay."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from collabchat_asgi.hooks.daemons import DaemonThreads

DEADLINE = 10.0


def test_a_thread_that_is_free_is_taken_again() -> None:
    threads = DaemonThreads(4, "t")
    first = threads.submit(threading.get_ident).result(DEADLINE)
    for _ in range(100):
        # A future is done a moment before its thread is free; then there may be one more.
        threads.submit(threading.get_ident).result(DEADLINE)
    assert threads._made <= 4
    assert first
    threads.shutdown()


def test_no_more_than_allowed() -> None:
    released, threads = threading.Event(), DaemonThreads(3, "t")
    begun = threading.Semaphore(0)

    def hang() -> None:
        begun.release()
        assert released.wait(DEADLINE)

    calls = [threads.submit(hang) for _ in range(5)]
    for _ in range(3):
        assert begun.acquire(timeout=DEADLINE)
    assert [call.running() for call in calls] == [True, True, True, False, False]
    assert calls[3].cancel()
    released.set()
    for call in (*calls[:3], calls[4]):
        call.result(DEADLINE)
    assert threads._made == 3
    threads.shutdown()


def test_what_is_raised_is_given_and_the_thread_goes_on() -> None:
    threads = DaemonThreads(1, "t")
    for kind in (ValueError, SystemExit):
        call = threads.submit(lambda kind=kind: (_ for _ in ()).throw(kind))
        with pytest.raises(kind):
            call.result(DEADLINE)
    assert threads.submit(lambda: 1).result(DEADLINE) == 1
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(lambda: 1)


def test_a_hook_that_hangs_does_not_keep_the_process() -> None:
    program = """
import asyncio, threading
from collabchat_asgi import ConnectRequest
from collabchat_asgi.hooks import HookFailed, Hooks

async def main():
    hooks = Hooks(lambda request: threading.Event().wait(), seconds=0.05)
    try:
        await hooks.authenticate(ConnectRequest())
    except HookFailed:
        print("it hangs")
    hooks.forget_loop()

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("it hangs\n", 0)
