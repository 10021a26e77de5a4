"""Server processes for tests: real ones, on free loopback ports, to be killed by their pid."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .servers import SERVERS, Tls


class NotStarted(AssertionError):
    """The process ended, or said nothing in time. The text is its log."""


class ServerProcess:
    """One server with the workers it forks. Its own log says that it serves, and on which port;
    after a restart it comes back on that port, as clients expect.

        with ServerProcess("tests.blackbox.app:app", env={"COLLABCHAT_STORAGE": url}) as server:
            client = await SocketClient.connect(server.url, token=…)

    `server` is a name in `servers.SERVERS`.
    """

    def __init__(
        self,
        app: str,
        *,
        server: str = "uvicorn",
        tls: Tls | None = None,
        env: Mapping[str, str] | None = None,
        prefix: str = "/collabchat",
        arguments: Sequence[str] = (),
        directory: Path | None = None,
        deadline: float = 20.0,
    ) -> None:
        self.app = app
        self.server = SERVERS[server]
        self.tls = tls
        self.env = dict(env or {})
        self.prefix = prefix
        self.arguments = list(arguments)
        self.directory = directory
        self.deadline = deadline
        self.port = 0
        self.lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._told = threading.Event()
        self._grown = threading.Condition()
        self._serves = False
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What `SocketClient` and `HttpClient` take."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.prefix}"

    @property
    def process(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise NotStarted("start() first")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """Of every run so far."""
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
        self.stop()

    def start(self) -> None:
        """Returns once it serves."""
        self._told, self._serves = threading.Event(), False
        self._process = subprocess.Popen(
            [*self.server.command(self.app, self.port, self.tls), *self.arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()
        self._told.wait(self.deadline)
        if not self._serves:  # its end is seen in the log before it is seen in its exit code
            self.kill()
            raise NotStarted(f"{self.app} does not serve:\n{self.log}")
        self._knock()

    def stop(self) -> int:
        """SIGTERM, as an operator would; SIGKILL where that is not heard in time. The exit code."""
        if self._process is None:
            return 0
        self.thaw()
        self._process.terminate()
        try:
            return self._ended(self.deadline)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self._signal(signal.SIGKILL)
        return self._ended(self.deadline)

    def restart(self, *, how: signal.Signals = signal.SIGTERM) -> None:
        if how == signal.SIGKILL:
            self.kill()
        else:
            self.stop()
        self.start()

    def freeze(self) -> None:
        """The process stands still, its sockets stay open: a stalled machine."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def wait_for(self, told: Callable[[str], bool]) -> None:
        """Returns once the log of all runs says so, and it listens. Raises `NotStarted`."""
        with self._grown:
            if not self._grown.wait_for(lambda: told(self.log), self.deadline):
                raise NotStarted(f"its log does not say so:\n{self.log}")
        self._knock()

    def _knock(self) -> None:
        """Granian says that it has started just before it listens, and tells nothing later."""
        ends = time.monotonic() + self.deadline
        while time.monotonic() < ends and self.process.poll() is None:
            with (
                contextlib.suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", self.port)),
            ):
                return
        self.kill()
        raise NotStarted(f"{self.app} does not listen:\n{self.log}")

    def _signal(self, number: signal.Signals) -> None:
        """To the server and its workers, which are a group of their own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        told = self._told
        with process.stdout as lines:
            for line in lines:
                with self._grown:
                    self.lines.append(line)
                    self._grown.notify_all()
                if listens := re.search(self.server.listening, line):
                    self.port = int(listens[1])
                if re.search(self.server.serving or self.server.listening, line):
                    self._serves = True
                    told.set()
        told.set()  # it ended: nobody needs to wait for the deadline

    def _ended(self, deadline: float) -> int:
        code = self.process.wait(deadline)
        if self._reader:
            self._reader.join(deadline)
        self._process = None
        return code
