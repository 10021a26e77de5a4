"""What an `sqlite:` URL says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from ..errors import ConfigError

__all__ = ["SqliteUrl"]

_URL = re.compile(r"[\w+.-]+://(?P<host>[^/?]*)(?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?", re.S)


class SqliteUrl(NamedTuple):
    host: str
    path: str
    """Percent-decoded; "" where the database is to be in memory."""
    options: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> SqliteUrl:
        """Raises `ConfigError`."""
        parts = _URL.fullmatch(url)
        if parts is None:
            raise ConfigError(f"storage: not a URL like sqlite:///file.db ({url!r})")
        path = unquote(parts["path"] or "")
        options = dict(parse_qsl(parts["query"] or "", keep_blank_values=True))
        return cls(parts["host"], "" if path == ":memory:" else path, options)
