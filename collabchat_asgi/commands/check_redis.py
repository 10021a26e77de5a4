"""Whether a Redis keeps what it is given."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..errors import ConfigError, StorageError, StorageUnavailable
from ..redis_client.address import Address
from ..redis_client.servers import Servers
from .check_servers import clock_of
from .finding import Checkup, Finding


async def facts(url: str, say: Checkup) -> AsyncIterator[Finding]:
    try:
        address = Address.read(url, "storage")
    except ConfigError:
        return
    servers = Servers(address, StorageUnavailable, StorageError)
    try:
        for client in await servers.masters():
            for finding in await servers.checked(_facts(client, address, say)):
                yield finding
    except StorageError:
        return
    finally:
        await servers.close()


async def _facts(client: Redis, address: Address, say: Checkup) -> list[Finding]:
    info: dict[str, Any] = await client.info()
    persistence: dict[str, Any] = await client.info("persistence")
    name = f"Redis {info['redis_version']} (port {info['tcp_port']})"
    before = time.time()
    seconds, microseconds = await client.time()
    clock = clock_of(say, seconds + microseconds / 1e6, before, time.time())
    return [
        say.ok(name),
        _eviction(str(info.get("maxmemory_policy", "noeviction")), name, say),
        *_log(bool(int(persistence["aof_enabled"])), await _fsync(client), address, say),
        clock,
    ]


def _eviction(policy: str, name: str, say: Checkup) -> Finding:
    if policy == "noeviction":
        return say.ok("maxmemory-policy noeviction: nothing is thrown away")
    return say.problem(
        f"{name} throws pages away when its memory is full (maxmemory-policy {policy}): set "
        "maxmemory-policy noeviction, or give a Redis that is no cache"
    )


def _log(logged: bool, fsync: str, address: Address, say: Checkup) -> list[Finding]:
    if not logged and address.logged:
        return [
            say.problem(
                "appendonly no: a restart loses what was acknowledged; set appendonly yes and "
                "appendfsync always, or say that it does not matter: ?durability=none"
            )
        ]
    if not logged:
        return [say.warning("?durability=none and appendonly no: a restart loses pages, as wished")]
    if fsync == "always":
        return [say.ok("appendonly yes, appendfsync always: an ack survives a crash")]
    return [
        say.warning(
            f"appendfsync {fsync or 'is not told'}: a crash may lose the last second of what was "
            "acknowledged; set appendfsync always"
        )
    ]


async def _fsync(client: Redis) -> str:
    """Nothing where the server does not tell, as managed ones."""
    try:
        told: dict[Any, Any] = await client.config_get("appendfsync")
    except RedisError:
        return ""
    return str(told.get("appendfsync") or told.get(b"appendfsync", b"").decode())
