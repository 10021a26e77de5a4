"""Grafana's own schema takes the dashboard, and nothing that is misspelt in it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = (ROOT / "examples" / "deploy" / "grafana" / "collabchat.json").read_text()
TOOLS = ROOT / "tests" / "bundler" / "node_modules"


def complaints(folder: Path, board: str) -> str:
    """Of the compiler, where `board` stands as a literal: it knows no other names than the
    schema's."""
    assert TOOLS.is_dir(), "npm ci --prefix tests/bundler (tests/run does)"
    schema = Path(__file__).with_name("dashboard")
    head = f"import type {{ Board }} from {json.dumps(str(schema))}\n"
    (folder / "board.ts").write_text(f"{head}export const board: Board = {board}")
    (folder / "package.json").write_text('{"type": "module"}')
    options = {
        **{"noEmit": True, "strict": True, "skipLibCheck": True, "types": []},
        **{"module": "esnext", "moduleResolution": "bundler", "target": "es2022"},
    }
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "files": ["board.ts"]})
    )
    command = [str(TOOLS / ".bin" / "tsc"), "-p", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.long
def test_the_schema_takes_it(tmp_path: Path) -> None:
    assert complaints(tmp_path, DASHBOARD) == ""


@pytest.mark.long
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"showPoints": "never"', '"showPoints": "sometimes"'),
        ('"graphMode":', '"graphMod":'),
        ('"expr":', '"expression":'),
        ('"graphTooltip": 1', '"graphTooltip": "shared"'),
        ('"lineWidth": 2', '"lineWidth": "2"'),
    ],
)
def test_a_slip_is_named(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in DASHBOARD
    assert "error TS" in complaints(tmp_path, DASHBOARD.replace(right, wrong, 1))
