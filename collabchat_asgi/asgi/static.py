"""The modules that browsers load: read once, served from memory.

`static/` holds the modules as they are written. What pages load is in `static/min`: the client and
the widget, each in one small file, served under the name of the module that it was made of.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import brotli

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
    encoded: Mapping[str, bytes]
    """By content coding, the best first."""
    content_type: str
    etag: str


@cache
def load_static() -> Mapping[str, StaticFile]:
    """By path below the prefix, such as `client.js`. The same for all of a process."""
    folder = files("collabchat_asgi") / "static"
    found = {item.name: _load(item) for item in folder.iterdir() if item.is_file()}
    return found | {item.name: _load(item, best=True) for item in (folder / "min").iterdir()}


def _load(item: Traversable, *, best: bool = False) -> StaticFile:
    body = item.read_bytes()
    kind = next(TYPES[end] for end in TYPES if item.name.endswith(end))
    etag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
    encoded = {"gzip": gzip.compress(body, compresslevel=9, mtime=0)}
    if best:
        # A tenth smaller, for a tenth of a second at the start: only for what every page loads.
        encoded = {"br": brotli.compress(body, mode=brotli.MODE_TEXT), **encoded}
    return StaticFile(body, encoded, kind, etag)
