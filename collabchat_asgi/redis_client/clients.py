"""redis-py's client of one server, set up for us."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .address import Address, Place

__all__ = ["client_of", "ear_at", "sentinel_at"]


def client_of(address: Address, place: Place) -> Redis:
    """One that says at once what is wrong: who tries again, and for how long, is decided by the
    caller, whose time is running."""
    return _client(address, place, address.timeout, db=address.db, **address.credentials)


def sentinel_at(address: Address, place: Place) -> Redis:
    """One of several that are asked in turn: a dead one must leave time for the others."""
    return _client(address, place, address.timeout / 4, **address.sentinel_credentials)


def ear_at(client: Redis) -> Connection:
    """A connection, not yet connected, that waits for ever for what the server says."""
    pool = client.connection_pool
    kwargs = pool.connection_kwargs | {"socket_timeout": None}
    connection: Any = pool.connection_class(**kwargs)
    return connection  # type: ignore[no-any-return]


def _client(address: Address, place: Place, timeout: float, **given: Any) -> Redis:
    if address.tls:
        given |= {"ssl": True, **address.tls_files}
    return Redis(
        host=place.host,
        port=place.port,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name="collabchat",
        **given,
    )
