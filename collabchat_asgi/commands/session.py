"""What the commands share: which storage is meant, what is in it, and how errors end a command."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from ..core.text import is_tenant_id
from ..errors import CollabChatError, ConfigError
from ..hooks.words import as_user_id
from ..registry import make_storage
from ..reloaders import DEFAULT_STORAGE
from ..settings import from_environment
from ..storage.abc import PageKey, Storage

STDIN = "the standard input"

_PAGES_AT_ONCE = 500


def add_storage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--storage",
        metavar="URL",
        help=f"otherwise COLLABCHAT_STORAGE, otherwise {DEFAULT_STORAGE}",
    )


def a_tenant(text: str) -> str:
    """A type of `argparse`. What has no tenant is our own, and nothing to erase or to copy alone:
    a variable of a shell that is not set would name it."""
    if is_tenant_id(text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no tenant id")


def a_person(text: str) -> str:
    """A type of `argparse`, as the host's own calls take it."""
    try:
        return as_user_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is nobody: {error}") from error


def a_site(text: str) -> str:
    """A type of `argparse`: where pages live, or nothing."""
    with suppress(ValueError):
        parts = urlsplit(text)
        if not text or (parts.scheme in ("http", "https") and parts.netloc):
            return text
    raise argparse.ArgumentTypeError(f"{text!r} is no address, such as https://docs.example")


def storage_url(arguments: argparse.Namespace) -> str:
    given: str | None = arguments.storage
    # A variable of a shell that is not set is no wish for another storage than it was to name.
    return from_environment().get("storage", DEFAULT_STORAGE) if given is None else given


@asynccontextmanager
async def opened(url: str, *, may_be_new: bool = False) -> AsyncIterator[Storage]:
    """The storage behind the URL, open. A file is made only where it `may_be_new`."""
    storage = make_storage(url)
    path = getattr(storage, "path", None)
    if isinstance(path, Path) and not may_be_new and not path.exists():
        raise ConfigError(f"{path}: there is no such file; is the path right?")
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


async def pages_of(
    storage: Storage, tenant_id: str | None = None, url_id: str | None = None
) -> AsyncIterator[PageKey]:
    """Every page, in key order; the reserved ones, which have no tenant, too."""
    after = None
    while found := await storage.pages(tenant_id, after, _PAGES_AT_ONCE):
        for key in found:
            if url_id in (None, key.url_id):
                yield key
        after = found[-1]


def content_of(path: Path) -> bytes:
    """What is in a file that somebody named; `-` is the standard input. Raises `ConfigError`."""
    if str(path) != "-":
        try:
            return path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
    # There is none where a shell gives none: `<&-`. Python's types do not say so.
    given: TextIO | None = sys.stdin
    if given is None:
        raise ConfigError(f"{STDIN}: it is closed")
    try:
        return given.buffer.read()
    except OSError as error:
        raise ConfigError(f"{STDIN}: {error.strerror}") from error


def finish(work: Coroutine[Any, Any, int]) -> int:
    """Run it to its exit code; what went wrong is one line that a person can act on."""
    try:
        return asyncio.run(work)
    except CollabChatError as error:
        print(f"collabchat: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename is None:  # no file that somebody named, but our own output perhaps
            raise
        print(f"collabchat: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
