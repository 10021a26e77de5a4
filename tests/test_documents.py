"""What the documents point to is there, and what the code cites can be read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
DOCUMENTS = [name for name in TRACKED if name.endswith(".md")]
SOURCES = [name for name in TRACKED if name.endswith((".py", ".js", ".ts", ".sh"))]
SCHEDULES = "collabchat_asgi/SCHEDULES.md"
HEADINGS = re.compile(r"^#+ (?:(\d+(?:\.\d+)?)\.? )?", re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_its_links_lead_somewhere(name: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (ROOT / name).parent.joinpath(target.partition("#")[0]).exists(), target


def test_what_the_code_cites_can_be_read() -> None:
    """`PROTOCOL section 3.1` is a heading there, `SCHEDULES H6` a row."""
    protocol = (ROOT / "collabchat_asgi" / "PROTOCOL.md").read_text()
    sections = set(HEADINGS.findall(protocol))
    schedules = set(re.findall(r"^\| (H\d+) ", (ROOT / SCHEDULES).read_text(), re.MULTILINE))
    for name in SOURCES:
        text = (ROOT / name).read_text()
        for cited in re.findall(r"PROTOCOL (?:sections? )?(\d+(?:\.\d+)?)", text):
            assert cited in sections, f"{name}: PROTOCOL {cited}"
        for cited in re.findall(r"SCHEDULES (H\d+)", text):
            assert cited in schedules, f"{name}: SCHEDULES {cited}"
        for cited in re.findall(r"def test_h(\d\d)[a-z]?_", text):
            assert f"H{int(cited)}" in schedules, f"{name}: H{cited}"


def test_nothing_is_cited_that_is_not_here() -> None:
    for name in SOURCES:
        if name == "tests/test_documents.py":
            continue
        assert not re.search(r"\bDESIGN\b|\bresearch:", (ROOT / name).read_text()), name
