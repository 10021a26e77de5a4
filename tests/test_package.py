"""What a user installs, and what it promises by name."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import collabchat_asgi

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_is_pure_and_brings_the_modules(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")
    for path in (ROOT / "collabchat_asgi").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in names


def test_the_wheel_brings_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"collabchat_asgi"}


def test_every_public_name_is_there_and_sorted() -> None:
    assert collabchat_asgi.__all__ == sorted(collabchat_asgi.__all__)
    for name in collabchat_asgi.__all__:
        assert getattr(collabchat_asgi, name) is not None


def test_no_driver_is_imported_before_it_is_used() -> None:
    code = "import sys, collabchat_asgi; print([m for m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    for heavy in ("redis", "asyncpg", "uvicorn", "fastapi", "starlette", "pytest"):
        assert f"'{heavy}'" not in loaded.stdout


def test_the_changelog_names_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    assert heads[0] in ("Unreleased", collabchat_asgi.__version__)
