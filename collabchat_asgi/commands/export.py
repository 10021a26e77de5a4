"""The subcommand `export`: every annotation for other programs to read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import orjson

from ..core.model import PageKey
from ..core.records import restore
from ..core.state import ChatState
from ..engine.erasing.erasure import belongings
from ..storage.abc import Storage
from .session import a_person, a_site, a_tenant, add_storage, finish, opened, pages_of, storage_url
from .tables import HTML_HEAD, csv_head, csv_lines, html_of
from .w3c import CONTEXT, annotations_of

HELP = "write all annotations as CSV, as HTML, or as W3C Web Annotations (JSON-LD)"

_FOR_EVER = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument(
        "--format",
        choices=("w3c", "w3c-page", "csv", "html"),
        default="w3c",
        help="one annotation per line, one AnnotationPage, for spreadsheets, to read (%(default)s)",
    )
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, help="otherwise all tenants")
    parser.add_argument("--page", metavar="URLID", help="otherwise all pages")
    parser.add_argument(
        "--base",
        metavar="URL",
        type=a_site,
        default="",
        help="where pages live whose id is a path, as https://docs.example",
    )

    parser.add_argument(
        "--user",
        metavar="ID",
        type=a_person,
        help="what is this person's alone, one page per line as JSON, for them to take away",
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    out = sys.stdout.buffer
    async with opened(storage_url(arguments)) as storage:
        if arguments.user is not None:
            async for page in belongings(storage, arguments.user, arguments.tenant):
                if arguments.page in (None, page["urlId"]):
                    out.write(orjson.dumps(page, option=orjson.OPT_APPEND_NEWLINE))
            out.flush()
            return 0
        if arguments.format in ("csv", "html"):
            async for text in _tables(storage, arguments):
                out.write(text.encode())
            out.flush()
            return 0
        found = exported(storage, arguments.tenant, arguments.page, arguments.base)
        if arguments.format == "w3c":
            async for annotation in found:
                out.write(orjson.dumps(annotation, option=orjson.OPT_APPEND_NEWLINE))
        else:
            head = {"@context": CONTEXT, "id": f"urn:uuid:{uuid4()}", "type": "AnnotationPage"}
            out.write(orjson.dumps(head)[:-1] + b',"items":[')
            between = b"\n"
            async for annotation in found:
                out.write(between + orjson.dumps(annotation))
                between = b",\n"
            out.write(b"\n]}\n")
    out.flush()
    return 0


async def _tables(storage: Storage, arguments: argparse.Namespace) -> AsyncIterator[str]:
    yield csv_head() if arguments.format == "csv" else HTML_HEAD
    async for key in pages_of(storage, arguments.tenant, arguments.page):
        chats = await chats_of(storage, key) if key.tenant_id else []
        if chats and arguments.format == "html":
            yield html_of(key, chats)
        elif chats:
            for chat in chats:
                for line in csv_lines(key, chat):
                    yield line


async def exported(
    storage: Storage, tenant_id: str | None, url_id: str | None, base: str
) -> AsyncIterator[dict[str, Any]]:
    """Page by page, so that memory holds no more than one."""
    async for key in pages_of(storage, tenant_id, url_id):
        if key.tenant_id:
            for annotation in await of_page(storage, key, base):
                yield annotation


async def of_page(storage: Storage, key: PageKey, base: str) -> list[dict[str, Any]]:
    return [
        annotation
        for chat in await chats_of(storage, key)
        for annotation in annotations_of(key, chat, base)
    ]


async def chats_of(storage: Storage, key: PageKey) -> list[ChatState]:
    loaded = await storage.load(key)
    return list(restore(loaded.position, loaded.records, _FOR_EVER).chats.values())
