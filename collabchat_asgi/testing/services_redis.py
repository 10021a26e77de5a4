"""Redis as tests need it: alone, watched by Sentinels, and as a cluster of three masters."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import Any

from .servers import free_port
from .services import Service, ServiceGroup, until

__all__ = ["RedisCluster", "RedisSentinel", "RedisServer", "SentinelServer"]

SLOTS = 16_384


class RedisServer(Service):
    """One Redis that logs every write to disk before it answers. `options` are redis.conf's, as
    `appendonly="no"`; they hold from the next start on."""

    binary = "redis-server"
    package = "redis-server"
    ready = re.compile("Ready to accept connections")

    def __init__(self, **options: str) -> None:
        super().__init__()
        self.options = {"appendonly": "yes", "appendfsync": "always", "save": ""} | options

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, binary: str) -> Sequence[str]:
        options = {"bind": "127.0.0.1", "port": str(self.port), "dir": str(self.folder)}
        return [
            binary,
            *(
                part
                for name, value in (options | self.options).items()
                for part in (f"--{name.replace('_', '-')}", *(value.split() or [""]))
            ),
        ]

    def ask(self, *command: str | bytes | int) -> Any:
        """What the server answers to one command."""
        return _ask(self.port, *command)

    def told(self, *command: str) -> dict[str, str]:
        """The same for commands that answer in lines of `name:value`, as INFO."""
        answer = self.ask(*command)
        if isinstance(answer, dict):
            return {str(name): str(value) for name, value in answer.items()}
        lines = (line.partition(":") for line in _text(answer).splitlines())
        return {name: value for name, _, value in lines}

    def forget(self) -> None:
        """Take its data away while it is down."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class SentinelServer(Service):
    """One of the Sentinels that watch a master."""

    binary = "redis-sentinel"
    package = "redis-sentinel"
    ready = re.compile(r"\+monitor master")

    def __init__(self, master: RedisServer, down_after_ms: int) -> None:
        super().__init__()
        (self.folder / "sentinel.conf").write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {self.folder}\n"
            f"sentinel monitor main 127.0.0.1 {master.port} 2\n"
            f"sentinel down-after-milliseconds main {down_after_ms}\n"
            f"sentinel failover-timeout main {4 * down_after_ms}\n"
        )

    def command(self, binary: str) -> Sequence[str]:
        return [binary, str(self.folder / "sentinel.conf")]


class RedisSentinel(ServiceGroup):
    """A master, a replica of it, and three Sentinels that promote the replica within seconds."""

    def __init__(self, down_after_ms: int = 500) -> None:
        self.redis = [RedisServer(), RedisServer()]
        self.redis[1].options["replicaof"] = f"127.0.0.1 {self.redis[0].port}"
        self.sentinels = [SentinelServer(self.redis[0], down_after_ms) for _ in range(3)]
        self.servers = [*self.redis, *self.sentinels]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/main/0"

    def start(self) -> None:
        super().start()
        self.until_whole()

    @property
    def master(self) -> RedisServer:
        """Whom a Sentinel names now."""
        [master] = [server for server in self.redis if server.port == self._told()]
        return master

    def until_whole(self) -> None:
        """Wait until every Sentinel knows the others and the replica, so that it can promote it."""
        until(lambda: all(_knows_all(sentinel.port) for sentinel in self.sentinels))
        until(lambda: self.master.told("INFO", "replication")["connected_slaves"] == "1")

    def until_promoted(self, old: RedisServer) -> None:
        """Wait until another master than `old` serves, and the Sentinels say so."""
        until(lambda: self._told() != old.port)
        until(lambda: self.master.told("INFO", "replication")["role"] == "master")

    def _told(self) -> int:
        told = _ask(self.sentinels[0].port, "SENTINEL", "get-master-addr-by-name", "main")
        return int(told[1])


class RedisCluster(ServiceGroup):
    """Three masters that share the slots, without replicas. While one is away the others go on."""

    def __init__(self, **options: str) -> None:
        own = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"}
        own |= {"cluster-require-full-coverage": "no"}
        self.servers: list[RedisServer] = [RedisServer(**own | options) for _ in range(3)]
        for server in self.servers:
            server.options["cluster-port"] = str(free_port())

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"redis+cluster://{places}"

    def start(self) -> None:
        super().start()
        for number, server in enumerate(self.servers):
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            server.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            bus = self.servers[0].options["cluster-port"]
            server.ask("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, bus)
        self.until_whole()

    def until_whole(self) -> None:
        """Wait until every master knows that all slots are served."""
        until(lambda: all(_covers_all(server) for server in self.servers))

    def owner(self, key: str) -> RedisServer:
        """The master that has the slot of `key`."""
        from redis.crc import key_slot

        slot = key_slot(key.encode())
        return next(s for n, s in enumerate(self.servers) if slot < SLOTS * (n + 1) // 3)


def _ask(port: int, *command: str | bytes | int) -> Any:
    import redis

    with redis.Redis(port=port, socket_timeout=10, protocol=2) as client:
        return client.execute_command(*command)


def _text(answer: object) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _knows_all(port: int) -> bool:
    flat = _ask(port, "SENTINEL", "MASTER", "main")
    told = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
    named = {_text(name): _text(value) for name, value in told.items()}
    return named["num-other-sentinels"] == "2" and named["num-slaves"] == "1"


def _covers_all(server: RedisServer) -> bool:
    info = server.told("CLUSTER", "INFO")
    told = info["cluster_state"], info["cluster_slots_ok"], info["cluster_known_nodes"]
    return told == ("ok", str(SLOTS), "3")
