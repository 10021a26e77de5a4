"""What an operator sees of all processes at a glance."""

from __future__ import annotations

import asyncio
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.cli import main
from collabchat_asgi.commands.top import picture
from collabchat_asgi.commands.top_view import scene
from collabchat_asgi.core.measures import SECONDS, Histogram, Row
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat

from .conftest import Run


def rows(operations: int, commits: list[float], **gauges: float) -> list[Row]:
    histogram = Histogram(SECONDS)
    for seconds in commits:
        histogram.observe(seconds)
    return [
        ("process_info", ["box", "42", "1.0"], [1]),
        ("operations", ["create-chat", "accepted"], [operations]),
        ("operations", ["add-comment", "forbidden"], [operations]),
        ("storage_seconds", ["commit"], histogram.numbers()),
        *((name, [], [number]) for name, number in gauges.items()),
    ]


def test_rates_and_times_are_of_what_lies_between_two_looks() -> None:
    before = {"a": rows(100, [3.0] * 50, connections=5)}
    now = {"a": rows(110, [3.0] * 50 + [0.002] * 99 + [0.2], connections=7)}
    [one] = scene(before, now, 2.0).processes
    assert (one.host, one.pid, one.connections) == ("box", "42", 7)
    assert one.operations == 10.0
    assert (one.commit_p50, one.commit_p99) == (0.0025, 0.0025)
    [quiet] = scene(now, now, 2.0).processes
    assert (quiet.operations, quiet.commit_p50) == (0.0, None)


def test_what_is_wrong_is_named() -> None:
    well = rows(1, [], storage_away=0, deaf_seconds=14)
    ill: list[Row] = [
        *rows(1, [], storage_away=1, deaf_seconds=90, draining=1),
        ("storage_failures", ["commit", "late"], [3]),
        ("connections_closed", ["4509"], [2]),
        ("connections_closed", ["4512"], [9]),
    ]
    assert scene({"a": well}, {"a": well}, 1.0).wrong == []
    told = scene({"a": well, "gone": well}, {"a": ill}, 1.0).wrong
    assert told == [
        "42: the storage cannot be read",
        "42: it has heard nothing from the pub/sub for 90 s",
        "42: it sends its clients away",
        "42: 3 calls of the storage failed",
        "42: 2 readers were too slow",
        "process gone does not answer",
    ]


def test_pages_and_tenants_of_all_processes_are_one_list() -> None:
    def page(viewers: int, events: int) -> Row:
        return ("page_now", ["acme", "/a"], [viewers, events])

    quiet: Row = ("page_now", ["acme", "/b"], [9, 5])
    before: dict[str, list[Row]] = {"a": [page(1, 10), quiet], "b": [page(2, 10)]}
    now: dict[str, list[Row]] = {
        "a": [page(3, 20), quiet, ("tenant_now", ["acme"], [4])],
        "b": [page(2, 20), ("tenant_now", ["acme"], [2]), ("tenant_now", ["beta"], [3])],
    }
    seen = scene(before, now, 2.0)
    assert seen.pages == [("acme", "/a", 5, 5.0), ("acme", "/b", 9, 0.0)]
    assert seen.tenants == [("acme", 6), ("beta", 3)]


def test_the_picture_says_all_of_it_and_runs_nothing_that_a_user_wrote() -> None:
    before: dict[str, list[Row]] = {"a": rows(1, [])}
    now: dict[str, list[Row]] = {
        "a": [*rows(3, [0.002], storage_away=1), ("page_now", ["acme", "[red]/x[/]"], [1, 1])]
    }
    out = StringIO()
    Console(file=out, width=140).print(picture(scene(before, now, 1.0)))
    told = out.getvalue()
    for word in ("1 processes", "box", "≤ 2.5 ms", "[red]/x[/]", "the storage cannot be read"):
        assert word in told


async def test_two_processes_answer_over_their_own_control_topic(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    given: dict[str, Any] = {"authenticate": anonymous("acme"), "storage": url}
    one, two = CollabChat(**given), CollabChat(**given)
    async with TestClient(one) as here, TestClient(two):
        ann = await here.connect(visitor_id="v" * 32)
        await ann.subscribe("/busy")
        looking = asyncio.create_task(
            asyncio.to_thread(main, ["top", "--storage", url, "--once", "--every", "0.3"])
        )
        while not looking.done():
            await ann.ask(create_chat())
            await asyncio.sleep(0.05)
        told = capsys.readouterr()
        assert await looking == 0, told.err
        assert "2 processes" in told.out
        assert "/busy" in told.out
        assert one._engine.services.gossip.peers == [two._engine.services.run], (
            "who looks is no process"
        )


def test_nobody_answers(filled: str, collabchat: Run, tmp_path: object) -> None:
    code, _, err = collabchat("top", "--storage", filled, "--once")
    assert (code, "no process answers" in err) == (1, True)
    code, _, err = collabchat("top", "--storage", "memory://", "--once")
    assert (code, "memory:// stays within one process" in err) == (1, True)
