"""The subcommand `doctor`: whether it will work, and which setting to change where it will not."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
from collections.abc import AsyncIterator

from ..errors import ConfigError
from ..registry import default_pubsub, masked
from ..settings import from_environment
from ..version import __version__
from .check_pubsub import check_pubsub
from .check_server import check_server
from .check_storage import check_storage
from .finding import Checkup, Finding
from .session import add_storage, finish, storage_url

HELP = "check storage, pub/sub and a running server, and say what to change"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument(
        "--pubsub", metavar="URL", help="otherwise COLLABCHAT_PUBSUB, otherwise what fits"
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        help="a server that runs, with its prefix, as its browsers know it: "
        "https://docs.example/collabchat",
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(storage_url(arguments), arguments.pubsub, arguments.url))


async def _run(storage: str, pubsub: str | None, server: str | None) -> int:
    problems = 0
    async for finding in examine(storage, pubsub, server):
        print(finding, flush=True)
        problems += finding.level == "problem"
    return 1 if problems else 0


async def examine(storage: str, pubsub: str | None, server: str | None) -> AsyncIterator[Finding]:
    say = Checkup("here")
    yield say.ok(f"collabchat-asgi {__version__}, Python {platform.python_version()}")
    async for finding in check_storage(storage):
        yield finding
    try:
        pubsub = pubsub or from_environment().get("pubsub") or default_pubsub(storage)
    except ConfigError as error:
        yield Checkup("pub/sub").problem(str(error))
    else:
        async for finding in check_pubsub(pubsub):
            yield finding
        workers = os.environ.get("WEB_CONCURRENCY", "1")
        if workers != "1" and "memory" in (_scheme(storage), _scheme(pubsub)):
            yield say.problem(
                f"WEB_CONCURRENCY={workers}, and memory:// is one process's own: "
                f"storage={masked(storage)}, pubsub={masked(pubsub)}"
            )
    if server is not None:
        for finding in await asyncio.to_thread(check_server, server):
            yield finding


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()
