"""The options of a PostgreSQL URL as libraries and hosters write them: which go to the driver,
which mean something to us, and what to write instead of the others."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping

import asyncpg

from ..errors import ConfigError

__all__ = ["KNOWN", "OURS", "translated"]

OURS = {"listen", "pool", "pooler", "schema", "timeout"}
FILES = {"passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert"}
DRIVERS = FILES | {
    "dbname",
    "gsslib",
    "host",
    "krbsrvname",
    "password",
    "port",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "target_session_attrs",
    "user",
}
"""Handed to asyncpg as they are; it knows them from libpq."""
SETTINGS = {"application_name", "options"}
"""Handed to the server."""
TUNING = {
    "client_encoding",
    "fallback_application_name",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
}
"""Of libpq's sockets: every call here has a bound of its own, and all text is UTF-8."""
KNOWN = OURS | DRIVERS | SETTINGS | {"channel_binding", "connect_timeout", "gssencmode", "ssl"}

SSL = {"true": "require", "1": "require", "on": "require", "yes": "require"}
SSL |= {"false": "disable", "0": "disable", "off": "disable", "no": "disable"}
SSL |= {"no-verify": "require"}
TRUE = {"true", "1", "on", "yes"}

CURES = {
    "connection_limit": "write pool=",
    "hostaddr": "write host=",
    "max_overflow": "write pool=, which is the most there are",
    "max_size": "write pool=",
    "pool_size": "write pool=",
    "pool_timeout": "write timeout=",
    "prepared_statement_cache_size": "write pooler=transaction",
    "servicefile": "set PGSERVICEFILE",
    "sslaccept": "write sslmode=verify-full or sslmode=require",
    "statement_cache_size": "write pooler=transaction",
}


def translated(given: Mapping[str, str], setting: str) -> dict[str, str]:
    """The same in names of `KNOWN`. Raises `ConfigError`, which names `setting`."""
    options = {name: value for name, value in given.items() if name not in TUNING}
    if options.pop("pgbouncer", "").lower() in TRUE:
        options["pooler"] = "transaction"
    for name in ("ssl", "sslmode"):
        if name in options:
            mode = options.pop(name)
            options["sslmode"] = SSL.get(mode.lower(), mode)
    for name in sorted(options):
        if name in CURES:
            raise ConfigError(f"{setting}: postgresql has no option {name}: {CURES[name]}")
    if unknown := sorted(set(options) - KNOWN):
        known = ", ".join(sorted(KNOWN))
        raise ConfigError(
            f"{setting}: postgresql has no option {', '.join(unknown)}; known: {known}"
        )
    _check(options, setting)
    return options


def _check(options: dict[str, str], setting: str) -> None:
    if options.pop("channel_binding", "prefer") == "require":
        raise ConfigError(
            f"{setting}: channel_binding=require: asyncpg cannot do it; take it out of the URL, "
            "and have sslmode=verify-full&sslrootcert=system make sure who the server is"
        )
    if options.pop("gssencmode", "prefer") == "require":
        raise ConfigError(f"{setting}: gssencmode=require: asyncpg cannot do it; use sslmode=")
    if "service" in options and "service" not in inspect.signature(asyncpg.connect).parameters:
        raise ConfigError(
            f"{setting}: service= needs a newer asyncpg than {asyncpg.__version__}: upgrade it, or "
            "write host, user and database into the URL"
        )
    for name in sorted(FILES & set(options)):
        path = options[name]
        if not (name == "sslrootcert" and path == "system") and not os.path.isfile(path):
            raise ConfigError(f"{setting}: {name}={path}: there is no such file")
