"""The subcommand `page`: what is in one page, without a word of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from ..core.records import restore
from ..storage.abc import PageCopy, PageKey
from .session import a_tenant, add_storage, finish, opened, storage_url

HELP = "show what is in one page: its head, how far back its log reaches, people, size"

_FOR_EVER = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("page", metavar="ID", help="its url_id, as /articles/1")
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, required=True)


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments), PageKey(arguments.tenant, arguments.page)))


async def _run(url: str, key: PageKey) -> int:
    """1 where there is no such page: a name with a typo shall not look like an empty one."""
    async with opened(url) as storage:
        [head] = (await storage.heads([key])).values()
        if head.seq == 0:
            print(f"tenant {key.tenant_id!r} has no page {key.url_id!r}", file=sys.stderr)
            return 1
        for name, value in described(await storage.dump(key)):
            print(f"{name:<10}{value}")
    return 0


def described(page: PageCopy) -> Iterator[tuple[str, str]]:
    """Names and values, in words."""
    epoch, seq = page.position
    state = restore(page.position, page.records, _FOR_EVER)
    chats = state.chats.values()
    comments = [one for chat in chats for one in chat.comments.values()]
    resolved = sum(1 for chat in chats if chat.as_chat().resolved)
    authors = {one.comment.author.id for one in comments}
    logged = [one for one in page.kept if one.event is not None]
    size = sum(len(record.value) for record in page.records)
    yield "head", f"{seq:,}, epoch {epoch}"
    if logged:
        first = min(one.created_ms for one in logged)
        last = max(one.created_ms for one in logged)
        yield "log", f"{page.trimmed + 1:,} to {seq:,}, {_time(first)} to {_time(last)}"
    else:
        yield "log", "empty"
    yield "chats", f"{len(state.chats):,}, {resolved:,} of them resolved"
    yield "comments", f"{len(comments):,}"
    yield "people", f"{len(authors):,} have written what is there"
    yield "size", f"{size:,} bytes in {len(page.records):,} records"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
