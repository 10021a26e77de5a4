"""The subcommand `rotate-key`: another key for what processes tell each other."""

from __future__ import annotations

import argparse

from .session import add_storage, finish, opened, storage_url

HELP = "change the key that seals what processes tell each other over the pub/sub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments)))


async def _run(url: str) -> int:
    async with opened(url) as storage:
        await storage.rotate_key()
    print(
        "the key was changed: running processes take the new one within a minute, and what was "
        "sealed with the old one counts for a minute more. People's quotas begin anew in processes "
        "that start from now on; tenants' do not"
    )
    return 0
