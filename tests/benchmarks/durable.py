"""Operations per second that are on the disk when they are acked."""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from collabchat_asgi import CollabChat
from collabchat_asgi.core.frames import decode_operation
from collabchat_asgi.core.model import Operation
from collabchat_asgi.engine.writing.submission import Answer, Lane, Receipt, Submission
from collabchat_asgi.storage.sqlite import SqliteStorage
from tests.benchmarks import storage as bare_storage
from tests.benchmarks.material import (
    ROOMY,
    TENANT,
    UNLIMITED,
    add_comment,
    authenticate,
    create_chat,
    identity,
    new_id,
)
from tests.benchmarks.report import Row, disk_of, median, progress, spread
from tests.benchmarks.serving import server
from tests.benchmarks.swarm import WriterProcess

WRITERS = 64
OPERATIONS = 8_000
IN_FLIGHT = 8
SMALLEST_SYNC_MS = 0.05
"""A file system that syncs faster than this has no disk below it."""


class Writer:
    """Somebody who asks for one operation after the other, `in_flight` of them at a time."""

    def __init__(
        self, collab: CollabChat, name: str, operations: Sequence[Operation], in_flight: int
    ) -> None:
        self._operations = collab._engine.services.operations
        self._identity = identity(name)
        self._waiting = iter(operations)
        self._left = len(operations)
        self._lane = Lane()
        self._in_flight = in_flight
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def write(self) -> None:
        for _ in range(self._in_flight):
            self._next()
        await self._done

    def _next(self) -> None:
        operation = next(self._waiting, None)
        if operation is None:
            return
        who, lane = self._identity, self._lane
        submission = Submission(who.user, TENANT, operation, 400, who, self, lane, lane.next())
        assert self._operations.try_now(submission), "the page is open and no hook is in the way"

    def answered(self, submission: Submission, answer: Answer) -> None:
        assert isinstance(answer, Receipt), answer
        self._left -= 1
        if self._left == 0:
            self._done.set_result(None)
        else:
            # As from a socket: what is sent after the ack comes in a later turn.
            asyncio.get_running_loop().call_soon(self._next)


async def in_the_engine(collab: CollabChat, pages: int, in_flight: int) -> float:
    """Operations per second of 64 writers, spread over so many new pages."""
    engine = collab._engine
    names = [f"page-{new_id()}" for _ in range(pages)]
    writers = []
    for n in range(WRITERS):
        name, chat_id = names[n % pages], new_id()
        submit = create_chat(name, chat_id)
        await collab.submit(TENANT, name, submit, identity=identity("maker"))
        made = [decoded(add_comment(name, chat_id)) for _ in range(OPERATIONS // WRITERS)]
        writers.append(Writer(collab, f"writer-{n}", made, in_flight))
    # What is made here to be sent would come in bit by bit: it is no work for the collector.
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    await asyncio.gather(*(writer.write() for writer in writers))
    taken = time.perf_counter() - started
    gc.unfreeze()
    assert len(engine.services.pages) >= pages
    return OPERATIONS / taken


def decoded(operation: dict[str, Any]) -> Operation:
    data = json.dumps(operation).encode()
    return decode_operation(data, body_chars=2_000, anchor_bytes=900, url_id_chars=512)


async def engine_rates(directory: Path, rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        storage = SqliteStorage(Path(folder) / "bare.db")
        await storage.open()
        collab = CollabChat(
            authenticate=authenticate,
            storage=f"sqlite:///{folder}/engine.db",
            pubsub="memory://",
            limits=UNLIMITED,
            tuning=ROOMY,
        )
        await collab.start()
        for n in range(rounds):
            progress(f"durable, in the engine, round {n + 1}")
            for name, measured in (
                ("sync", _sync(folder)),
                ("bare storage", bare_storage.rate(storage, 1, WRITERS, 60, f"{n}")),
                ("one page", in_the_engine(collab, 1, 1)),
                ("one page, more", in_the_engine(collab, 1, IN_FLIGHT)),
                ("64 pages", in_the_engine(collab, WRITERS, 1)),
                ("64 pages, more", in_the_engine(collab, WRITERS, IN_FLIGHT)),
            ):
                rates.setdefault(name, []).append(await measured)
        await collab.close()
        await storage.close()
    return rates


async def _sync(folder: str) -> float:
    return bare_storage.fdatasync_ms(folder)


def socket_rates(directory: Path, rounds: int) -> list[float]:
    """Operations per second of 64 sockets on one page of real uvicorn."""
    rates = []
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        storage = f"sqlite:///{folder}/sockets.db"
        with server("ours", COLLABCHAT_STORAGE=storage, BENCH_SWEEP_SECONDS="5") as process:
            for n in range(rounds):
                progress(f"durable, over sockets, round {n + 1}")
                with WriterProcess(process.port, WRITERS, OPERATIONS, IN_FLIGHT) as writers:
                    rates.append(OPERATIONS / writers.seconds())
    return rates


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        rates = asyncio.run(engine_rates(directory, rounds))
        disk, sync = disk_of(directory), median(rates["sync"])
        if sync < SMALLEST_SYNC_MS or disk in ("tmpfs", "ramfs"):
            yield Row("durable operations", f"not measured: {directory} is no disk ({disk})")
            return
        yield Row(f"fdatasync of 32 KiB on {disk}", f"{sync:.2f} ms", n=f"200 × {rounds}")
        floor = rates["bare storage"]
        yield Row(
            "the storage alone, 64 entries a commit",
            spread(floor, ",.0f") + "/s",
            n=f"{60 * WRITERS:,} × {rounds}",
        )
        n = f"{OPERATIONS:,} × {rounds}"
        for name, what, goal in (
            ("one page", "in the engine, 1 page × 64 writers, one at a time", 10_000),
            ("one page, more", f"the same, {IN_FLIGHT} in flight each", 10_000),
            ("64 pages", "in the engine, 64 pages × 1 writer, one at a time", 5_000),
            ("64 pages, more", f"the same, {IN_FLIGHT} in flight each", 5_000),
        ):
            rate = median(rates[name])
            share = median(ours / bare for ours, bare in zip(rates[name], floor, strict=True))
            yield Row(
                f"durable operations/s {what}",
                f"{spread(rates[name], ',.0f')}, {share:.2f} × the storage alone",
                f"≥ {goal:,}",
                rate >= goal,
                n,
            )
        over_sockets = socket_rates(directory, rounds)
        yield Row(
            f"durable operations/s over 64 sockets on one page, {IN_FLIGHT} in flight each",
            spread(over_sockets, ",.0f"),
            "≥ 5,000",
            median(over_sockets) >= 5_000,
            n,
        )

    return rows
