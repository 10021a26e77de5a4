"""`collabchat …` and `python -m collabchat_asgi …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from .version import __version__

COMMANDS = {
    "demo": "collabchat_asgi.demo.command",
    "doctor": "collabchat_asgi.commands.doctor",
    "copy": "collabchat_asgi.commands.copy",
    "export": "collabchat_asgi.commands.export",
    "import": "collabchat_asgi.commands.import_annotations",
    "usage": "collabchat_asgi.commands.usage",
    "top": "collabchat_asgi.commands.top",
    "pages": "collabchat_asgi.commands.pages",
    "page": "collabchat_asgi.commands.page",
    "load": "collabchat_asgi.commands.load",
    "erase": "collabchat_asgi.commands.erase",
    "forget": "collabchat_asgi.commands.forget",
    "purge": "collabchat_asgi.commands.purge",
    "new-epoch": "collabchat_asgi.commands.new_epoch",
    "rotate-key": "collabchat_asgi.commands.rotate_key",
    "settings": "collabchat_asgi.commands.settings",
    "assets": "collabchat_asgi.assets",
}
"""Each a module with `HELP`, `add_arguments(parser)` and `run(arguments) -> exit code`. What a
command imports beyond the standard library, it imports in `run`."""


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="collabchat", description="Live collaborative text annotations for any ASGI app."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = import_module(module)
        sub = commands.add_parser(name, help=command.HELP, description=_sentence(command.HELP))
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)
    arguments = parser.parse_args(given)
    code: int = arguments.run(arguments)
    return code


def _sentence(text: str) -> str:
    """`str.capitalize` would write W3C and UTC small."""
    return f"{text[0].upper()}{text[1:]}."


def _version(_: argparse.Namespace) -> int:
    print(__version__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
