"""Whether a PostgreSQL keeps what it is given, and lets us."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from ..errors import ConfigError
from ..postgres_client.address import Address
from .check_servers import clock_of
from .finding import Checkup, Finding

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_QUESTION = """
SELECT current_setting('server_version') AS version,
       pg_is_in_recovery() AS standby,
       current_setting('synchronous_commit') AS sync,
       current_setting('fsync') AS fsync,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
       current_user AS user,
       extract(epoch FROM clock_timestamp())::float8 AS now
"""


async def facts(url: str, say: Checkup) -> AsyncIterator[Finding]:
    try:
        address = Address.parse(url, "storage")
        connection = await address.connect()
    except (ConfigError, *_AWAY):
        return
    try:
        before = time.time()
        told = await connection.fetchrow(_QUESTION)
        after = time.time()
    except _AWAY:
        return
    finally:
        await connection.close()
    assert told is not None
    for finding in (
        say.ok(f"PostgreSQL {told['version']} at {address.shown}"),
        _durability(told, say),
        _rights(told, say),
        clock_of(say, told["now"], before, after),
    ):
        yield finding


def _durability(told: Any, say: Checkup) -> Finding:
    if told["standby"]:
        return say.problem("this is a standby, which only reads: give the address of the primary")
    lax = [
        name
        for name, key in (("synchronous_commit", "sync"), ("fsync", "fsync"))
        if _off(told[key])
    ]
    if lax:
        return say.warning(
            f"{' and '.join(lax)} off: a crash of the server may lose what was acknowledged; set "
            "it to on"
        )
    return say.ok("synchronous_commit and fsync are on: an ack survives a crash")


def _off(setting: str) -> bool:
    return setting == "off"


def _rights(told: Any, say: Checkup) -> Finding:
    if told["may_create"]:
        return say.ok(f"{told['user']} may create the tables")
    return say.warning(
        f"{told['user']} may not create tables, which the first start and an upgrade need: GRANT "
        f"CREATE, USAGE ON SCHEMA public TO {told['user']}"
    )
