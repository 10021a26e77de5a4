"""Whether a PostgreSQL keeps what it is given, and lets us."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from ..errors import ConfigError
from ..postgres_client.address import Address
from ..storage.schema import TABLES
from .check_servers import clock_of
from .finding import Checkup, Finding

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_QUESTION = """
SELECT current_setting('server_version') AS version,
       pg_is_in_recovery() AS standby,
       current_setting('synchronous_commit') AS sync,
       current_setting('fsync') AS fsync,
       current_setting('server_encoding') AS encoding,
       coalesce($1, current_schema(), 'public') AS schema,
       (SELECT oid FROM pg_namespace WHERE nspname = coalesce($1, current_schema())) AS namespace,
       has_database_privilege(current_database(), 'CREATE') AS may_make_schema,
       current_database() AS database,
       current_user AS user,
       extract(epoch FROM clock_timestamp())::float8 AS now
"""

_TABLES = """
SELECT relname AS name,
       has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
       AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE') AS writable
FROM pg_class WHERE relnamespace = $1 AND relname = ANY($2::text[])
"""


async def facts(url: str, say: Checkup) -> AsyncIterator[Finding]:
    try:
        address = Address.parse(url, "storage")
        connection = await address.connect()
    except (ConfigError, *_AWAY):
        return
    try:
        before = time.time()
        told = await connection.fetchrow(_QUESTION, address.schema)
        after = time.time()
        assert told is not None
        rights = await _rights(connection, told, say)
    except _AWAY:
        return
    finally:
        await connection.close()
    for finding in (
        say.ok(f"PostgreSQL {told['version']} at {address.shown}"),
        _durability(told, say),
        _encoding(told, say),
        rights,
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


def _encoding(told: Any, say: Checkup) -> Finding:
    if told["encoding"] == "UTF8":
        return say.ok("encoding UTF8: whatever people write fits")
    return say.problem(
        f"database {told['database']} is encoded in {told['encoding']}, which cannot hold all that "
        "people write: make another, CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    )


async def _rights(connection: Any, told: Any, say: Checkup) -> Finding:
    """What is there has to be written to; what is missing has to be made."""
    user, schema, namespace = told["user"], told["schema"], told["namespace"]
    if namespace is None:
        if told["may_make_schema"]:
            return say.ok(f"{user} may create schema {schema}")
        return say.problem(
            f"schema {schema} is missing, and {user} may not create it: CREATE SCHEMA {schema} "
            f"AUTHORIZATION {user}"
        )
    tables = await connection.fetch(_TABLES, namespace, list(TABLES.values()))
    if shut := [row["name"] for row in tables if not row["writable"]]:
        return say.problem(
            f"{user} may not write to {', '.join(shut)}: GRANT SELECT, INSERT, UPDATE, DELETE ON "
            f"ALL TABLES IN SCHEMA {schema} TO {user}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA "
            f"{schema} TO {user}"
        )
    if len(tables) == len(TABLES):
        return say.ok(f"{user} may write to the tables")
    if await connection.fetchval("SELECT has_schema_privilege($1::oid, 'CREATE')", namespace):
        return say.ok(f"{user} may create the tables")
    return say.problem(
        f"{user} may not create the tables, which are not there yet: GRANT USAGE, CREATE ON SCHEMA "
        f"{schema} TO {user}"
    )
