"""The subcommand `settings`: every setting with its default, unit and meaning, from the code."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

HELP = "list every setting with its default, unit, range and meaning, as Markdown"

INTRODUCTION = """\
# Settings

Made from the code by `collabchat settings`.

Arguments of `CollabChat(…)` win; what is not given is read from the environment variable beside it.
A flag is `1`, `true`, `yes` or `on`, and `0`, `false`, `no`, `off` or nothing. An unknown variable
that begins with `COLLABCHAT_` is a warning. Numbers are given as
`CollabChat(limits=Limits(…), timing=Timing(…), tuning=Tuning(…))`; one that is out of its range, or
that cannot work beside another, is refused at start by name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There is none."""


def run(_: argparse.Namespace) -> int:
    print(document())
    return 0


def document() -> str:
    """The whole list as Markdown."""
    from ..config import Limits, Timing, Tuning

    parts = [INTRODUCTION, "## Arguments and environment", *_arguments()]
    for cls in (Limits, Timing, Tuning):
        first = (inspect.getdoc(cls) or "").partition("\n\n")[0]
        parts += [f"## {cls.__name__}", " ".join(first.split()), "\n".join(_numbers(cls))]
    return "\n\n".join(parts)


def _arguments() -> Iterator[str]:
    from ..collab import CollabChat
    from ..settings import VARIABLES

    variable_of = {argument: variable for variable, argument in VARIABLES.items()}
    rows = ["| argument | environment | meaning |", "|---|---|---|"]
    for name, meaning in described(inspect.getdoc(CollabChat) or "").items():
        variable = f"`{variable_of[name]}`" if name in variable_of else ""
        rows.append(f"| `{name}` | {variable} | {_cell(meaning)} |")
    yield "\n".join(rows)


def _numbers(cls: type[Any]) -> Iterator[str]:
    from ..config import unit_of

    meanings = field_docs(cls)
    yield "| name | default | unit | from | to | meaning |"
    yield "|---|--:|---|--:|--:|---|"
    for one in fields(cls):
        least, most = one.metadata["least"], one.metadata["most"]
        numbers = f"{_default(one)} | {unit_of(one.name)} | {least:,} | {most:,}"
        yield f"| `{one.name}` | {numbers} | {_cell(meanings[one.name])} |"


def described(docstring: str) -> dict[str, str]:
    """What stands in the section `Args:`, by name."""
    section = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    entries = re.split(r"^(?=\w+: )", textwrap.dedent(section), flags=re.MULTILINE)
    pairs = [entry.partition(": ") for entry in entries if entry]
    return {name: meaning for name, _, meaning in pairs}


def field_docs(cls: type[Any]) -> dict[str, str]:
    """The docstring below each field of a class."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = text
    return found


def _default(one: Field[Any]) -> str:
    return "none" if one.default is None else f"{one.default:,}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
