"""The modules go out without their comments: that, and nothing else, is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from collabchat_asgi.asgi.static import load_static, without_comments

STATIC = Path(__file__).parent.parent / "collabchat_asgi" / "static"
MODULES = sorted(path.name for path in STATIC.glob("*.js"))


def bare(code: str) -> list[str]:
    """Lines of code with every comment taken out, found in another way than the server's."""
    without = re.sub(r"/\*\*[\s\S]*?\*/", "", code)
    lines = [line.strip() for line in without.splitlines()]
    return [line for line in lines if line and not line.startswith("//")]


@pytest.mark.parametrize("name", MODULES)
def test_only_comments_are_missing(name: str) -> None:
    assert bare(load_static()[name].body.decode()) == bare((STATIC / name).read_text("utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_what_is_served_is_javascript(name: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node, "node is needed (tests/run installs it)"
    served = tmp_path / name.replace(".js", ".mjs")
    served.write_bytes(load_static()[name].body)
    subprocess.run([node, "--check", served], check=True, capture_output=True)


def test_a_comment_before_code_on_its_line_takes_no_code_along() -> None:
    module = b"/** @type {A} */ #a\n#b = 1 /** no */\n  /** two\n   * lines */\n  // one\n#c\n"
    assert without_comments(module) == b"/** @type {A} */ #a\n#b = 1 /** no */\n#c\n"
