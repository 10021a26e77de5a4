"""The subcommand `forget`: take a person out of all pages, and out of the files."""

from __future__ import annotations

import argparse
import json
import sys

from ..engine.erasing.erasure import forget, pages, receipt
from .copy import Bar
from .session import a_person, a_tenant, add_storage, finish, opened, storage_url

HELP = "take a person out of every page of a tenant, for good; go on where it stopped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument(
        "--user", metavar="ID", type=a_person, required=True, help="as the host calls them"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--tenant", metavar="ID", type=a_tenant, help="in this tenant only")
    which.add_argument("--all-tenants", action="store_true")
    parser.add_argument("--yes", action="store_true", help="do it; otherwise say what would go")
    parser.add_argument(
        "--no-purge",
        action="store_true",
        help="leave the bytes in the database's files until `collabchat purge`",
    )
    parser.epilog = (
        "First see to it that they cannot come back: who is signed in writes on. Servers that run "
        "notice within a sweep (5 s), and everybody on a page that was changed gets it anew. What "
        "others wrote stays. Backups, replicas and the server's own write-ahead log are yours to "
        "end."
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    tenant_id, sure = arguments.tenant, arguments.yes
    async with opened(storage_url(arguments)) as storage:
        bar = Bar(len([key async for key in pages(storage, tenant_id)]))
        done = await forget(
            storage, arguments.user, tenant_id, sure=sure, progress=lambda _: bar.step(1)
        )
        bar.end()
        if sure and not arguments.no_purge:
            await storage.purge()
    print(json.dumps(receipt(done)))
    for key in done.failed:
        print(f"{key.tenant_id} {key.url_id}: cannot be read by this release", file=sys.stderr)
    if not sure:
        print("nothing was changed: say --yes to do it", file=sys.stderr)
    return 1 if done.failed else 0
