"""All benchmarks, as one table of ratios. Nothing here passes or fails.

    python -m tests.benchmarks [--rounds N] [--directory DISK] [name …]

Names: the keys of `GROUPS` below; all of them where none is given. A round of everything that is
compared is run before the next round begins; what is shown is the median.
"""

from __future__ import annotations

import argparse
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import (
    back_ends,
    collector,
    connecting,
    delay,
    delivering,
    durable,
    fan_out,
    footprint,
    hostile,
    idle,
    joining,
    live_fan_out,
    page_size,
    pass_through,
    scale,
    two_processes,
    writing,
)
from tests.benchmarks.report import Row, machine, print_rows

Group = Callable[[int], Iterator[Row]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which of the benchmarks; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="where the databases go: a real disk, or the durable rows mean nothing",
    )
    arguments = parser.parse_args()
    groups: dict[str, Group] = {
        "pass-through": pass_through.rows,
        "fan-out": fan_out.rows,
        "live-fan-out": live_fan_out.rows,
        "delivering": delivering.rows_on(arguments.directory),
        "delay": delay.rows_on(arguments.directory),
        "durable": durable.rows_on(arguments.directory),
        "collector": collector.rows_on(arguments.directory),
        "writing": writing.rows_on(arguments.directory),
        "two-processes": two_processes.rows_on(arguments.directory),
        "page-size": page_size.rows_on(arguments.directory),
        "connecting": connecting.rows,
        "joining": joining.rows_on(arguments.directory),
        "footprint": footprint.rows,
        "idle": idle.rows,
        "hostile": hostile.rows,
        "scale": scale.rows,
        "back-ends": back_ends.rows,
    }
    if unknown := set(arguments.names) - set(groups):
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(groups)}")
    before = machine()
    rows: list[Row] = []
    for name, group in groups.items():
        if not arguments.names or name in arguments.names:
            try:
                rows += group(arguments.rounds)
            except Exception as error:
                traceback.print_exc()
                rows.append(Row(name, f"not measured: {error!r}"[:100]))
    print(before)
    print(f"median of {arguments.rounds} interleaved rounds")
    print_rows(rows)


if __name__ == "__main__":
    main()
