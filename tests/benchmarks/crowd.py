"""Viewers on pages, and one who writes on each page, in a process of their own.

The same frames go to CollabChat and to the bare relay of `apps.py`, and the same marks are counted
in what comes back. Each line on stdin is one `Course`; its result comes as a line on stdout.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.material import (
    add_comment,
    as_text,
    create_chat,
    new_id,
    stamp_of,
    stamped_id,
)
from tests.benchmarks.peer import Peer
from tests.benchmarks.report import percentile
from tests.benchmarks.swarm import PING, STAMP, masked

AT_ONCE = 64
"""Sockets that are read before it is looked whether somebody has to write."""


@dataclass(frozen=True)
class Course:
    """`operations` on each page: `in_flight` at a time; or, where that is 0, `rate` a second; or,
    where that is 0 too, the next when all viewers have the last."""

    operations: int
    in_flight: int = 0
    rate: float = 0.0


class Member:
    """One socket; `seen`: a stamped frame has come."""

    def __init__(self, sock: socket.socket, seen: Callable[[int], None]) -> None:
        self.sock = sock
        self.seen = seen
        self.rest = b""

    def take(self, chunk: bytes) -> None:
        if b'{"type":"ping"' in chunk:
            n = PING.findall(chunk)
            if n:  # one that is cut in two is overlooked: the next confirms what it would have
                self.sock.sendall(masked(f'{{"type":"pong","n":{n[-1].decode()}}}'))
        assert b'"type":"error"' not in chunk, chunk[:500]
        chunk = self.rest + chunk
        end = 0
        for found in STAMP.finditer(chunk):
            end = found.end()
            self.seen(stamp_of(found[1]))
        self.rest = chunk[end:][-60:]


class Writer:
    """Who writes on one page."""

    def __init__(self, sock: socket.socket, page: str) -> None:
        self.sock = sock
        self.page = page
        self.chat_id = new_id()
        self.left = 0

    def begin(self) -> None:
        """A chat of its own for each course: none may grow beyond what a chat may hold."""
        self.chat_id = new_id()
        frame = create_chat(self.page, self.chat_id)
        frame["broadcastId"] = stamped_id(time.monotonic_ns())
        self.sock.sendall(masked(as_text(frame)))

    def write(self) -> None:
        self.left -= 1
        frame = add_comment(self.page, self.chat_id)
        frame["broadcastId"] = stamped_id(time.monotonic_ns())
        self.sock.sendall(masked(as_text(frame)))


class Crowd:
    """`asked` holds {ports, pages, viewers, ours}; `viewers` is how many each page has besides who
    writes there, who is on the first port; they take turns among all."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.poll = select.epoll()
        self.buffer = memoryview(bytearray(1 << 18))
        """One for all: to make a new one of this size costs more than to read a frame."""
        self.members: dict[int, Member] = {}
        self.course = Course(0)
        self.answers = 0
        self.due = 0
        """Deliveries of this course that have not come."""
        self.delays: list[int] = []
        self.writers = [self.open(n) for n in range(asked["pages"])]
        print("ready", flush=True)

    def open(self, n: int) -> Writer:
        page = f"page-{n}"
        writer = Writer(self.peer(n, page, f"writer-{n}").sock, page)
        self.add(writer.sock, lambda stamp: self.answered(writer))
        for m in range(self.asked["viewers"]):
            self.add(self.peer(n, page, f"viewer-{n}-{m}", m).sock, self.delivered)
            self.read(0)  # who is here long before the others is asked whether it lives
        return writer

    def peer(self, n: int, page: str, name: str, turn: int = 0) -> Peer:
        port = self.asked["ports"][turn % len(self.asked["ports"])]
        if self.asked["ours"]:
            return Peer(port, "/collabchat/ws", name, page)
        return Peer(port, f"/{n}")

    def add(self, sock: socket.socket, seen: Callable[[int], None]) -> None:
        self.members[sock.fileno()] = Member(sock, seen)
        self.poll.register(sock.fileno(), select.EPOLLIN)

    def answered(self, writer: Writer) -> None:
        """Counted twice where the server acks besides: each operation has its own event."""
        if self.course.in_flight and writer.left > 0:
            self.answers += 1
            if not self.asked["ours"] or self.answers % 2 == 0:
                writer.write()

    def delivered(self, stamp: int) -> None:
        self.due -= 1
        self.delays.append(time.monotonic_ns() - stamp)

    def serve(self) -> None:
        self.poll.register(0, select.EPOLLIN)
        while True:
            self.read()

    def read(self, seconds: float | None = None) -> None:
        for descriptor, _ in self.poll.poll(seconds, AT_ONCE):
            if descriptor == 0:
                line = sys.stdin.readline()
                if not line:
                    sys.exit()
                self.run(Course(**json.loads(line)))
                continue
            member = self.members[descriptor]
            size = member.sock.recv_into(self.buffer)
            assert size, "closed by the server"
            member.take(self.buffer[:size].tobytes())

    def begin(self, everybody: int) -> None:
        """All chats, and all have seen them: a hundred pages that are begun in one instant are no
        part of a course that has its writers take turns."""
        self.course = Course(0)
        self.due = everybody
        for writer in self.writers:
            writer.begin()
        while self.due > 0:
            self.read()

    def run(self, course: Course) -> None:
        everybody = self.asked["viewers"] * len(self.writers)
        if self.asked["ours"]:
            self.begin(everybody)
        self.course = course
        self.answers = 0
        self.delays = []
        deliveries = self.due = course.operations * everybody
        for writer in self.writers:
            writer.left = course.operations
        began = time.monotonic()
        if course.in_flight:
            for writer in self.writers:
                for _ in range(course.in_flight):
                    writer.write()
        elif course.rate:
            step = 1 / course.rate / len(self.writers)
            for n in range(course.operations * len(self.writers)):
                while (pause := began + n * step - time.monotonic()) > 0:
                    self.read(pause)
                self.writers[n % len(self.writers)].write()
        else:
            for n in range(course.operations):
                for writer in self.writers:
                    writer.write()
                while self.due > deliveries - (n + 1) * everybody:
                    self.read()
        while self.due > 0:
            self.read()
        spent = time.monotonic() - began
        p50, p99 = (percentile(self.delays, percent) / 1e6 for percent in (50, 99))
        told = {"p50": p50, "p99": p99, "seconds": spent, "deliveries": deliveries}
        print(json.dumps(told), flush=True)


class CrowdProcess:
    """`with CrowdProcess([port, …], …) as crowd:` all are connected and joined."""

    def __init__(self, ports: Sequence[int], pages: int, viewers: int, *, ours: bool) -> None:
        asked = {"ports": ports, "pages": pages, "viewers": viewers, "ours": ours}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.crowd", json.dumps(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def __enter__(self) -> Self:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, course: Course) -> dict[str, float]:
        """p50 and p99 in ms from a writer's `send` to a viewer's socket, seconds, deliveries."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(course)) + "\n")
        self._process.stdin.flush()
        told: dict[str, float] = json.loads(self._process.stdout.readline())
        return told


if __name__ == "__main__":
    Crowd(json.loads(sys.argv[1])).serve()
