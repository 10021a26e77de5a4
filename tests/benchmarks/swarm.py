"""Many WebSocket clients in a process of their own, that do next to nothing: they read what comes,
answer the pings they see, and count.

A ping that is cut in two by a read is overlooked; the next one confirms what it would have.
Commands on stdin: `count` prints and resets what was read. The end of stdin ends the process.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.material import TENANT, add_comment, as_text, create_chat, new_id, stamp_of

AT_ONCE = 50
"""Connections that are being opened at the same time."""

PING = re.compile(rb'\{"type":"ping","n":(\d+)\}')
STAMP = re.compile(rb'"broadcastId":"(0{8}-0{4}-[0-9a-f-]{22})"')
"""Of an operation that was stamped with the time when it was sent; others are random."""


def masked(text: str) -> bytes:
    """A text frame as clients send it; a mask of zeros changes nothing."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def upgrade(port: int, path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def greeting(name: str, page: str) -> bytes:
    """`hello`, and `subscribe` where a page is given."""
    hello = masked(as_text({"type": "hello", "tenantId": TENANT, "visitorId": name}))
    if not page:
        return hello
    return hello + masked(as_text({"type": "subscribe", "urlId": page}))


class Client:
    """`expected` are the marks in the stream that have to be seen before it counts as ready."""

    __slots__ = ("expected", "greeting", "sock", "watched")

    def __init__(self, sock: socket.socket, greeting: bytes, expected: list[bytes]) -> None:
        self.sock = sock
        self.greeting = greeting
        self.expected = expected
        self.watched = b""


class Swarm:
    """`asked` holds {port, path, count, page, greet, watch}; `{n}` in a page is whose it is."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.poll = select.epoll()
        self.clients: dict[int, Client] = {}
        self.opening = 0
        self.opened = 0
        self.ready = 0
        self.bytes = 0
        self.closed = 0
        self.delays: list[int] = []
        self.buffer = bytearray(1 << 20)

    def run(self) -> None:
        self.poll.register(0, select.EPOLLIN)
        view = memoryview(self.buffer)
        while True:
            while self.opening < AT_ONCE and self.opened < self.asked["count"]:
                self.open()
            for descriptor, _ in self.poll.poll():
                if descriptor == 0:
                    line = sys.stdin.buffer.readline()
                    if not line:
                        return
                    self.report()
                    continue
                client = self.clients[descriptor]
                try:
                    size = client.sock.recv_into(view)
                except ConnectionError:
                    size = 0
                if not size:
                    self.poll.unregister(descriptor)
                    client.sock.close()
                    del self.clients[descriptor]
                    self.closed += 1
                    continue
                self.bytes += size
                self.take(client, size)

    def open(self) -> None:
        asked = self.asked
        sock = socket.create_connection(("127.0.0.1", asked["port"]))
        sock.sendall(upgrade(asked["port"], asked["path"]))
        expected = [b"\r\n\r\n"]
        if asked["greet"]:
            expected.append(b'"type":"subscribed"' if asked["page"] else b'"type":"welcome"')
        name, page = f"visitor-{self.opened:06}", asked["page"].format(n=self.opened)
        first = greeting(name, page) if asked["greet"] else b""
        self.clients[sock.fileno()] = Client(sock, first, expected)
        self.poll.register(sock.fileno(), select.EPOLLIN)
        self.opening += 1
        self.opened += 1

    def take(self, client: Client, size: int) -> None:
        buffer = self.buffer
        if client.expected:
            self.expect(client, bytes(buffer[:size]))
        if self.asked["greet"] and buffer.find(b'{"type":"ping"', 0, size) >= 0:
            n = PING.findall(bytes(buffer[:size]))
            if n:
                client.sock.sendall(masked(f'{{"type":"pong","n":{n[-1].decode()}}}'))
        if self.asked["watch"]:
            now = time.monotonic_ns()
            chunk = client.watched + bytes(buffer[:size])
            stamps = list(STAMP.finditer(chunk))
            self.delays += [now - stamp_of(stamp[1]) for stamp in stamps]
            rest = stamps[-1].end() if stamps else 0
            client.watched = chunk[rest:][-60:]

    def expect(self, client: Client, chunk: bytes) -> None:
        while client.expected and client.expected[0] in chunk:
            chunk = chunk.partition(client.expected.pop(0))[2]
            if client.greeting:
                client.sock.sendall(client.greeting)
                client.greeting = b""
        if not client.expected:
            self.opening -= 1
            self.ready += 1
            if self.ready == self.asked["count"]:
                print("ready", flush=True)

    def report(self) -> None:
        print(json.dumps([self.bytes, self.closed, self.delays]), flush=True)
        self.bytes = 0
        self.delays = []


class SwarmProcess:
    """`with SwarmProcess(port, …) as swarm:` all clients are connected and joined."""

    def __init__(
        self,
        port: int,
        path: str,
        count: int,
        *,
        page: str = "",
        greet: bool = True,
        watch: bool = False,
    ) -> None:
        asked = {
            "port": port,
            "path": path,
            "count": count,
            "page": page,
            "greet": greet,
            "watch": watch,
        }
        self._process = start("read", asked)

    def __enter__(self) -> Self:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()

    def count(self) -> tuple[int, int, list[int]]:
        """Bytes read and delays seen (in ns) since the last call, and connections lost so far."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        read, closed, delays = json.loads(self._process.stdout.readline())
        return read, closed, delays


