"""What a process and its children have cost so far, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError

PROC = Path("/proc")


class Cost(NamedTuple):
    seconds: float
    """Of a processor."""
    bytes: int
    """Resident; pages that several share count for each."""

    def since(self, before: Cost) -> Cost:
        return Cost(self.seconds - before.seconds, self.bytes - before.bytes)


def cost_of(pid: int) -> Cost:
    """Of the process with all that it has started. Raises `ConfigError` where there is none."""
    parents: dict[int, int] = {}
    costs: dict[int, Cost] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name, in brackets, may hold anything.
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        one = int(folder.name)
        parents[one] = int(told[1])
        ticks = int(told[11]) + int(told[12])
        memory = int(told[21]) * os.sysconf("SC_PAGE_SIZE")
        costs[one] = Cost(ticks / os.sysconf("SC_CLK_TCK"), memory)
    if pid not in costs:
        raise ConfigError(f"--pid {pid}: there is no such process, or this is no Linux")
    family = [one for one in costs if _descends(one, pid, parents)]
    return Cost(sum(costs[one].seconds for one in family), sum(costs[one].bytes for one in family))


def _descends(one: int, ancestor: int, parents: dict[int, int]) -> bool:
    while one and one != ancestor:
        one = parents.get(one, 0)
    return one == ancestor
