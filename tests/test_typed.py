"""What the front end's README names, and what the types declare, is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / "collabchat_asgi" / "static"
README = (STATIC / "README.md").read_text()
TYPES = "\n".join(path.read_text() for path in sorted((STATIC / "typed").glob("*.ts")))


def told(heading: str) -> set[str]:
    """The names in the first column of a table."""
    rows = re.split(rf"^\| {re.escape(heading)} \|.*\n\|---.*\n", README, flags=re.MULTILINE)[1]
    cells = " ".join(row.split(" | ")[0] for row in rows.split("\n\n")[0].splitlines())
    return set(re.findall(r"`([\w:-]+)[?(`]", cells))


def typed(declaration: str) -> set[str]:
    """The names of an interface on one line, or of a body in lines of its own."""
    _, _, body = TYPES.partition(f"{declaration} ")
    body = body.split("{", 1)[1]
    if not body.startswith("\n"):
        return set(re.findall(r"(\w+):", body.split("}")[0]))
    lines = re.split(r"^\}", body, maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^  (?:readonly )?'?([\w:-]+)'?\??[:(]", lines, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "declaration", "untold"),
    [
        ("event of a page", "interface PageEvents", set()),
        ("`state`", "interface PageState", {"position"}),  # of the wire
        ("attribute", "interface WidgetAttributes", set()),
        ("property, method", "class CollabChatElement", set()),
        ("event (bubbles)", "interface WidgetEvents", set()),
    ],
)
def test_the_names_of_a_table(heading: str, declaration: str, untold: set[str]) -> None:
    assert told(heading) | untold == typed(declaration)


def test_the_names_of_a_page() -> None:
    inherited = {"on"}
    assert told("`client.page(urlId)`") - inherited == typed("class Page") - {"constructor"}


def test_the_names_of_statuses() -> None:
    (declared,) = re.findall(r"^export type Status = (.*)", TYPES, re.MULTILINE)
    assert told("`status`") == set(re.findall(r"'(\w+)'", declared))
