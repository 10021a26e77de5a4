"""What was deleted leaves a Redis server's files: they are written anew."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ..errors import StorageError
from ..redis_client.address import Address

__all__ = ["purge"]

_PAUSE = 0.05
"""Seconds between two questions whether it is done."""
_BUSY = "in progress"
"""What the server says of another child that writes files; we wait for it and begin after it."""


async def purge(client: Redis, address: Address) -> None:
    """Returns when the append-only file and the snapshot, as far as the server keeps them, hold
    nothing but what is there now. Raises `StorageError` where the server may not be asked."""
    try:
        if int((await _facts(client)).get("aof_enabled", 0)):
            await _begin(client, "BGREWRITEAOF")
            await _written(client, address, "aof_rewrite", "aof_last_bgrewrite_status")
        if await _keeps_snapshots(client):
            await _begin(client, "BGSAVE")
            await _written(client, address, "rdb_bgsave", "rdb_last_bgsave_status")
    except ResponseError as error:
        raise StorageError(
            f"{address} does not let us have its files written anew ({error}): allow its user "
            "+bgrewriteaof +bgsave +info +config|get, or do it with the server's own tools"
        ) from error


async def _begin(client: Redis, command: str) -> None:
    while True:
        try:
            await client.execute_command(command)  # type: ignore[no-untyped-call]
            return
        except ResponseError as error:
            if _BUSY not in str(error):
                raise
        await asyncio.sleep(_PAUSE)


async def _written(client: Redis, address: Address, name: str, status: str) -> None:
    while True:
        facts = await _facts(client)
        if not int(facts.get(f"{name}_in_progress", 0)) | int(facts.get(f"{name}_scheduled", 0)):
            break
        await asyncio.sleep(_PAUSE)
    if facts.get(status) != "ok":
        raise StorageError(
            f"{address} failed to write its files anew ({status}): is its disk full?"
        )


async def _keeps_snapshots(client: Redis) -> bool:
    told: Any = await client.config_get("save")
    return any(value for value in told.values())


async def _facts(client: Redis) -> dict[str, Any]:
    facts: dict[str, Any] = await client.info("persistence")
    return facts
