"""redis-py's client of one server, set up for us."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from .address import Address, Endpoint

__all__ = ["client_of", "close_client", "ear_at"]


def client_of(address: Address, endpoint: Endpoint) -> Redis:
    """One that says at once what is wrong: who tries again, and for how long, is decided by the
    caller, whose time is running."""
    given = _given(address, address.timeout) | {"db": address.db, **address.credentials}
    if address.kind == "sentinel":
        # Every connection asks for the master anew: one that comes back after a failover believes
        # in itself for a while, and what it is told then is thrown away.
        connection = SentinelManagedSSLConnection if address.tls else SentinelManagedConnection
        watch = {"service_name": address.service, "sentinel_manager": _sentinels(address)}
        make: Any = SentinelConnectionPool
        pool = make(connection_class=connection, **watch, **_bare(given))
        return Redis(connection_pool=pool)
    if not endpoint.port:
        return Redis(unix_socket_path=endpoint.host, **_bare(given))
    return Redis(host=endpoint.host, port=endpoint.port, **given)


async def close_client(client: Redis) -> None:
    pool: Any = client.connection_pool
    await client.aclose()
    await pool.disconnect()
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def ear_at(client: Redis) -> Connection:
    """A connection, not yet connected, that waits for ever for what the server says."""
    pool = client.connection_pool
    kwargs = pool.connection_kwargs | {"socket_timeout": None}
    connection: Any = pool.connection_class(**kwargs)
    return connection  # type: ignore[no-any-return]


def _sentinels(address: Address) -> Sentinel:
    """They are asked in turn: a dead one must leave time for the others."""
    given = _given(address, address.timeout / 4) | dict(address.sentinel_credentials)
    sentinels: Any = Sentinel([])  # type: ignore[no-untyped-call]
    sentinels.sentinels = [Redis(host=p.host, port=p.port, **given) for p in address.endpoints]
    return sentinels  # type: ignore[no-any-return]


def _given(address: Address, timeout: float) -> dict[str, Any]:
    given: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if not address.tls:
        return given
    checked, named = address.tls_checks
    required = "required" if checked else "none"
    tls = {"ssl": True, "ssl_cert_reqs": required, "ssl_check_hostname": named}
    return given | tls | dict(address.tls_files)


def _bare(given: dict[str, Any]) -> dict[str, Any]:
    """A pool is told of TLS by the class of its connections."""
    return {name: value for name, value in given.items() if name != "ssl"}
