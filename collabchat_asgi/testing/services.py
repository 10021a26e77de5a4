"""Real servers for tests: started on free loopback ports, their data in a temporary folder.

    with RedisServer() as server:
        storage = RedisStorage.from_url(server.url)

A service is one class, in a file beside this. Each stops exactly the processes it started. A binary
that is not installed is an error, never a skipped test: `NotInstalled` names the Debian package.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from .servers import free_port

__all__ = [
    "NotInstalled",
    "NotServing",
    "Service",
    "ServiceGroup",
    "find_binary",
    "until",
]

_PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/postgresql/*/bin")
"""Where Debian puts servers that are not on everybody's PATH."""


class NotInstalled(AssertionError):
    """A server's binary is nowhere; the text says which Debian package brings it."""


class NotServing(AssertionError):
    """The server ended, or said nothing in time. The text is the end of its log."""


def find_binary(name: str, package: str) -> str:
    found = shutil.which(name)
    for place in () if found else _PLACES:
        found = max(glob(f"{place}/{name}"), default=found)
    if not found:
        raise NotInstalled(f"{name} is not installed: apt-get install {package}")
    return found


class Service:
    """One server process. It comes back on the same port, with its data, after a restart."""

    binary: ClassVar[str]
    package: ClassVar[str]
    ready: ClassVar[re.Pattern[str]]
    """The line of its log that says that it serves."""
    deadline: ClassVar[float] = 30.0

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.binary}-"))
        self.lines: deque[str] = deque(maxlen=1_000)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()

    def command(self, binary: str) -> Sequence[str]:
        raise NotImplementedError

    @property
    def version(self) -> str:
        """What the binary says about itself: name and version."""
        path = find_binary(self.binary, self.package)
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        return told.stdout.strip().splitlines()[0].partition(" sha=")[0]

    @property
    def process(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise NotServing(f"{self.binary} is not running")
        return self._process

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Returns once it serves; at once where it is running."""
        if self._process is not None and self._process.poll() is None:
            return
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            self.command(find_binary(self.binary, self.package)),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()
        if not self._ready.wait(self.deadline) or self._process.poll() is not None:
            self.kill()
            raise NotServing(f"{self.binary} does not serve:\n{self.log}")

    def stop(self) -> None:
        """SIGTERM, as an operator would; SIGKILL where that is not heard in time."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._ended(self.deadline)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._ended(self.deadline)

    def freeze(self) -> None:
        """The process stands still and its sockets stay open: a stalled machine."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it, and take its data away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        ready = self._ready
        with process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                if self.ready.search(line):
                    ready.set()
        ready.set()  # it ended: nobody needs to wait for the deadline

    def _ended(self, deadline: float) -> None:
        self.process.wait(deadline)
        if self._reader:
            self._reader.join(deadline)
        self._process = None


class ServiceGroup:
    """Several servers that are one."""

    servers: Sequence[Service]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        return " + ".join(dict.fromkeys(server.version for server in self.servers))

    def start(self) -> None:
        for server in self.servers:
            server.start()

    def close(self) -> None:
        for server in self.servers:
            server.close()


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Ask again and again: another process has no event to wait for."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise NotServing(f"not within {seconds:g} s: {true!r}")
        time.sleep(0.02)
