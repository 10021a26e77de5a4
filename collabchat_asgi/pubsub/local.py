"""Pub/sub between the worker processes of one machine: datagram sockets, and no server.

Every open instance binds a socket in a directory that all workers know. Who publishes sends to
every socket there, and each receiver keeps what it subscribed to. Nothing is negotiated, so a
subscription holds at once and no peer has to answer for it.

The kernel does not lose such datagrams: it refuses them while the receiver's queue is full. What
is refused waits in the publisher, up to 1 MiB per receiver; beyond that it is dropped, and the
receiver is told of the `Gap` as soon as it reads again. Lost without notice is only what still
waited in a publisher that was killed: the engine's sweep heals that.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from functools import partial
from itertools import count
from typing import ClassVar, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ConfigError, PubSubError, PubSubUnavailable
from .abc import Gap, Message, PubSub
from .datagrams import LARGEST, MAX_PAYLOAD, Link, decode, frame
from .memory import Inbox, silence

__all__ = ["LocalPubSub"]

READS_PER_TURN = 64
WATCH_SECONDS = 5.0
SETTLED_NS = 2_500_000_000
"""A directory's time is as coarse as 2 s on some file systems: one that changed less than this
before it was listed may change again without showing it."""
PATH_BYTES = 103
"""What every system's `sun_path` holds (Linux 107, macOS 103)."""
SOCKET_NAME = re.compile(r"[0-9a-f]{16}")
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def socket_directory(path: str) -> str:
    """Where the sockets of the workers that share `path` are: a directory of this name alone, below
    the system's temporary one.

    Not beside `path`, which is often beside the code: servers that reload when a file comes or goes
    (`granian --reload`) would start for ever. Not in `XDG_RUNTIME_DIR`, which a login has and a
    service of the same user has not: they would not find each other.
    """
    digest = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=8).hexdigest()
    place = os.path.join(tempfile.gettempdir(), f"collabchat-{digest}.pubsub")
    fits = len(os.fsencode(place)) + 17 <= PATH_BYTES
    return place if fits else f"/tmp/collabchat-{digest}.pubsub"


