"""The modules that browsers load: read once, served from memory.

`static/` holds the modules as they are written. What pages load is in `static/min`: the client, the
widget and its languages, each in one small file, served under the name of the module that it was
made of, with its `.br` and `.gz` beside it (`npm run minify --prefix tests/client` makes them all).
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
    small = {name: item.read_bytes() for name, item in made(folder).items()}
    return {name: _load(name, item) for name, item in written(folder).items()} | {
        name: _file(name, body, {"br": small[f"{name}.br"], "gzip": small[f"{name}.gz"]})
        for name, body in small.items()
        if name.endswith(".js")
    }


def written(folder: Traversable) -> Mapping[str, Traversable]:
    """As they are written, with the types of those that applications import."""
    return {
        name: item
        for part in (folder, folder / "typed")
        for name, item in _below(part, "lang")
        if not name.endswith(".md")
    }


def made(folder: Traversable) -> Mapping[str, Traversable]:
    """What pages load, with the compressed forms."""
    return dict(_below(folder / "min", "lang"))


def _below(folder: Traversable, *inner: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_file():
            yield item.name, item
        elif item.name in inner:
            yield from ((f"{item.name}/{name}", each) for name, each in _below(item))


def _load(name: str, item: Traversable) -> StaticFile:
    body = item.read_bytes()
    return _file(name, body, {"gzip": gzip.compress(body, compresslevel=9, mtime=0)})


def _file(name: str, body: bytes, encoded: Mapping[str, bytes]) -> StaticFile:
    kind = next(TYPES[end] for end in TYPES if name.endswith(end))
    etag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
    return StaticFile(body, encoded, kind, etag)
