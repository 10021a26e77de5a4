"""The subcommand `new-epoch`: after a backup was restored, everybody loads anew."""

from __future__ import annotations

import argparse

from ..core.model import PageKey, Position
from ..storage.abc import Storage
from .session import a_tenant, add_storage, finish, opened, pages_of, storage_url

HELP = "make every client load its page again, after a backup was restored"

_BEYOND = 2**50
"""A number that no log reaches."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, help="otherwise all tenants")
    parser.add_argument("--page", metavar="URLID", help="otherwise all pages")


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments), arguments.tenant, arguments.page))


async def _run(url: str, tenant_id: str | None, url_id: str | None) -> int:
    renewed = 0
    async with opened(url) as storage:
        async for key in pages_of(storage, tenant_id, url_id):
            renewed += await renew(storage, key)
    print(f"{renewed} pages have a new epoch: whoever was on them loads them again")
    return 0


async def renew(storage: Storage, key: PageKey) -> bool:
    """Whether the page had events, and so has a new epoch now."""
    [head] = (await storage.heads([key])).values()
    if head.seq == 0:
        return False
    # The storage draws one for whoever saw more than there is.
    await storage.renew(key, Position(head.epoch, _BEYOND))
    return True
