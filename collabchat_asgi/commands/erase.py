"""The subcommand `erase`: forget a page, or all pages of a tenant, with what was said there."""

from __future__ import annotations

import argparse
import sys

from .session import a_tenant, add_storage, finish, opened, pages_of, storage_url

HELP = "forget a page, or all pages of a tenant, for good"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, required=True)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--page", metavar="URLID", help="this page only")
    which.add_argument("--all-pages", action="store_true", help="all pages of the tenant")
    parser.add_argument("--yes", action="store_true", help="do it; otherwise say what would go")


def run(arguments: argparse.Namespace) -> int:
    return finish(
        _run(storage_url(arguments), arguments.tenant, arguments.page, sure=arguments.yes)
    )


async def _run(url: str, tenant_id: str, url_id: str | None, *, sure: bool) -> int:
    """1 where there was nothing: a name with a typo shall not look like a success."""
    async with opened(url) as storage:
        pages = events = 0
        async for key in pages_of(storage, tenant_id, url_id):
            [head] = (await storage.heads([key])).values()
            if head.seq == 0:
                continue
            pages += 1
            events += head.seq
            if sure:
                await storage.erase(key)
    if pages == 0:
        where = f"page {url_id!r}" if url_id else "pages"
        print(f"tenant {tenant_id!r} has no such {where}: nothing to erase", file=sys.stderr)
        return 1
    what = f"{pages} page{'s' if pages > 1 else ''} with {events:,} events"
    print(f"{what} erased" if sure else f"{what} would be erased: say --yes to do it")
    return 0
