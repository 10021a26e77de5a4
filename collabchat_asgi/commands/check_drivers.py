"""Which library stands behind a URL, and its version."""

from __future__ import annotations

import sqlite3
from importlib.metadata import PackageNotFoundError, version

_DRIVERS = {
    "postgres": "asyncpg",
    "postgresql": "asyncpg",
    "redis": "redis",
    "rediss": "redis",
}


def driver_of(url: str) -> str:
    """In words for a line of `doctor`."""
    scheme = url.partition(":")[0].lower().partition("+")[0]
    if scheme == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    driver = _DRIVERS.get(scheme)
    return _named(driver) if driver else "no driver of its own"


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} is not installed"
