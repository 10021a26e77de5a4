"""What pages load is made of the modules as they are written, and served compressed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from collabchat_asgi.asgi.static import load_static
from collabchat_asgi.cli import main

from .asgi.driver import get, make

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "collabchat_asgi" / "static"
LIMIT = 30 * 1024
"""Bytes of client and widget together, compressed by gzip: all that an English page loads before
somebody opens a discussion."""
OPENED = 18 * 1024
"""Bytes of what comes beside it, for the first discussion that is opened: also its looks."""
LANGUAGE = 4 * 1024
"""Bytes of what a page in another language loads besides."""


def node(*arguments: str) -> str:
    found = shutil.which("node")
    assert found, "node is needed (tests/run installs it)"
    done = subprocess.run([found, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("name", ["client.js", "widget.js", "talk.js", "seek.js", "lang/de.js"])
def test_it_is_made_of_the_modules(name: str) -> None:
    """Otherwise: `npm run minify --prefix tests/client`."""
    script = (ROOT / "tests/client/minify.js").as_uri()
    code = f"import {{ minified }} from '{script}'; process.stdout.write(await minified('{name}'))"
    made = node("--input-type=module", "--eval", code)
    assert load_static()[name].body.decode() == made


@pytest.mark.parametrize("name", ["client.js", "widget.js"])
@pytest.mark.parametrize(
    ("coding", "end", "reader"),
    [("br", "br", "brotliDecompressSync"), ("gzip", "gz", "gunzipSync")],
)
def test_its_compressed_forms_are_of_the_same_text(
    name: str, coding: str, end: str, reader: str
) -> None:
    """Otherwise: `npm run minify --prefix tests/client`."""
    file = load_static()[name]
    path = STATIC / "min" / f"{name}.{end}"
    assert path.read_bytes() == file.encoded[coding]
    code = (
        f"import {{ {reader} }} from 'node:zlib'; import {{ readFileSync }} from 'node:fs'; "
        f"process.stdout.write({reader}(readFileSync({str(path)!r})))"
    )
    assert node("--input-type=module", "--eval", code) == file.body.decode()


@pytest.mark.parametrize("path", sorted((STATIC / "min").glob("*.js")), ids=lambda path: path.name)
def test_what_is_served_is_javascript(path: Path, tmp_path: Path) -> None:
    served = tmp_path / path.with_suffix(".mjs").name
    served.write_bytes(load_static()[path.name].body)
    node("--check", str(served))


def test_client_and_widget_are_small() -> None:
    sizes = {name: len(file.encoded["gzip"]) for name, file in load_static().items()}
    first = sizes["client.js"] + sizes["widget.js"]
    print(f"client and widget, gzip: {first:,} bytes; talk {sizes['talk.js']:,}")
    assert first <= LIMIT
    assert sizes["talk.js"] <= OPENED
    assert max(size for name, size in sizes.items() if name.startswith("lang/")) <= LANGUAGE


def test_the_first_load_is_all_that_its_modules_import_at_once() -> None:
    """A module that `widget.js` imports beside its own would be loaded too, and not counted."""
    for name, known in (("client.js", set()), ("widget.js", {"./client.js"})):
        text = load_static()[name].body.decode()
        assert set(re.findall(r'(?:from|import)"([^"]+)"', text)) == known


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("BR;q=0.5", "br"),
        ("br;q=0, gzip;q=1", "gzip"),
        ("br; q=0.000,gzip ;q=0", None),
        ("brotli, xgzip", None),
        ("", None),
    ],
)
async def test_what_the_browser_takes(accepted: str, coding: str | None) -> None:
    collab = make()
    headers = [(b"host", b"example.com"), (b"accept-encoding", accepted.encode())]
    status, told, body = await get(collab, "/widget.js", headers=headers)
    await collab.close()
    assert (status, told.get("content-encoding"), told["vary"]) == (200, coding, "Accept-Encoding")
    file = load_static()["widget.js"]
    assert body == (file.encoded[coding] if coding else file.body)


def test_the_copied_ones_are_those_that_are_served(tmp_path: Path) -> None:
    assert main(["assets", str(tmp_path)]) == 0
    for name, file in load_static().items():
        assert (tmp_path / name).read_bytes() == file.body
