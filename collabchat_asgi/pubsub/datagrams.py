"""What travels between the sockets of `local://`, and the way to one of them."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable

__all__ = ["LARGEST", "MAX_PAYLOAD", "Link", "decode", "frame"]

MAX_PAYLOAD = 64 * 1024
MAGIC = b"collabchat1"
LENGTHS = struct.Struct("!BI")
LARGEST = len(MAGIC) + LENGTHS.size + 255 + MAX_PAYLOAD
"""Bytes of the largest datagram."""

WAITING_BYTES = 1024 * 1024
"""What may wait for one peer."""
OBJECT = 64
"""What a waiting message costs beside its bytes, so that small ones count too."""
RETRY_SECONDS = 0.005

LOST = LENGTHS.pack(0, 0)
"""The frame that stands for all that were dropped."""


def frame(topic: str, payload: bytes) -> bytes:
    """One message as it stands in a datagram; a datagram carries one or more of them."""
    name = topic.encode("ascii")
    return LENGTHS.pack(len(name), len(payload)) + name + payload


def decode(datagram: memoryview) -> list[tuple[str, bytes]]:
    """All messages of a datagram; an empty topic says that some were lost before the next.

    Raises `ValueError` unless every byte of it is as `frame` made it.
    """
    if datagram[: len(MAGIC)] != MAGIC:
        raise ValueError("not one of ours")
    messages = []
    at = len(MAGIC)
    while at < len(datagram):
        body = at + LENGTHS.size
        if body > len(datagram):
            raise ValueError("cut off")
        topic_size, payload_size = LENGTHS.unpack_from(datagram, at)
        at = body + topic_size + payload_size
        if at > len(datagram):
            raise ValueError("cut off")
        topic = str(datagram[body : body + topic_size], "ascii")
        messages.append((topic, bytes(datagram[body + topic_size : at])))
    return messages


class Link:
    """A connected socket to one peer, and what waits while the peer's queue is full.

    One socket per peer, because the kernel charges a datagram to its sender until it is read: over
    a common socket one peer that hangs would silence all. `dead` is called, once, when the peer's
    socket is found to be gone. Raises `OSError` where there is nobody to connect to.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: str, dead: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._dead = dead
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._room = LARGEST
        """What messages that go together may have, as far as is known."""
        self._stop: Callable[[], object] | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST)
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise

    def send(self, message: bytes) -> None:
        """Send a `frame`, now or when there is room; never waits."""
        if self._waiting or not self._sent(message):
            self._keep(message)

    def lost(self) -> None:
        """Tell the peer that messages did not reach it."""
        self.send(LOST)

    def close(self) -> None:
        self._stop_waiting()
        self._waiting.clear()
        self._socket.close()

    def _keep(self, message: bytes) -> None:
        self._bytes += len(message) + OBJECT
        if self._bytes > WAITING_BYTES:
            self._waiting.clear()
            self._waiting.append(LOST)
            self._bytes = len(LOST) + len(message) + 2 * OBJECT
        self._waiting.append(message)

    def _flush(self) -> None:
        self._stop_waiting()
        while self._waiting:
            # Linux queues ten datagrams per socket, whatever their size: so few and full ones.
            batch = [self._waiting.popleft()]
            size = len(MAGIC) + len(batch[0])
            while self._waiting and size + len(self._waiting[0]) <= self._room:
                batch.append(self._waiting.popleft())
                size += len(batch[-1])
            room = self._room
            if not self._sent(b"".join(batch), len(batch)):
                self._waiting.extendleft(reversed(batch))
                if self._room < room:
                    continue
                return
            self._bytes -= sum(map(len, batch)) + OBJECT * len(batch)

    def _sent(self, messages: bytes, count: int = 1) -> bool:
        try:
            self._socket.send(MAGIC + messages)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                fd = self._socket.fileno()
                self._loop.add_writer(fd, self._flush)
                self._stop = lambda: self._loop.remove_writer(fd)
                return False
            # A system may give a socket less room than it asks for.
            if error.errno == errno.EMSGSIZE and count > 1:
                self._room = len(messages) // 2
                return False
            if error.errno == errno.EMSGSIZE and messages != LOST:
                return self._sent(LOST)
            # macOS has no other way to say that it is full.
            if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                self._stop = self._loop.call_later(RETRY_SECONDS, self._flush).cancel
                return False
            self.close()
            self._dead()
        return True

    def _stop_waiting(self) -> None:
        stop, self._stop = self._stop, None
        if stop and not self._loop.is_closed():
            stop()
