"""What `doctor` asks of a storage."""

from __future__ import annotations

import asyncio
import platform
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ..errors import ConfigError, StorageError
from ..registry import make_storage, masked
from ..settings import looks_alone
from ..storage.abc import (
    NOWHERE,
    Committed,
    Entry,
    Group,
    PageKey,
    Record,
    Storage,
    Tail,
)
from .check_drivers import driver_of
from .check_servers import facts_of
from .finding import Checkup, Finding

_SECONDS = 30.0
"""More than any storage tries by itself: what it says then is worth more than our own guess."""
_ROUNDS = 9
_SLOW_MS = 50.0

say = Checkup("storage")


async def check_storage(url: str) -> AsyncIterator[Finding]:
    shown = masked(url)
    try:
        storage = make_storage(url)
    except ConfigError as error:
        yield say.problem(str(error))
        return
    path = getattr(storage, "path", None)
    is_new = isinstance(path, Path) and not path.exists()
    yield say.ok(f"{shown}, {driver_of(url)}")
    async for finding in facts_of(url, say):
        yield finding
    if not storage.shared:
        yield say.warning(
            "keeps everything in this one process, for tests: with several workers or machines set "
            "COLLABCHAT_STORAGE=postgresql+asyncpg://… or redis://…"
        )
    elif path is not None and (alone := looks_alone()):
        yield say.warning(
            f"{alone}, and a file is shared by the processes of one machine only: keep it on a "
            "volume and run one replica, or set COLLABCHAT_STORAGE=postgresql+asyncpg://…"
        )
    try:
        async with asyncio.timeout(_SECONDS):
            await storage.open()
            await storage.key()
    except (StorageError, ConfigError) as error:
        yield say.problem(f"cannot be opened: {error}")
        return
    except TimeoutError:
        yield say.problem(f"did not open within {_SECONDS:g} s: is the address right?")
        return
    if is_new:
        yield say.ok(f"{path} did not exist, and is made")
    try:
        async with asyncio.timeout(_SECONDS):
            for finding in await _try_out(storage):
                yield finding
    except StorageError as error:
        yield say.problem(f"opens, and then refuses to work: {error}")
    except TimeoutError:
        yield say.problem(f"opens, and then did not answer within {_SECONDS:g} s")
    finally:
        await storage.close()


async def _try_out(storage: Storage) -> list[Finding]:
    """Write, read and erase a page that nobody can have: no tenant id is empty."""
    # Of this machine, and always the same: a storage may list an erased page for ever.
    page = PageKey("", f"doctor-{platform.node()}")
    await storage.erase(page)
    try:
        return [*await _check_promises(storage, page), *await _measure(storage, page)]
    finally:
        await storage.erase(page)


async def _check_promises(storage: Storage, page: PageKey) -> list[Finding]:
    entry = _entry()
    group = Group(page, NOWHERE, [entry])
    [first], [again] = await storage.commit([group], _never), await storage.commit([group], _kept)
    loaded = await storage.load(page)
    tail = await storage.read(page, NOWHERE, 10)
    written = first[entry.broadcast_id]
    promises = {
        "it writes": isinstance(written, Committed) and written.position.seq == 1,
        "it knows what it wrote": isinstance(again[entry.broadcast_id], Committed),
        "it reads what it wrote": list(loaded.records) == list(entry.puts),
        "it has a log": isinstance(tail, Tail) and len(tail.events) == 1,
        "it undoes what fails": await _rolls_back(storage, page),
    }
    broken = [what for what, holds in promises.items() if not holds]
    if broken:
        return [say.problem(f"does not keep a promise: {', '.join(broken)}")]
    return [say.ok("may write, read, roll back and erase")]


async def _rolls_back(storage: Storage, page: PageKey) -> bool:
    """Whether a group whose `revise` raises leaves nothing behind."""
    [before] = (await storage.heads([page])).values()

    def fail(_: PageKey, tail: Tail) -> Sequence[Entry]:
        raise ValueError("as doctor wants it")

    await storage.commit([Group(page, NOWHERE, [_entry(), _entry()])], fail)
    [after] = (await storage.heads([page])).values()
    return before == after


async def _measure(storage: Storage, page: PageKey) -> list[Finding]:
    async def write() -> None:
        [head] = (await storage.heads([page])).values()
        await storage.commit([Group(page, head, [_entry()])], _never)

    reading = await _median_ms(lambda: storage.heads([page]))
    writing = await _median_ms(write) - reading
    found = f"a read takes {reading:.1f} ms, a commit {writing:.1f} ms (median of {_ROUNDS})"
    if max(reading, writing) < _SLOW_MS:
        return [say.ok(found)]
    return [say.warning(f"{found}: is it far away, or its disk slow?")]


async def _median_ms(call: Callable[[], Coroutine[Any, Any, object]]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def _entry() -> Entry:
    name = secrets.token_hex(8)
    return Entry(name, "doctor", bytes(16), event=b"doctor", puts=[Record("doctor", b"was here")])


def _never(_: PageKey, tail: Tail) -> Sequence[Entry]:
    raise ValueError("nobody else writes to this page")


def _kept(_: PageKey, tail: Tail) -> Sequence[Entry]:
    return []
