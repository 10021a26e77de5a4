"""Whether a Redis may be trusted with the only copy of something."""

from __future__ import annotations

import logging
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ..errors import ConfigError
from ..redis_client.address import Address

__all__ = ["keeps_all"]

logger = logging.getLogger("collabchat_asgi.storage")


async def keeps_all(client: Redis, address: Address) -> bool:
    """Whether what the server has answered survives its crash: it writes every command to the disk
    first. Raises `ConfigError` where it may throw data away in ordinary life."""
    memory: dict[str, Any] = await client.info("memory")
    persistence: dict[str, Any] = await client.info("persistence")
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise ConfigError(
            f"storage: {address} throws data away when its memory is full (maxmemory-policy "
            f"{policy}); set maxmemory-policy noeviction, or give a Redis that is no cache"
        )
    logged = bool(int(persistence.get("aof_enabled", 0)))
    if address.logged and not logged:
        raise ConfigError(
            f"storage: {address} keeps no append-only file, so a restart loses what was "
            "acknowledged; set appendonly yes (and appendfsync always, for no loss at all), or say "
            "that this does not matter: ?durability=none"
        )
    always = logged and await _fsync(client) == "always"
    if address.logged and not always:
        logger.warning(
            "storage: %s syncs its append-only file once a second: a crash may lose the last "
            "second of what was acknowledged; set appendfsync always",
            address,
        )
    return always


async def _fsync(client: Redis) -> str:
    """Nothing where the server does not tell, as managed ones."""
    try:
        told: Any = await client.config_get("appendfsync")
    except ResponseError:
        return ""
    value = told.get("appendfsync") or told.get(b"appendfsync") or b""
    return value if isinstance(value, str) else str(value, "ascii")
