"""The URL of a PostgreSQL, read once for storage and pub/sub alike: each takes the other's
options."""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import asyncpg

from ..errors import ConfigError
from .options import OURS, SETTINGS, translated

__all__ = ["Address"]

URL = re.compile(
    r"postgres(?:ql)?(?:\+asyncpg)?://"
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<hosts>[^/?@]*)(?:/(?P<database>[^?@]*))?(?:\?(?P<query>.*))?",
    re.IGNORECASE | re.DOTALL,
)
HOST = re.compile(r"(?:\[(?P<ipv6>[^]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d*))?")
SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
LAST_PORT = 65_535
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
    connect_timeout: float = 2.0
    """Seconds that a new connection may take, within those of the call."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the session, where the URL has some."""
    listen: Address | None = None
    """Of the server itself, where `pooled`."""

    @classmethod
    def parse(cls, url: str, setting: str) -> Address:
        """Raises `ConfigError`, which names `setting` and shows nothing secret."""
        parts = URL.fullmatch(url)
        if parts is None:
            raise ConfigError(
                f"{setting}: not a URL like postgresql://user:password@host/database "
                "(escape odd characters in user and password: @ is %40, / is %2F)"
            )
        hosts = [HOST.fullmatch(host) for host in parts["hosts"].split(",")]
        if not all(host and int(host["port"] or 0) <= LAST_PORT for host in hosts):
            raise ConfigError(f"{setting}: not a URL like postgresql://user:password@host/database")
        options = translated(dict(parse_qsl(parts["query"] or "")), setting)
        pooler, listen = options.get("pooler"), options.get("listen")
        if pooler not in (None, "transaction"):
            raise ConfigError(f"{setting}: pooler={pooler}: only pooler=transaction means anything")
        schema = options.get("schema")
        if schema is not None and not SCHEMA.fullmatch(schema):
            raise ConfigError(f"{setting}: schema={schema}: letters, digits and _, at most 63")
        timeout = _number(setting, "timeout", options.get("timeout", cls.timeout), 0.01, 3_600)
        given = options.pop("connect_timeout", "0")
        patience = _number(setting, "connect_timeout", given, 0, 3_600)
        target = _target(parts, [host for host in hosts if host], options)
        return cls(
            target,
            _shown(parts, options),
            pooled=pooler is not None,
            pool=int(_number(setting, "pool", options.get("pool", cls.pool), 1, 1_000)),
            schema=schema,
            timeout=timeout,
            connect_timeout=patience or timeout,
            settings={name: options[name] for name in sorted(SETTINGS & set(options))},
            listen=None if listen is None else cls.parse(listen, f"{setting}, listen="),
        )

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Raises `OSError`, `TimeoutError`, or what asyncpg has for a server that says no."""
        settings = {"application_name": "collabchat", **self.settings}
        if not self.pooled:
            # Whoever stops in mid-transaction, as a frozen machine does, holds a page's lock.
            settings["idle_in_transaction_session_timeout"] = f"{2_000 * self.timeout:.0f}"
            # Plans that are kept are of the time when the tables were empty.
            settings["plan_cache_mode"] = "force_custom_plan"
        return await asyncpg.connect(
            **self.target,
            timeout=self.connect_timeout,
            statement_cache_size=0 if self.pooled else PREPARED_STATEMENTS,
            server_settings=settings,
        )


def _target(
    parts: re.Match[str], hosts: list[re.Match[str]], options: Mapping[str, str]
) -> dict[str, Any]:
    libpq = {name: v for name, v in sorted(options.items()) if name not in OURS | SETTINGS}
    given: dict[str, Any] = {}
    if libpq.get("sslrootcert") == "system":
        # libpq's word for the authorities that the machine trusts; the host is checked then.
        del libpq["sslrootcert"]
        given["ssl"] = ssl.create_default_context()
        if "sslcert" in libpq:
            given["ssl"].load_cert_chain(
                libpq["sslcert"], libpq.get("sslkey"), libpq.get("sslpassword")
            )
    given["dsn"] = f"postgresql://?{urlencode(libpq)}" if libpq else None
    if parts["hosts"]:
        given["host"] = [unquote(host["ipv6"] or host["name"] or "localhost") for host in hosts]
        ports = [int(host["port"]) if host["port"] else None for host in hosts]
        if any(ports):
            given["port"] = [port or 5432 for port in ports]
    for name in ("user", "password", "database"):
        given[name] = unquote(parts[name]) if parts[name] else None
    return {name: value for name, value in given.items() if value is not None}


def _shown(parts: re.Match[str], options: Mapping[str, str]) -> str:
    where = unquote(parts["hosts"] or "") or options.get("host") or "localhost"
    if not parts["hosts"] and (port := options.get("port")):
        where += f":{port}"
    return f"{where}/{unquote(parts['database'] or options.get('dbname') or '')}"


def _number(setting: str, name: str, text: object, least: float, most: float) -> float:
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ConfigError(f"{setting}: {name}={text}: give a number from {least:g} to {most:g}")
    return number
