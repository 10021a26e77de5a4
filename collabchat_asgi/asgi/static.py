"""The modules that browsers load: read once, served from memory."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".d.ts": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    compressed: bytes
    content_type: str
    etag: str


_COMMENT = re.compile(rb"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE)


def without_comments(module: bytes) -> bytes:
    """The module without comments that have lines of their own: half of its bytes on the wire.

    No template of ours holds a line that begins like a comment; a test compares both forms.
    """
    return _COMMENT.sub(b"", module)


def load_static() -> dict[str, StaticFile]:
    """By path below the prefix, such as `client.js`."""
    found: dict[str, StaticFile] = {}
    _collect(files("collabchat_asgi") / "static", "", found)
    return found


def _collect(folder: Traversable, prefix: str, found: dict[str, StaticFile]) -> None:
    for item in folder.iterdir():
        if item.is_dir():
            _collect(item, f"{prefix}{item.name}/", found)
            continue
        kind = next((TYPES[end] for end in TYPES if item.name.endswith(end)), None)
        if kind is not None:
            body = item.read_bytes()
            if item.name.endswith(".js"):
                body = without_comments(body)
            etag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
            small = gzip.compress(body, compresslevel=9, mtime=0)
            found[prefix + item.name] = StaticFile(body, small, kind, etag)
