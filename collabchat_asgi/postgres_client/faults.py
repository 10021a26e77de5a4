"""What PostgreSQL and its driver raise, sorted: over in a moment, away for now, or wrong for good.

A server's error has five characters, of which two name its class:
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re

import asyncpg

__all__ = ["DRIVER", "READ_ONLY", "code_of", "is_away", "may_pass", "text_of"]

DRIVER = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
)
"""Whatever the driver raises; TimeoutError is an OSError."""
READ_ONLY = "25006"
NO_RIGHT = "42501"
_DENIED = re.compile(r'permission denied for (?P<kind>\w+) "?(?P<name>[^"]+)')
LOST_RACES = {"40001", "40P01", "23505"}
"""Serialization failure, deadlock, somebody else added the same row: rolled back, and as good as
new."""
REPLANNED = {"0A000"}
"""A cached plan that a changed table made useless."""
GONE = ("08", "57P0", READ_ONLY)
"""Connection exceptions; shutdown, crash, and not yet up; a primary that is one no more."""
AWAY = ("53", "57", "58", "25P03", "55P03")
"""Out of resources, interrupted by an operator, trouble of the system, held too long."""

POOLED = "a pooler is in between: add ?pooler=transaction"
CURES = {
    READ_ONLY: "is it a standby? point the URL at the primary",
    "26000": POOLED,
    "28000": "check user and pg_hba.conf",
    "28P01": "check user and password",
    "3D000": "create the database",
    "42P05": POOLED,
    "53100": "make room on the disk of the server",
    "53300": "raise max_connections, lower ?pool=, or put a PgBouncer in between",
}


def code_of(error: BaseException) -> str:
    """The server's five characters, or none where the error is not the server's."""
    return str(getattr(error, "sqlstate", None) or "")


def may_pass(error: BaseException) -> bool:
    """Whether the same again may work within a second, on another connection if need be."""
    if _is_of_pooler(error):
        return False
    if code := code_of(error):
        return code.startswith(GONE) or code in LOST_RACES | REPLANNED
    return _is_disconnected(error)


def is_away(error: BaseException) -> bool:
    """Whether the same may work later, for reasons that lie with the server or the way to it."""
    return may_pass(error) or code_of(error).startswith(AWAY)


def _is_of_pooler(error: BaseException) -> bool:
    """PgBouncer takes no settings of a session unless its configuration says so."""
    return code_of(error) == "08P01" and "startup parameter" in str(error)


def text_of(error: BaseException, role: str = "the user of the URL", schema: str = "public") -> str:
    """What happened and what to do about it, where `role` works in `schema`. Nothing that was to be
    stored is told."""
    code = code_of(error)
    of_server = isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError) and error.args
    text = str(error.args[0] if of_server else error) or type(error).__name__
    if isinstance(error, asyncpg.DataError) and text.startswith("invalid input for query argument"):
        text = "invalid input for a query argument"  # the driver goes on with the argument itself
    cure = POOLED if _is_of_pooler(error) else CURES.get(code)
    if code == NO_RIGHT:
        cure = _right_missing(text, role, schema)
    return f"{text}{f' ({code})' if code else ''}{f': {cure}' if cure else ''}"


def _right_missing(text: str, role: str, schema: str) -> str:
    """The statement that lets `role` do what the server has just refused it."""
    denied = _DENIED.search(text)
    if denied is None:
        return f"the owner of the tables has to do this, or to make {role} a member of its role"
    kind, name = denied["kind"], denied["name"]
    grants = {
        "schema": f"USAGE, CREATE ON SCHEMA {name}",
        "database": f"CREATE ON DATABASE {name}",
        "sequence": f"USAGE ON SEQUENCE {schema}.{name}",
    }
    tables = f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}"
    return f"GRANT {grants.get(kind, tables)} TO {role}"


def _is_disconnected(error: BaseException) -> bool:
    if isinstance(error, asyncpg.InterfaceError):
        # Also raised for misuse; what is misused is given up like what is lost.
        return not isinstance(error, ValueError)
    return isinstance(error, OSError | EOFError | asyncpg.InternalClientError)
