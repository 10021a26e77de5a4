"""What the tests counted is printed at the end of the run, file by file: every figure has its N.

Tests marked `long` belong to `tests/run --all` (`TESTS_LONG=1`) and are not collected else. A test
that hangs fails by its name, and the others go on: pytest-timeout raises where it stands.
"""

from __future__ import annotations

import os
import resource

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
"""Thousands of sockets are open here at once, and a person's shell has 1,024 files at first."""

LONGEST = (
    *("tests/convergence/test_convergence", "tests/faults/test_kills", "tests/servers/test_matrix"),
    *("tests/faults/", "tests/engine/test_schedules", "tests/browser/", "tests/pubsub/test_redis"),
)
"""Begun first, in this order: whatever takes minutes by itself must not be what all wait for at the
end."""

SECONDS = 2_700 if os.environ.get("TESTS_LONG") else 300
"""What a test may take with its fixtures. With `--all` many take more seeds, servers and faults."""


def _begun(item: pytest.Item) -> int:
    found = (place for place, name in enumerate(LONGEST) if item.nodeid.startswith(name))
    return next(found, len(LONGEST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_begun)
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS, method="signal"))
    if os.environ.get("TESTS_LONG"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


class _Scheduling(LoadFileScheduling):
    """A file at a time in each process, since its tests share their servers. Pairs share none."""

    def _split_scope(self, nodeid: str) -> str:
        alone = nodeid.startswith("tests/servers/test_matrix")
        return nodeid if alone else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _Scheduling(config, log)


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
