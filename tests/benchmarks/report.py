"""A row of the table, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("uvicorn", "uvloop", "websockets", "msgspec", "asyncpg")


@dataclass(frozen=True)
class Row:
    """`measured` says what came out, `goal` what we want to reach ("" where it asks for
    nothing), `reached` whether it is, and `n` how much was measured in each of how many rounds."""

    name: str
    measured: str
    goal: str = ""
    reached: bool | None = None
    n: str = ""


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread(values: Sequence[float], form: str) -> str:
    """The median, and from where to where the rounds went."""
    low, high = min(values), max(values)
    return f"{median(values):{form}} ({low:{form}} to {high:{form}})"


def machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{_cpu()}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, {libraries}"
    )


def disk_of(directory: Path) -> str:
    """The kind of file system that a directory is on."""
    target = str(directory.resolve())
    found = ("", "unknown")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mounted, _, details = line.partition(" - ")
        point, kind = mounted.split()[4], details.split()[0]
        below = target == point or target.startswith(point.rstrip("/") + "/")
        if below and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def print_rows(rows: Sequence[Row]) -> None:
    names = max(len(row.name) for row in rows)
    values = max(len(row.measured) for row in rows)
    goals = max(len(row.goal) for row in rows)
    for row in rows:
        mark = {True: "yes", False: "NO", None: ""}[row.reached]
        print(
            f"{row.name:{names}}  {row.measured:{values}}  {row.goal:{goals}}  {mark:3}  {row.n}",
            flush=True,
        )


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
