"""Rows of the adversarial list against real servers; a neighbour must never notice.

The list is printed at the end of a run of test_rows.py.
"""

from __future__ import annotations

import pytest

from tests.blackbox.conftest import neighbour, peer, server, site, storage

from .rows import Row

__all__ = ["neighbour", "peer", "server", "site", "storage"]

shown: list[Row] = []


@pytest.fixture
def table() -> list[Row]:
    return shown


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if shown:
        count = sum(bool(row.tests) for row in shown)
        terminalreporter.section(f"the adversarial list, {count} of {len(shown)} rows shown")
        for row in shown:
            terminalreporter.write_line(str(row))
