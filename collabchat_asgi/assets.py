"""The subcommand `assets`: the browser's modules as files, for a CDN or a bundler."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

HELP = "copy the browser's modules into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)


def run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    modules = [item for item in (files("collabchat_asgi") / "static").iterdir() if item.is_file()]
    for module in modules:
        (folder / module.name).write_bytes(module.read_bytes())
    print(
        f"{len(modules)} files in {folder}. Served elsewhere, the widget needs prefix='https://…'."
    )
    return 0
