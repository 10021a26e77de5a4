"""The subcommand `assets`: the browser's modules as files, for a CDN or a bundler."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from .asgi.static import made, written

HELP = "copy the browser's modules into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)


def run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    static = files("collabchat_asgi") / "static"
    # Those that pages load are there in one small file each, as the server sends them.
    small = made(static).items()
    found = {
        **written(static),
        **{name: body for name, body in small if not name.endswith((".br", ".gz"))},
    }
    for name, body in found.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    print(
        f"{len(found)} files in {folder}. A copy must be told where collabchat answers: "
        "prefix='/collabchat', or 'https://api.example.com/collabchat' on another origin."
    )
    return 0
