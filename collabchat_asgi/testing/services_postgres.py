"""PostgreSQL as tests need it: alone, and behind a PgBouncer that pools transactions."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from .services import Service, find_binary

__all__ = ["PASSWORD", "PgBouncer", "PostgresServer", "PostgresStandby"]

PASSWORD = "hunter2"
"""Of everybody here, so that a test can look for it where it must not be."""
_ACCOUNT = "postgres"


def _as_servant(command: Sequence[str], *owned: Path) -> list[str]:
    """The command under an account that may not do everything: these servers refuse to run as
    root. `owned` is given to that account."""
    if os.geteuid() != 0:
        return list(command)
    account = pwd.getpwnam(_ACCOUNT)
    for path in owned:
        os.chown(path, account.pw_uid, account.pw_gid)
    ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
    return ["setpriv", *ids, "--", *command]


class PostgresServer(Service):
    """One PostgreSQL with TCP on loopback and passwords. `options` are postgresql.conf's.

    It does not wait for the disk unless `fsync="on"`: what dies here are processes, not machines.
    """

    binary = "postgres"
    package = "postgresql"
    ready = re.compile("database system is ready to accept connections")

    def __init__(self, **options: str) -> None:
        super().__init__()
        self.options = {"fsync": "off", "max_connections": "200"} | options

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def command(self, binary: str) -> Sequence[str]:
        data = self.folder / "data"
        if not data.exists():
            self._initialise(data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "logging_collector": "off",
        }
        named = (f"{name}={value}" for name, value in (settings | self.options).items())
        return _as_servant([binary, "-D", str(data), *(p for name in named for p in ("-c", name))])

    def stop(self) -> None:
        """SIGINT, which does not wait for clients to go."""
        if self._process is None:
            return
        self.thaw()
        self._process.send_signal(signal.SIGINT)
        try:
            self._ended(self.deadline)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGQUIT, as `pg_ctl stop -m immediate`: every process ends where it stands."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._ended(self.deadline)

    def crash(self) -> None:
        """`pg_ctl restart -m immediate`."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """All of its processes stand still, and its sockets stay open."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def execute(self, statement: str, database: str = "postgres") -> list[dict[str, Any]]:
        """Ask as the superuser, from outside of any event loop or in a thread."""
        return asyncio.run(_execute(self.url_of(database), statement))

    def new_database(self, name: str) -> str:
        """Its URL."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def _initialise(self, data: Path) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        command = [
            *(find_binary("initdb", self.package), "-D", str(data), "--username=postgres"),
            *("--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"),
            "--locale=C.UTF-8",
        ]
        subprocess.run(
            _as_servant(command, self.folder, secret),
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def _signal_all(self, number: signal.Signals) -> None:
        """Its children lead sessions of their own. The postmaster comes first: it has no more."""
        if self._process is None:
            return
        main = psutil.Process(self._process.pid)
        for process in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            if process is main and number == signal.SIGSTOP:
                _stands_still(main)


class PostgresStandby(PostgresServer):
    """Follows `primary` by streaming, asynchronously, until it is promoted."""

    ready = re.compile("database system is ready to accept read-only connections")

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__()
        self._primary = primary

    def _initialise(self, data: Path) -> None:
        command = [
            *(find_binary("pg_basebackup", self.package), "--pgdata", str(data)),
            *("--dbname", self._primary.url, "--write-recovery-conf", "--wal-method=stream"),
            *("--checkpoint=fast", "--no-sync"),
        ]
        subprocess.run(
            _as_servant(command, self.folder), cwd=self.folder, check=True, capture_output=True
        )

    def promote(self) -> None:
        """Returns when it takes writes."""
        [row] = self.execute("SELECT pg_promote() AS done")
        assert row["done"]


def _stands_still(process: psutil.Process) -> None:
    while process.status() != psutil.STATUS_STOPPED:
        os.sched_yield()


async def _execute(url: str, statement: str) -> list[dict[str, Any]]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=10)
    try:
        return [dict(row) for row in await connection.fetch(statement, timeout=10)]
    finally:
        await connection.close(timeout=10)


class PgBouncer(Service):
    """A transaction pool in front of a `PostgresServer`: few server connections, shared by all."""

    binary = "pgbouncer"
    package = "pgbouncer"
    ready = re.compile("process up: PgBouncer")

    def __init__(self, server: PostgresServer, *, pool: int = 4, options: str = "") -> None:
        super().__init__()
        self.server = server
        (self.folder / "users.txt").write_text(f'"postgres" "{PASSWORD}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={server.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            f"auth_type = scram-sha-256\nauth_file = {self.folder}/users.txt\n"
            "pool_mode = transaction\nserver_login_retry = 1\n"
            f"default_pool_size = {pool}\nmax_client_conn = 500\nunix_socket_dir =\n{options}\n"
        )

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def command(self, binary: str) -> Sequence[str]:
        files = [self.folder, *self.folder.iterdir()]
        return _as_servant([binary, str(self.folder / "pgbouncer.ini")], *files)
