"""The modules that browsers load: read once, served from memory.

`static/` holds the modules as they are written. What pages load is in `static/min`: the client and
the widget, each in one small file, served under the name of the module that it was made of, with
its `.br` and `.gz` beside it (`npm run minify --prefix tests/client` makes all of them).
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
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
    encoded: Mapping[str, bytes]
    """By content coding, the best first."""
    content_type: str
    etag: str


@cache
def load_static() -> Mapping[str, StaticFile]:
    """By path below the prefix, such as `client.js`. The same for all of a process."""
    folder = files("collabchat_asgi") / "static"
    found = {item.name: _load(item) for item in modules(folder)}
    small = {item.name: item.read_bytes() for item in (folder / "min").iterdir()}
    return found | {
        name: _file(name, body, {"br": small[f"{name}.br"], "gzip": small[f"{name}.gz"]})
        for name, body in small.items()
        if name.endswith(".js")
    }


def modules(folder: Traversable) -> Iterator[Traversable]:
    """As they are written, with the types of those that applications import."""
    for item in [*folder.iterdir(), *(folder / "typed").iterdir()]:
        if item.is_file() and not item.name.endswith(".md"):
            yield item


def _load(item: Traversable) -> StaticFile:
    body = item.read_bytes()
    return _file(item.name, body, {"gzip": gzip.compress(body, compresslevel=9, mtime=0)})


def _file(name: str, body: bytes, encoded: Mapping[str, bytes]) -> StaticFile:
    kind = next(TYPES[end] for end in TYPES if name.endswith(end))
    etag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
    return StaticFile(body, encoded, kind, etag)
