"""Run schedules: a worker process plays the servers, and Node, its child, everything else."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .stage import serve

HERE = Path(__file__).parent
AT_ONCE = 250
"""Schedules of one Node process."""


@dataclass
class Report:
    """How a number of schedules ended."""

    schedules: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    schedules_with: Counter[str] = field(default_factory=Counter)
    """In how many schedules it happened at all."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    """By seed: of everything that any screen was sent."""

    def add(self, line: str) -> None:
        told = json.loads(line)
        self.schedules += 1
        if "failed" in told:
            self.failures.append(told)
        else:
            self.hits.update(told["hits"])
            self.schedules_with.update(what for what, times in told["hits"].items() if times)
            self.digests[told["seed"]] = told["digest"]

    def merge(self, other: Report) -> None:
        self.schedules += other.schedules
        self.hits += other.hits
        self.schedules_with += other.schedules_with
        self.failures += other.failures
        self.digests |= other.digests

    def __str__(self) -> str:
        lines = [f"{self.schedules} schedules, {len(self.failures)} failed"]
        for what, times in sorted(self.hits.items()):
            lines.append(f"  {what:42} {times:9} times, in {self.schedules_with[what]} schedules")
        for failure in sorted(self.failures, key=lambda each: int(each["seed"]))[:5]:
            seed = failure["seed"]
            lines.append(f"seed {seed}: {failure['stack']}")
            lines.append(
                f"  again: python -m tests.convergence --first {seed} --schedules 1 --trace"
            )
        return "\n".join(lines)


def run(
    first: int, schedules: int, *, env: Mapping[str, str] | None = None, workers: int | None = None
) -> Report:
    """Play the schedules of these seeds, several at a time. A failed one does not stop the rest."""
    report = Report()
    end = first + schedules
    shares = [(start, min(AT_ONCE, end - start)) for start in range(first, end, AT_ONCE)]
    workers = min(len(shares), workers or os.cpu_count() or 1)
    # Processes of their own in any case: chance is seeded there for the whole process.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        for share in pool.map(_play, *zip(*shares, strict=True), [dict(env or {})] * len(shares)):
            report.merge(share)
    return report


def _play(first: int, schedules: int, env: Mapping[str, str]) -> Report:
    node = shutil.which("node")
    assert node, "node is needed (tests/run installs it)"
    asked, nodes_output = os.pipe()
    nodes_input, told = os.pipe()
    report = Report()
    child = subprocess.Popen(
        [
            *(node, str(HERE / "proof.js")),
            *map(str, (first, schedules, nodes_output, nodes_input)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        pass_fds=(nodes_output, nodes_input),
    )
    os.close(nodes_output)
    os.close(nodes_input)
    assert child.stdout is not None
    results = child.stdout

    def collect() -> None:
        for line in results:
            report.add(line)

    collector = threading.Thread(target=collect, daemon=True)
    collector.start()
    with os.fdopen(asked, encoding="utf-8") as questions, os.fdopen(told, "w") as answers:

        def tell(line: str) -> None:
            answers.write(line + "\n")
            answers.flush()

        serve(questions.readline, tell)
    code = child.wait()
    collector.join()
    assert code == 0, f"node ended with {code}"
    return report
