"""The subcommand `demo`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

HELP = "serve a page of prose to select and discuss, on the embedded storage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="server processes (%(default)s)")
    parser.add_argument("--storage", metavar="URL", help="otherwise a SQLite file")
    parser.add_argument("--pubsub", metavar="URL", help="otherwise what fits the storage")


def run(arguments: argparse.Namespace) -> int:
    try:
        import uvicorn
    except ImportError:
        print("The demo needs a server: pip install 'collabchat-asgi[demo]'", file=sys.stderr)
        return 1
    storage = arguments.storage or os.environ.get("COLLABCHAT_STORAGE") or f"sqlite:///{_file()}"
    if arguments.workers > 1 and storage.startswith("memory:"):
        print("memory:// is one process's own: use --workers 1", file=sys.stderr)
        return 2
    # Workers are processes of their own: what they need to know travels in the environment.
    os.environ["COLLABCHAT_STORAGE"] = storage
    if arguments.pubsub:
        os.environ["COLLABCHAT_PUBSUB"] = arguments.pubsub

    from ..errors import CollabChatError
    from .app import collab
    from .residents import move_in

    try:
        if not storage.startswith("memory:"):
            asyncio.run(move_in(collab))
    except CollabChatError as error:
        print(f"The demo cannot start: {error}", file=sys.stderr)
        return 1
    shown = "localhost" if arguments.host in ("127.0.0.1", "0.0.0.0", "::") else arguments.host
    where = f"[{shown}]" if ":" in shown else shown
    print(f"Open http://{where}:{arguments.port}/ in two browsers, and discuss.")
    if storage.startswith("sqlite:///"):
        print(f"Everything said is kept in {storage.removeprefix('sqlite:///')}")
    print("Press Ctrl+C to stop.", flush=True)
    uvicorn.run(
        "collabchat_asgi.demo.app:app",
        host=arguments.host,
        port=arguments.port,
        workers=arguments.workers,
        log_level="warning",
        ws_per_message_deflate=False,
    )
    return 0


def _file() -> Path:
    """Beside where one stands; where nothing may be written, in a temporary folder."""
    here = Path.cwd()
    if os.access(here, os.W_OK):
        return here / "collabchat-demo.db"
    return Path(tempfile.mkdtemp(prefix="collabchat-demo-")) / "collabchat-demo.db"
