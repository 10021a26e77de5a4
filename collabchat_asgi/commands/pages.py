"""The subcommand `pages`: which pages there are, and how far each has come."""

from __future__ import annotations

import argparse

from ..storage.abc import PageKey, Storage
from .session import a_tenant, add_storage, finish, opened, pages_of, storage_url

HELP = "list pages: tenant, events so far, page"

AT_ONCE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, help="otherwise all tenants")


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments), arguments.tenant))


async def _run(url: str, tenant_id: str | None) -> int:
    """In parts, as they are read: of a million pages the first are told at once."""
    async with opened(url) as storage:
        keys: list[PageKey] = []
        async for key in pages_of(storage, tenant_id):
            if key.tenant_id:  # the reserved ones have none
                keys.append(key)
            if len(keys) >= AT_ONCE:
                await _tell(storage, keys)
                keys = []
        await _tell(storage, keys)
    return 0


async def _tell(storage: Storage, keys: list[PageKey]) -> None:
    heads = await storage.heads(keys) if keys else {}
    for key in keys:
        if heads[key].seq:  # a page is known before its first commit
            print(f"{key.tenant_id}\t{heads[key].seq}\t{key.url_id}")
