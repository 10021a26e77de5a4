"""What the tests counted is printed at the end of the run, file by file: every figure has its N."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told: dict[str, list[str]] = {}
    for report in terminalreporter.getreports("passed"):
        if report.when == "call" and (lines := report.capstdout.strip()):
            told.setdefault(report.nodeid.partition("::")[0], []).append(lines)
    if told:
        terminalreporter.section("figures")
    for file, lines in sorted(told.items()):
        terminalreporter.write_line(f"\n{file}")
        for line in "\n".join(lines).splitlines():
            terminalreporter.write_line(f"  {line}")
