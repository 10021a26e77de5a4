"""Each module of the core is shown by its own test file, without what other rooms happen to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "collabchat_asgi" / "core"
MODULES = sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__")
LEAST = 95
"""Per cent of a module's lines."""


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_test_file_of_its_own(module: str) -> None:
    assert (Path(__file__).parent / f"test_{module}.py").exists()


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_a_test_file_runs_its_module(module: str, tmp_path: Path) -> None:
    source = f"collabchat_asgi/core/{module}.py"
    run = [*("run", f"--include={source}"), *("-m", "pytest", "-q", "-p", "no:cacheprovider")]
    coverage(tmp_path, *run, f"tests/core/test_{module}.py")
    coverage(tmp_path, "json", "-o", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text())["files"][source]
    share = found["summary"]["percent_covered"]
    print(f"core/{module}: {share:.1f} % of its lines by tests/core/test_{module}.py alone")
    assert share >= LEAST, f"never run: lines {found['missing_lines']}"


def coverage(folder: Path, *words: str) -> None:
    """Of the normal form of the tests."""
    env = {**os.environ, "COVERAGE_FILE": str(folder / "coverage"), "TESTS_LONG": ""}
    command = [sys.executable, "-m", "coverage", *words]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
