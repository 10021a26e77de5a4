"""The subcommand `demo`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

HELP = "serve a page of prose to select and discuss, on the embedded storage"

ROOMS = ("asgi", "auth", "config", "engine", "hooks", "pubsub", "storage", "usage")


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

    try:
        listening = _listen(arguments.host, arguments.port)
    except OSError as error:
        where = f"{arguments.host}:{arguments.port}"
        hint = "choose another with --port" if error.errno == errno.EADDRINUSE else "see --host"
        print(f"The demo cannot listen on {where}: {error.strerror}; {hint}", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        "collabchat_asgi.demo.app:app",
        workers=arguments.workers,
        log_level="warning",
        log_config=_logging(),
        ws_per_message_deflate=False,
    )
    with listening:
        try:
            return _serve(config, listening, arguments, storage)
        except KeyboardInterrupt:
            return 0


def _serve(
    config: uvicorn.Config, listening: socket.socket, arguments: argparse.Namespace, storage: str
) -> int:
    """Until somebody stops it. The port is ours by now: who opens it early waits a moment."""
    import uvicorn

    from ..errors import CollabChatError
    from .app import collab
    from .residents import move_in
    from .workers import Workers

    try:
        if not storage.startswith("memory:"):
            asyncio.run(move_in(collab))
    except CollabChatError as error:
        print(f"The demo cannot start: {error}", file=sys.stderr)
        return 1
    shown = "localhost" if arguments.host in ("127.0.0.1", "0.0.0.0", "::") else arguments.host
    where = f"[{shown}]" if ":" in shown else shown
    print(f"Open http://{where}:{listening.getsockname()[1]}/ in two browsers, and discuss.")
    if storage.startswith("sqlite:///"):
        print(f"Everything said is kept in {storage.removeprefix('sqlite:///')}")
    print("Press Ctrl+C to stop.", flush=True)
    if arguments.workers > 1:
        Workers(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2_048)
        listening.set_inheritable(True)
    except BaseException:
        listening.close()
        raise
    return listening


class ToldToEnd(logging.Filter):
    """Ctrl+C while a worker starts is no failure of its start."""

    told = False

    def filter(self, record: logging.LogRecord) -> bool:
        self.told = self.told or "told to end" in record.getMessage()
        return not self.told


def _logging() -> dict[str, Any]:
    """Faults are told, by each process. That a container's SQLite is its own is none here: all who
    serve the demo are started by it."""
    from uvicorn.config import LOGGING_CONFIG

    rooms = {f"collabchat_asgi.{room}": {"level": "WARNING"} for room in ROOMS}
    loggers = {**LOGGING_CONFIG["loggers"], "collabchat_asgi": {"level": "ERROR"}, **rooms}
    told_to_end = f"{__name__}.{ToldToEnd.__name__}"
    loggers["uvicorn.error"] = {**loggers["uvicorn.error"], "filters": ["told to end"]}
    logging.getLogger("collabchat_asgi").setLevel("ERROR")
    for room in ROOMS:
        logging.getLogger(f"collabchat_asgi.{room}").setLevel("WARNING")
    filters = {"told to end": {"()": told_to_end}}
    return {**LOGGING_CONFIG, "loggers": loggers, "filters": filters}


def _file() -> Path:
    """Beside where one stands; where nothing may be written, in a temporary folder."""
    here = Path.cwd()
    if os.access(here, os.W_OK):
        return here / "collabchat-demo.db"
    return Path(tempfile.mkdtemp(prefix="collabchat-demo-")) / "collabchat-demo.db"
