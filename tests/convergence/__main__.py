"""`python -m tests.convergence [--first SEED] [--schedules N] [--workers N] [--trace]`"""

from __future__ import annotations

import argparse
import sys
import time

from .proof import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.convergence")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--schedules", type=int, default=500)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--trace", action="store_true", help="every frame, on stderr")
    given = parser.parse_args()
    started = time.monotonic()
    env = {"TRACE": "1"} if given.trace else {}
    report = run(given.first, given.schedules, env=env, workers=given.workers)
    print(report)
    print(f"{time.monotonic() - started:.1f} s")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