def make_private(directory: str) -> None:
    """Make the directory 0700, or see that it is ours. Raises `ConfigError` if it is not."""
    with suppress(FileExistsError):
        os.mkdir(directory, 0o700)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigError(
            f"pubsub: {directory} belongs to someone else; all workers must run as one user. "
            "Remove it if it is none of theirs, set TMPDIR to a directory of your own, or set "
            "pubsub= to a broker"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        os.chmod(directory, 0o700)


class _Station:
    """One open instance: its own socket, and the links to those of the others."""

    def __init__(self, path: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.inbox = Inbox()
        self._process = os.getpid()
        self._directory = socket_directory(path)
        self._buffer = memoryview(bytearray(LARGEST + 1))
        self._links: dict[str, Link] = {}
        self._missed: set[str] = set()
        """Peers that were not sent everything, and are to be told so."""
        self._listed: tuple[int, int] | None = None
        """Identity and time of the directory when its listing was last known to be final."""
        self._name, self._socket = self._bind()
        self._find_peers()
        self._timer = self.loop.call_later(WATCH_SECONDS, self._watch)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Whether every peer got it, or has it waiting."""
        self.inbox.put(topic, payload)
        complete = self._find_peers()
        message = frame(topic, payload)
        for link in list(self._links.values()):
            link.send(message)
        return complete

    @property
    def alone(self) -> bool:
        return self._find_peers() and not self._links

    def close(self) -> None:
        if self._process != os.getpid():
            return  # a fork took it along: files and loop are the parent's, who goes on with them
        self._timer.cancel()
        self._unbind()
        for link in self._links.values():
            link.close()
        self._links.clear()
        with suppress(OSError):
            os.rmdir(self._directory)
        self.inbox.close()

    def _bind(self) -> tuple[str, socket.socket]:
        for attempt in count():
            name = secrets.token_hex(8)
            own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                make_private(self._directory)
                own.setblocking(False)
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * LARGEST)
                own.bind(self._place(name))
                os.chmod(self._place(name), 0o600)
            except BaseException as error:
                own.close()
                # A peer that closes takes the empty directory away, perhaps just now.
                if isinstance(error, FileNotFoundError) and attempt < 100:
                    continue
                raise
            self.loop.add_reader(own.fileno(), self._read)
            break
        return name, own

    def _unbind(self) -> None:
        with suppress(OSError):
            os.unlink(self._place(self._name))
        fd = self._socket.fileno()
        if fd >= 0 and not self.loop.is_closed():
            self.loop.remove_reader(fd)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(READS_PER_TURN):
            try:
                size = self._socket.recv_into(self._buffer)
            except OSError:
                return
            with suppress(ValueError):
                for topic, payload in decode(self._buffer[:size]):
                    if topic:
                        self.inbox.put(topic, payload)
                    else:
                        self.inbox.gap()

    def _watch(self) -> None:
        """Heal what nobody reports: our socket file removed by a tidy-up, peers that died."""
        self._timer = self.loop.call_later(WATCH_SECONDS, self._watch)
        if not os.path.exists(self._place(self._name)):
            self._unbind()
            try:
                self._name, self._socket = self._bind()
            except (OSError, ConfigError) as error:
                self._timer.cancel()
                self.inbox.close(PubSubUnavailable(f"the socket was removed, and then: {error}"))
                return
            self.inbox.gap()
        self._find_peers()

    def _find_peers(self) -> bool:
        """Link to all peers there are; costs one `stat` while nobody comes or goes."""
        try:
            found = os.stat(self._directory)
            seen = (found.st_ino, found.st_mtime_ns)
            if seen == self._listed:
                return True
            settled = time.time_ns() - found.st_mtime_ns > SETTLED_NS
            names = {name for name in os.listdir(self._directory) if SOCKET_NAME.fullmatch(name)}
        except OSError:
            return False
        names.discard(self._name)
        for name in self._links.keys() - names:
            self._links.pop(name).close()
        self._missed &= names
        for name in names - self._links.keys():
            settled &= self._link(name)
        self._listed = seen if settled else None
        return not self._missed

    def _link(self, name: str) -> bool:
        """Whether the peer needs no further attempt."""
        try:
            link = Link(self.loop, self._place(name), partial(self._bury, name))
        except ConnectionRefusedError:
            return self._bury_old(name)
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._missed.add(name)
                return False
            return True
        self._links[name] = link
        if name in self._missed:
            self._missed.discard(name)
            link.lost()
        return True

    def _bury(self, name: str) -> None:
        self._links.pop(name, None)
        with suppress(OSError):
            os.unlink(self._place(name))

    def _bury_old(self, name: str) -> bool:
        """A new file that refuses may be a socket that is being bound: the kernel makes the file
        first. No one waits for it yet, so it is only tried again."""
        with suppress(OSError):
            found = os.lstat(self._place(name))
            if not stat.S_ISSOCK(found.st_mode):
                return True
            if time.time_ns() - found.st_mtime_ns < SETTLED_NS:
                return False
            self._bury(name)
        return True

    def _place(self, name: str) -> str:
        return os.path.join(self._directory, name)


class LocalPubSub(PubSub):
    """`local:///var/lib/app/chat.db`: for the workers of one machine that run as one user.

    The path need not exist; it is a name that the workers share. The sockets are in a directory of
    their own (0700) below the system's temporary one, which all workers must share. One way takes
    well under a millisecond. A killed process leaves a socket file, which the next publisher
    removes. To be opened after a fork, not before it.
    """

    max_payload: ClassVar[int | None] = MAX_PAYLOAD

    one_machine: ClassVar[bool] = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._station: _Station | None = None

    def __repr__(self) -> str:
        return f"LocalPubSub({self._path!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`local:///absolute/path`, percent-encoded; there are no options."""
        parts = urlsplit(url)
        if parts.netloc or parts.query or parts.fragment:
            options = ", ".join(dict(parse_qsl(parts.query, keep_blank_values=True)))
            raise ConfigError(
                f"pubsub: local:///app/chat.db takes a path, and no {options or 'host'}"
            )
        if not parts.path.strip("/"):
            raise ConfigError("pubsub: local:// needs a path, as in local:///app/chat.db")
        return cls(unquote(parts.path))

    async def open(self) -> None:
        if self._station and self._station.loop is asyncio.get_running_loop():
            return
        await self.close()
        if not hasattr(socket, "AF_UNIX"):
            raise ConfigError("pubsub: local:// needs Unix sockets, which this system lacks")
        try:
            self._station = _Station(self._path)
        except OSError as error:
            raise PubSubUnavailable(f"no socket can be made for {self!r}: {error}") from error

    async def close(self) -> None:
        station, self._station = self._station, None
        if station:
            station.close()

    @property
    def alone(self) -> bool:
        return self._station is not None and self._station.alone

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(payload) > MAX_PAYLOAD:
            raise PubSubError(f"a payload of {len(payload)} bytes; at most {MAX_PAYLOAD} fit")
        if not self._now_open().publish(topic, payload):
            raise PubSubUnavailable("not all workers of this machine could be reached")

    async def subscribe(self, topics: Collection[str]) -> None:
        self._now_open().inbox.topics.update(topics)

    async def unsubscribe(self, topics: Collection[str]) -> None:
        if self._station:
            self._station.inbox.topics.difference_update(topics)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self._station.inbox.listen() if self._station else silence()

    def _now_open(self) -> _Station:
        if self._station is None:
            raise PubSubUnavailable("this pub/sub is not open")
        return self._station
