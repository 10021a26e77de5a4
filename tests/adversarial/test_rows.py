"""Every row of the list is shown by tests that exist, or says why it does not apply."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from .rows import ROWS, Row

ROOT = Path(__file__).parents[2]


@cache
def named_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_list_is_whole() -> None:
    assert [row.number for row in ROWS] == list(range(1, 63))
    assert all(bool(row.tests) != bool(row.not_applicable) for row in ROWS)
    print(f"the adversarial list, {sum(bool(row.tests) for row in ROWS)} of {len(ROWS)} rows shown")
    print(*ROWS, sep="\n")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_its_tests_exist(row: Row) -> None:
    for test in row.tests:
        path, name = test.split("::")
        if path.endswith(".js"):
            assert name in (ROOT / path).read_text(), test
        else:
            assert name in named_in(path), test


def test_the_tests_readme_has_the_list() -> None:
    readme = (ROOT / "tests" / "README.md").read_text()
    assert "\n".join(row.as_markdown() for row in ROWS) in readme
