"""A load that is counted from both ends, and one that must not leave this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collabchat_asgi.commands.load import report
from collabchat_asgi.commands.loading import Seen, Wanted, delays, percentile
from collabchat_asgi.commands.process_cost import cost_of
from collabchat_asgi.errors import ConfigError
from collabchat_asgi.testing import ServerProcess

from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('load')}/collabchat.db"}
    with ServerProcess("tests.commands.load_app:app", env=env, directory=ROOT) as process:
        yield process


def test_everything_arrives_and_is_counted(server: ServerProcess, collabchat: Run) -> None:
    given = "--viewers 12 --writers 4 --pages 2 --rate 20 --seconds 2 --storms 1"
    code, out, err = collabchat("load", server.url, "--pid", f"{server.pid}", *given.split())
    assert code == 0, out + err
    sent, acked, refused = map(int, re.findall(r"(?:sent|acknowledged|refused) (\d+)", out))
    assert sent == acked == 4 * 11
    assert refused == 0
    # Six viewers on each page, and two of the writers.
    assert f"due {sent * 6} deliveries, lost 0, gaps 0, connections gone 0" in out
    told = {line.split()[0]: line.split()[1:] for line in out.splitlines()[2:6]}
    assert {name: cells[-1] for name, cells in told.items()} == {
        "joins": "12",
        "acks": f"{acked}",
        "deliveries": f"{sent * 6}",
        "resumes": "12",
    }
    [seconds] = re.findall(
        r"^server: ([\d.]+) s of a processor, [+-][\d.]+ MiB$", out, re.MULTILINE
    )
    assert float(seconds) > 0


def test_what_a_process_and_its_children_cost() -> None:
    own = cost_of(os.getpid())
    assert own.bytes > 2**20
    code = "print('ready', flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        both = cost_of(os.getpid())
        assert both.bytes >= own.bytes + cost_of(child.pid).bytes - 2**20
        child.communicate(b"\n")
    with pytest.raises(ConfigError, match="no such process"):
        cost_of(child.pid)


def test_who_may_not_do_so_much_is_told_why() -> None:
    seen = Seen(sent=9, acks=[0.002] * 4)
    seen.refused.update({"rate-limited": 3, "forbidden": 1})
    seen.unanswered = 1
    told = "\n".join(report(Wanted(1, 1, 1, 60.0, 1.0, 0), seen))
    assert "refused 4 (forbidden 1, rate-limited 3), unanswered 1" in told
    assert "take more writers" in told


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.com/collabchat", "--not-loopback"),
        ("http://192.0.2.7/collabchat", "--not-loopback"),
        ("https://localhost.example.com/collabchat", "--not-loopback"),
        ("127.0.0.1:8000", "an address is needed"),
        ("http://127.0.0.1:9/collabchat", "the load failed"),
    ],
)
def test_where_it_does_not_go(url: str, says: str, collabchat: Run) -> None:
    code, _, err = collabchat("load", url, "--viewers", "1", "--seconds", "0.5")
    assert (code, says in err) == (1, True)


@pytest.mark.parametrize("given", [("--viewers", "5001"), ("--seconds", "1e9"), ("--rate", "0")])
def test_it_is_bounded(given: tuple[str, str], collabchat: Run) -> None:
    with pytest.raises(SystemExit):
        collabchat("load", "http://127.0.0.1:9/collabchat", *given)


def test_delays_are_to_the_first_frame_that_tells_it() -> None:
    sent = {1: 10.0, 2: 10.5, 3: 11.0, 4: 12.0}
    assert delays(sent, [(1, 10.25), (3, 11.5)]) == [0.25, 1.0, 0.5]
    assert delays(sent, []) == []


def test_percentiles_are_of_what_was_measured() -> None:
    times = [float(n) for n in range(1, 101)]
    assert [percentile(times, share) for share in (0.5, 0.99, 1.0)] == [51.0, 100.0, 100.0]
    assert percentile([], 0.5) is None
