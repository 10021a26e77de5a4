"""redis-py 5, 6 and 7 do what the newest one does (`TESTS_LONG=1`; it installs them)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITES = [
    *("tests/pubsub/test_redis.py", "tests/pubsub/test_redis_faults.py"),
    *("tests/storage/test_redis.py", "tests/storage/test_redis_faults.py"),
]


def run(*command: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "TESTS_LONG": "", **env},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_suites_run_with_the_newest() -> None:
    from redis import __version__

    assert int(__version__.partition(".")[0]) >= 8


if os.environ.get("TESTS_LONG"):

    @pytest.mark.parametrize("major", [5, 6, 7])
    def test_an_older_driver(major: int, request: pytest.FixtureRequest) -> None:
        assert request.config.cache
        folder = str(request.config.cache.mkdir(f"redis-py-{major}"))
        run("pip", "install", "-q", "--upgrade", "--target", folder, f"redis=={major}.*")
        told = run("pytest", "-q", "-p", "no:cacheprovider", *SUITES, PYTHONPATH=folder)
        print(f"redis-py {major}: {told.splitlines()[-1]}")
