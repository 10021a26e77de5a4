"""The matrix is printed at the end of the run: hosts × servers, passed of how many."""

from __future__ import annotations

import pytest

from .servers.matrix import Outcome

outcomes: list[Outcome] = []


@pytest.fixture
def matrix() -> list[Outcome]:
    return outcomes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if outcomes:
        terminalreporter.section("servers × hosts, passed of how many")
        for outcome in outcomes:
            terminalreporter.write_line(str(outcome))