class Writers:
    """Clients that write to one page, `in_flight` operations at a time each."""

    def __init__(self, asked: dict[str, int]) -> None:
        each = asked["operations"] // asked["count"]
        page = f"page-{new_id()}"
        self.in_flight = asked["in_flight"]
        self.left = each * asked["count"]
        self.socks: dict[int, tuple[socket.socket, Iterator[bytes]]] = {}
        for n in range(asked["count"]):
            sock = socket.create_connection(("127.0.0.1", asked["port"]), timeout=20)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(upgrade(asked["port"], "/collabchat/ws"))
            read_until(sock, b"\r\n\r\n")
            chat_id = new_id()
            sock.sendall(greeting(f"writer-{n}", ""))
            read_until(sock, b'"welcome"')
            sock.sendall(masked(as_text(create_chat(page, chat_id))))
            read_until(sock, b'"ack"')
            frames = [masked(as_text(add_comment(page, chat_id))) for _ in range(each)]
            self.socks[sock.fileno()] = (sock, iter(frames))

    def run(self) -> float:
        """Seconds until everything is acked."""
        poll = select.epoll()
        started = time.perf_counter()
        for descriptor, (sock, frames) in self.socks.items():
            poll.register(descriptor, select.EPOLLIN)
            sock.sendall(b"".join(islice(frames, self.in_flight)))
        while self.left > 0:
            for descriptor, _ in poll.poll():
                sock, frames = self.socks[descriptor]
                chunk = sock.recv(1 << 16)
                assert chunk, "closed by the server"
                assert b'"type":"error"' not in chunk, chunk[:500]
                # No ack is longer than a read brings at once: none is cut in two between marks.
                acks = chunk.count(b'"type":"ack"')
                self.left -= acks
                more = b"".join(islice(frames, acks))
                if more:
                    sock.sendall(more)
        return time.perf_counter() - started


class Loners:
    """One client on each of many pages, with `in_flight` operations on the way each.

    `ours`: false where the server only relays what it is sent."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.each = asked["operations"] // asked["count"]
        self.mark = b'"type":"ack"' if asked["ours"] else b'"type":"add-comment"'
        self.poll = select.epoll()
        self.socks: dict[int, tuple[socket.socket, str, str]] = {}
        for n in range(asked["count"]):
            page, chat_id = f"page-{n}", new_id()
            sock = socket.create_connection(("127.0.0.1", asked["port"]), timeout=20)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(upgrade(asked["port"], "/collabchat/ws" if asked["ours"] else f"/{n}"))
            read_until(sock, b"\r\n\r\n")
            if asked["ours"]:
                sock.sendall(greeting(f"loner-{n}", page))
                read_until(sock, b'"last":true}')
                sock.sendall(masked(as_text(create_chat(page, chat_id))))
                read_until(sock, b'"events"')
            self.socks[sock.fileno()] = (sock, page, chat_id)
            self.poll.register(sock.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Returns when everything is acked."""
        in_flight = self.asked["in_flight"]
        left = self.each * len(self.socks)
        frames = {}
        for descriptor, (_, page, chat_id) in self.socks.items():
            made = [masked(as_text(add_comment(page, chat_id))) for _ in range(self.each)]
            frames[descriptor] = iter(made)
        for descriptor, (sock, _, _) in self.socks.items():
            sock.sendall(b"".join(islice(frames[descriptor], in_flight)))
        while left > 0:
            for descriptor, _ in self.poll.poll():
                sock = self.socks[descriptor][0]
                chunk = sock.recv(1 << 16)
                assert chunk, "closed by the server"
                assert b'"type":"error"' not in chunk, chunk[:500]
                for n in PING.findall(chunk):
                    sock.sendall(masked(f'{{"type":"pong","n":{n.decode()}}}'))
                acks = chunk.count(self.mark)
                left -= acks
                more = b"".join(islice(frames[descriptor], acks))
                if more:
                    sock.sendall(more)

    def serve(self) -> None:
        """A run for each line on stdin."""
        print("ready", flush=True)
        for _ in sys.stdin:
            self.run()
            print("done", flush=True)


class LonersProcess:
    def __init__(self, port: int, count: int, operations: int, in_flight: int, ours: bool) -> None:
        asked = {
            "port": port,
            "count": count,
            "operations": operations,
            "in_flight": in_flight,
            "ours": ours,
        }
        self._process = start("alone", asked)

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

    def run(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


def read_until(sock: socket.socket, mark: bytes) -> None:
    text = b""
    while mark not in text:
        text += sock.recv(1 << 16)


class WriterProcess:
    def __init__(self, port: int, count: int, operations: int, in_flight: int) -> None:
        asked = {"port": port, "count": count, "operations": operations, "in_flight": in_flight}
        self._process = start("write", asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def seconds(self) -> float:
        """Until everything was acked, once all were connected."""
        assert self._process.stdout
        return float(self._process.stdout.readline())


def start(what: str, asked: dict[str, Any]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.swarm", what, json.dumps(asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


if __name__ == "__main__":
    if sys.argv[1] == "read":
        Swarm(json.loads(sys.argv[2])).run()
    elif sys.argv[1] == "alone":
        Loners(json.loads(sys.argv[2])).serve()
    else:
        print(Writers(json.loads(sys.argv[2])).run(), flush=True)
