"""The modules that browsers load: read once, served from memory.

`static/` holds the modules as they are written, in rooms; their addresses have no rooms, so that
one that moves keeps its address. What pages load is in `static/min`: the client, the widget and
its languages, each in one small file, served under the name of the module that it was made of, with
its `.br` and `.gz` beside it (`npm run minify --prefix tests/client` makes them all).
"""

from __future__ import annotations

import gzip
import hashlib
import re
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


ROOMS = ("client", "anchors", "widget", "usage", "typed")
"""Of `static/`. No name of a file may be in two of them (tests/test_layers.py)."""
_FROM_ANOTHER_ROOM = re.compile(rb"""(?<=['"])\.\./(?:\w+/)?(?=[\w-]+\.js['"])""")


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
    small = made(folder)
    return {name: _load(name, body) for name, body in written(folder).items()} | {
        name: _file(name, body, {"br": small[f"{name}.br"], "gzip": small[f"{name}.gz"]})
        for name, body in small.items()
        if name.endswith(".js")
    }


def written(folder: Traversable) -> Mapping[str, bytes]:
    """As they are written, with the types of those that applications import. What they import of
    another room is named by its address, which is beside theirs."""
    found = {name: body for name, body in _below(folder) if not name.endswith(".md")}
    for room in ROOMS:
        for name, body in _below(folder / room, "lang"):
            found[name] = body if "/" in name else _FROM_ANOTHER_ROOM.sub(b"./", body)
    return found


def made(folder: Traversable) -> Mapping[str, bytes]:
    """What pages load, with the compressed forms."""
    return dict(_below(folder / "min", "lang"))


def _below(folder: Traversable, *inner: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_file():
            yield item.name, item.read_bytes()
        elif item.name in inner:
            yield from ((f"{item.name}/{name}", body) for name, body in _below(item))


def _load(name: str, body: bytes) -> StaticFile:
    return _file(name, body, {"gzip": gzip.compress(body, compresslevel=9, mtime=0)})


def _file(name: str, body: bytes, encoded: Mapping[str, bytes]) -> StaticFile:
    kind = next(TYPES[end] for end in TYPES if name.endswith(end))
    etag = '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
    return StaticFile(body, encoded, kind, etag)
