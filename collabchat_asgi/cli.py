"""`collabchat …` and `python -m collabchat_asgi …`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
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


_UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What becomes of output that has no place."""


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
    try:
        code: int = arguments.run(arguments)
        print(end="", flush=True)  # Python has no `sys.stdout` where a shell gives none: `>&-`
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        _write_no_more()
        # Somebody like `head` has seen enough.
        if error.errno != errno.EPIPE:
            print(f"collabchat: writing the output failed: {error.strerror}", file=sys.stderr)
        return 1
    return code


def _write_no_more() -> None:
    """Python would complain once more at its exit, of what is still in the buffer."""
    with suppress(OSError):  # where it is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _sentence(text: str) -> str:
    """`str.capitalize` would write W3C and UTC small."""
    return f"{text[0].upper()}{text[1:]}."


def _version(_: argparse.Namespace) -> int:
    print(__version__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
