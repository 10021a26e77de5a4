"""The subcommand `purge`: what was deleted leaves the files of the storage."""

from __future__ import annotations

import argparse

from .session import add_storage, finish, opened, storage_url

HELP = "have what was erased, deleted and edited away leave the storage's files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.epilog = (
        "SQLite: VACUUM, and an empty -wal. PostgreSQL: VACUUM FULL of our tables, by their owner; "
        "the server's own pg_wal goes with its checkpoints. Redis: a new append-only file and "
        "snapshot on every master. Commits wait while files are written: for a quiet hour."
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments)))


async def _run(url: str) -> int:
    async with opened(url) as storage:
        await storage.purge()
    print("purged: what no call reads any more has left the files")
    return 0
