"""A real Prometheus scrapes four workers, evaluates the rules, and answers the dashboard."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.core.measures import FAMILIES
from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat, new_id
from collabchat_asgi.testing.services import find_binary

from .prometheus import EXAMPLE, Prometheus

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "examples" / "deploy" / "grafana" / "collabchat.json"
SECRET = "a secret for Prometheus alone"
WORKERS = 4
CROWD = 12
OPERATIONS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('scraped')}/collabchat.db",
        "COLLABCHAT_METRICS_TOKEN": SECRET,
    }
    app, arguments = "tests.deploy.scraped_app:app", ["--workers", f"{WORKERS}"]
    with ServerProcess(app, env=env, arguments=arguments, directory=ROOT, deadline=90) as process:
        yield process


@pytest.fixture(scope="module")
def prometheus(server: ServerProcess) -> Iterator[Prometheus]:
    with Prometheus(server.port, SECRET) as service:
        yield service


@pytest.fixture
async def crowd(server: ServerProcess) -> AsyncIterator[list[SocketClient]]:
    people = [await SocketClient.join(server.url, "page", token=f"p{n}") for n in range(CROWD)]
    yield people
    for client in people:
        await client.close()


async def becomes(prometheus: Prometheus, expression: str, wanted: float) -> None:
    found = -1.0
    for _ in range(300):
        found = await asyncio.to_thread(prometheus.number, expression)
        if found == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{expression} is {found}, counted were {wanted}")


async def test_the_sums_over_four_workers_are_those_of_an_independent_counter(
    prometheus: Prometheus, crowd: list[SocketClient]
) -> None:
    refused = 0
    for n in range(OPERATIONS):
        writer = crowd[n % CROWD]
        if n % 5 == 4:
            await writer.refused({"type": "delete-chat", "chatId": new_id()})
            refused += 1
        else:
            await writer.do(create_chat())
    accepted = OPERATIONS - refused
    for client in crowd:
        await client.until_position("page", accepted)
    await becomes(prometheus, "count(collabchat_process_info)", WORKERS)
    operations = "sum(collabchat_operations_total{%s})"
    await becomes(prometheus, operations % 'outcome="accepted"', accepted)
    await becomes(prometheus, operations % 'outcome="not-found"', refused)
    frames = [frame for client in crowd for frame in client.of("events")]
    heard = sum(frame["last"] - frame["first"] + 1 for frame in frames)
    await becomes(prometheus, "sum(collabchat_events_delivered_total)", heard)
    await becomes(prometheus, "sum(collabchat_connections)", CROWD)
    await becomes(prometheus, "sum(collabchat_joins_total)", CROWD)
    presence = sum(len(client.of("presence")) for client in crowd)
    messages = len(frames) + presence + accepted
    await becomes(prometheus, "sum(collabchat_messages_total)", messages)
    spread = prometheus.query("collabchat_connections_opened_total > 0")
    print(f"\n{accepted} accepted, {heard} heard, {messages} messages on {len(spread)} workers")


async def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    def faults() -> list[Any]:
        [group] = prometheus.ask("rules")["groups"]
        assert len(group["rules"]) >= 10
        return [rule["name"] for rule in group["rules"] if rule["health"] != "ok"]

    for _ in range(100):
        wrong = await asyncio.to_thread(faults)
        if not wrong:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not evaluated: {wrong}")


async def test_every_query_of_the_dashboard_is_answered(prometheus: Prometheus) -> None:
    queries = [
        target["expr"].replace("$job", "collabchat").replace("$__rate_interval", "1m")
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(queries) > 25
    # What has not failed, nobody has counted; and a rate needs two scrapes of a series.
    silent = set(queries)
    for _ in range(100):
        silent = {one for one in silent if not await asyncio.to_thread(prometheus.query, one)}
        if all("fail" in one or "restarts" in one or "closed" in one for one in silent):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not answered: {silent}")


def test_the_rules_wake_somebody_and_only_then(tmp_path: Path) -> None:
    promtool = find_binary("promtool", "prometheus")
    for source in (EXAMPLE / "collabchat.rules.yml", ROOT / "tests/deploy/rules_test.yml"):
        shutil.copy(source, tmp_path)
    subprocess.run([promtool, "check", "rules", "collabchat.rules.yml"], cwd=tmp_path, check=True)
    tried = [promtool, "test", "rules", "rules_test.yml"]
    done = subprocess.run(tried, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_ask_for_what_there_is() -> None:
    names = {"process", "processes_silent", *FAMILIES}
    for path in (EXAMPLE / "collabchat.rules.yml", DASHBOARD):
        for name in re.findall(r"\bcollabchat_(\w+)", path.read_text()):
            bare = re.sub(r"_(total|bucket|count|sum)$", "", name)
            assert bare in names, f"{path.name}: collabchat_{name}"


def test_the_dashboard_is_laid_out() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert board["schemaVersion"] == 39
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["targets"]
            assert panel["datasource"]["uid"] == "${source}"
