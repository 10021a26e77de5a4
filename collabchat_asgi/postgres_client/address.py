"""The URL of a PostgreSQL, read once for storage and pub/sub alike: each takes the other's
options."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigError

__all__ = ["Address"]

SCHEMES = {"postgresql", "postgresql+asyncpg"}
OURS = {"listen", "pool", "pooler", "schema", "timeout"}
LIBPQ = {
    "host",
    "port",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
}
"""Handed to asyncpg as they are; it knows them from libpq."""
SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
PREPARED_STATEMENTS = 100


@dataclass(frozen=True)
class Address:
    """Where the server is and how to speak with it. `repr` shows no secrets."""

    target: Mapping[str, Any] = field(repr=False)
    """What `asyncpg.connect` is given."""
    shown: str
    """Host, port and database, fit for logs."""
    pooled: bool = False
    """A PgBouncer in transaction mode is in between: nothing may be kept in a session."""
    pool: int = 5
    """Connections at most."""
    schema: str | None = None
    timeout: float = 2.0
    """Seconds that one call may take."""
    listen: Address | None = None
    """Of the server itself, where `pooled`."""

    @classmethod
    def parse(cls, url: str, setting: str) -> Address:
        """Raises `ConfigError`, which names `setting` and shows nothing secret."""
        try:
            parts = make_url(url)
        except (ArgumentError, ValueError):
            parts = None
        if parts is None or parts.drivername not in SCHEMES:
            raise ConfigError(f"{setting}: not a URL like postgresql://user:password@host/database")
        if "@" in (parts.host or "") + (parts.database or ""):
            raise ConfigError(
                f"{setting}: not a URL like postgresql://user:password@host/database "
                "(escape odd characters in user and password: @ is %40, / is %2F)"
            )
        options = {name: _last(value) for name, value in parts.query.items()}
        if "ssl" in options:
            options["sslmode"] = options.pop("ssl")
        if unknown := sorted(set(options) - OURS - LIBPQ):
            known = ", ".join(sorted(OURS | LIBPQ))
            raise ConfigError(
                f"{setting}: postgresql has no option {', '.join(unknown)}; known: {known}"
            )
        pooler, listen = options.get("pooler"), options.get("listen")
        if pooler not in (None, "transaction"):
            raise ConfigError(f"{setting}: pooler={pooler}: only pooler=transaction means anything")
        schema = options.get("schema")
        if schema is not None and not SCHEMA.fullmatch(schema):
            raise ConfigError(f"{setting}: schema={schema}: letters, digits and _, at most 63")
        return cls(
            _target(parts, {name: options[name] for name in sorted(LIBPQ & set(options))}),
            _shown(parts, options),
            pooled=pooler is not None,
            pool=int(_number(setting, "pool", options.get("pool", cls.pool), 1, 1_000)),
            schema=schema,
            timeout=_number(setting, "timeout", options.get("timeout", cls.timeout), 0.01, 3_600),
            listen=None if listen is None else cls.parse(listen, f"{setting}, listen="),
        )

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Raises `OSError`, `TimeoutError`, or what asyncpg has for a server that says no."""
        settings = {"application_name": "collabchat"}
        if not self.pooled:
            # Whoever stops in mid-transaction, as a frozen machine does, holds a page's lock.
            settings["idle_in_transaction_session_timeout"] = f"{2_000 * self.timeout:.0f}"
            # Plans that are kept are of the time when the tables were empty.
            settings["plan_cache_mode"] = "force_custom_plan"
        return await asyncpg.connect(
            **self.target,
            timeout=self.timeout,
            statement_cache_size=0 if self.pooled else PREPARED_STATEMENTS,
            server_settings=settings,
        )


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _target(parts: URL, libpq: Mapping[str, str]) -> dict[str, Any]:
    given = {
        "dsn": f"postgresql://?{urlencode(libpq)}",
        "host": parts.host,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "database": parts.database or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(parts: URL, options: Mapping[str, str]) -> str:
    host = parts.host or options.get("host") or "localhost"
    port = parts.port or options.get("port")
    return f"{host}{f':{port}' if port else ''}/{parts.database or ''}"


def _number(setting: str, name: str, text: object, least: float, most: float) -> float:
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ConfigError(f"{setting}: {name}={text}: give a number from {least:g} to {most:g}")
    return number
