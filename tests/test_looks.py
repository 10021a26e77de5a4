"""What the front end's README says can be themed is what the styles take, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / "collabchat_asgi" / "static"
SOURCES = "\n".join(
    path.read_text() for path in sorted(STATIC.rglob("*.js")) if "min" not in path.parts
)
README = (STATIC / "README.md").read_text()
LOOKS = README.split("\n## Looks\n")[1].split("\n## ")[0]

PROPERTIES = set(re.findall(r"var\(--collabchat-([a-z-]+)", SOURCES))
PARTS = set(re.findall(r"\bpart: '([a-z ]+)'", SOURCES))
HIGHLIGHTS = set(re.findall(r"::highlight\(collabchat-([a-z]+)\)", SOURCES))


def test_every_property() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+`) \|", LOOKS, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert told == PROPERTIES
    assert len(told) > 8


def test_every_part() -> None:
    sentence = LOOKS.split("Parts: ")[1].split(" Highlights: ")[0]
    assert set(re.findall(r"::part\(([a-z]+)\)", sentence)) == PARTS
    assert len(PARTS) > 3


def test_every_highlight() -> None:
    sentence = LOOKS.split(" Highlights: ")[1].split(": ours")[0]
    told = {name.removeprefix("collabchat-") for name in re.findall(r"([a-z-]+)[`)]", sentence)}
    assert {name.lstrip("-") for name in told} == HIGHLIGHTS
    painted = (STATIC / "widget/highlights.js").read_text().split("const NAMES = ")[1].split("]")[0]
    assert set(re.findall(r"'([a-z]+)'", painted)) == HIGHLIGHTS


@pytest.mark.parametrize("sheet", ["widgetSheet", "talkSheet"])
def test_every_rule_of_corners_and_letters_asks_the_page(sheet: str) -> None:
    """A radius or a font-family of our own would be beside what a page set once for all."""
    name = {"widgetSheet": "WIDGET", "talkSheet": "TALK"}[sheet]
    css = SOURCES.split(f"const {name} = `")[1].split("`\n")[0]
    corners = re.findall(r"border-radius: ([^;}]+)", css)
    assert len(corners) > 4
    # Dots and faces are round by what they are.
    assert [c for c in corners if "--collabchat-radius" not in c and c.strip() != "50%"] == []
