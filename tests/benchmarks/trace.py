"""The way of one operation, one join, one resume and one revocation, counted.

    python -m tests.benchmarks.trace

Memory, one other viewer, sockets that do nothing. Each journey is taken once to warm up, then
`TIMES`, and the shortest counts; a timer of the process that falls into all of them adds a file or
a few calls. Counted are files of the package that run, calls into them, moves from one file to
another, tasks that are made, and what is encoded and decoded by msgspec.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import collabchat_asgi
from collabchat_asgi.engine.peers.revocations import Revocation
from collabchat_asgi.testing.operations import create_chat

from ..engine.harness import Client, Server, turns

PACKAGE = str(Path(collabchat_asgi.__file__).parent)
BESIDE = str(Path(PACKAGE) / "testing")
"""The clients, which are no part of the way."""

TIMES = 5

Counts = dict[str, int]
COLUMNS = ("files", "calls", "moves", "tasks", "encodes", "decodes")


class Tracer:
    """Counts what runs in this thread between `with` and its end."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._last = ""
        self.counts = dict.fromkeys(COLUMNS, 0)

    def __enter__(self) -> Tracer:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self.counts["files"] = len(self._files)

    def _see(self, frame: FrameType, event: str, what: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and not file.startswith(BESIDE):
            self._files.add(file)
            self.counts["calls"] += 1
            self.counts["moves"] += file != self._last
            self._last = file
        elif event == "call" and frame.f_code.co_name == "create_task":
            self.counts["tasks"] += 1
        elif event == "c_call" and file.startswith(PACKAGE) and not file.startswith(BESIDE):
            name = what.__name__
            module = type(getattr(what, "__self__", None)).__module__ or what.__module__
            if "msgspec" in f"{module} {what.__module__}" and (
                "encode" in name or "decode" in name
            ):
                self.counts["encodes" if "encode" in name else "decodes"] += 1


async def counted(journey: Callable[[], Awaitable[object]]) -> Counts:
    await journey()
    await turns(50)
    found = []
    for _ in range(TIMES):
        with Tracer() as tracer:
            await journey()
            await turns(50)
        found.append(tracer.counts)
    return min(found, key=lambda counts: counts["calls"])


async def journeys() -> dict[str, Counts]:
    server = await Server.start()
    ann, bob = await server.join("ann"), await server.join("bob")
    guests: list[Client] = []

    async def operation() -> None:
        await ann.do(create_chat("a comment"))

    async def join() -> None:
        guests.append(await server.join(f"guest{len(guests)}"))

    async def resume() -> None:
        epoch = server.open_page().position.epoch
        guest = server.connect(f"guest{len(guests)}")
        guests.append(guest)
        guest.ask_for_page(guest.stand_at(epoch, 1))
        await guest.expect("subscribed")

    async def revocation() -> None:
        name = f"guest{len(guests) - 1}"
        guests.pop()  # those who resumed, the last one first
        await server.engine.services.revocations.revoke(Revocation(user_id=name))

    found = {
        "an operation": await counted(operation),
        "a join, page open": await counted(join),
        "a resume": await counted(resume),
        "a revocation": await counted(revocation),
    }
    assert bob.numbers, "the other viewer has seen it"
    await server.stop()
    return found


def main() -> None:
    found = asyncio.run(journeys())
    print(f"| | {' | '.join(COLUMNS)} |")
    print(f"|---|{'--:|' * len(COLUMNS)}")
    for name, counts in found.items():
        print(f"| {name} | {' | '.join(str(counts[column]) for column in COLUMNS)} |")


if __name__ == "__main__":
    main()
