"""A tenant's quota on real worker processes: exact to within what comes between two flushes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.core.usage import COUNTERS
from collabchat_asgi.engine.measuring.quotas import period_at, tenants_row
from collabchat_asgi.registry import make_storage
from collabchat_asgi.testing import HttpClient, ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.services_postgres import PostgresServer

ROOT = Path(__file__).parents[2]
MOST = 40
AT_ONCE = 4
"""Operations on each process between two flushes."""
QUOTAS = {
    "acme": {"operations": MOST},
    "shut": {"operations": 1, "over": "refuse", "per": "month"},
}
DEADLINE = 60.0


@pytest.fixture(params=[("sqlite", 2), ("postgresql", 3)], ids=lambda param: param[0])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    kind, count = request.param
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/collabchat.db"
        if kind == "postgresql":
            url = f"{stack.enter_context(PostgresServer()).url}?timeout=20"
        env = {"COLLABCHAT_STORAGE": url, "QUOTAS": json.dumps(QUOTAS)}
        app = "tests.engine.quota_app:app"
        yield [
            stack.enter_context(ServerProcess(app, env=env, directory=ROOT, deadline=90))
            for _ in range(count)
        ]


async def used(worker: ServerProcess) -> int:
    """What this process takes for used."""
    given: Any = {"from": "2000-01-01", "to": "2000-01-01"}
    http = HttpClient(url=worker.url, token="ann@acme", tenant="acme")
    told = (await http.get("v1/usage", **given)).json()
    return int(told["quota"]["operations"]["used"])


async def flushed(workers: Sequence[ServerProcess], count: int) -> None:
    """Every process knows of all that all have let through."""
    async with asyncio.timeout(DEADLINE):
        while {await used(worker) for worker in workers} != {count}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def outcomes(client: SocketClient, count: int) -> list[str]:
    made = [await client.ask(create_chat()) for _ in range(count)]
    return [one.get("code", "ack") for one in made]


@pytest.mark.long
async def test_over_its_quota_a_tenant_is_held_on_all_processes(
    workers: list[ServerProcess],
) -> None:
    join = SocketClient.join
    acme = [await join(one.url, "page", token="ann@acme", deadline=DEADLINE) for one in workers]
    accepted, burst = 0, ["ack"]
    while "ack" in burst:
        told = await asyncio.gather(*(outcomes(one, AT_ONCE) for one in acme))
        burst = [answer for some in told for answer in some]
        accepted += burst.count("ack")
        await flushed(workers, accepted)
    assert set(burst) == {"quota"}, "after the flush nobody has any left"
    assert MOST <= accepted <= MOST + (len(workers) - 1) * AT_ONCE
    day, ends_ms = period_at(int(datetime.now(UTC).timestamp() * 1000), "day")
    until = datetime.fromtimestamp(ends_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
    for client, worker in zip(acme, workers, strict=True):
        refused = await client.refused(create_chat())
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        assert (refused["code"], refused["retry"]) == ("quota", False)
        assert abs(refused["retryAfterMs"] - (ends_ms - now_ms)) < DEADLINE * 1000
        assert until in refused["message"]
        # Who joins finds the page, and nothing to do there; who was there has read it all.
        bob = await SocketClient.connect(worker.url, token="bob@acme", deadline=DEADLINE)
        async with bob:
            assert (await bob.subscribe("page"))["can"] == []
            await bob.until_position("page", accepted)
        await client.until_position("page", accepted)
    # Another tenant of the same processes, which shuts its door instead.
    eve = await join(workers[0].url, "page", token="eve@shut", deadline=DEADLINE)
    assert await outcomes(eve, 2) == ["ack", "quota"]
    late = await SocketClient.connect(workers[0].url, token="fay@shut", deadline=DEADLINE)
    await late.send({"type": "subscribe", "urlId": "page"})
    assert (await late.expect("error"))["code"] == "quota"
    for client in (*acme, eve, late):
        await client.close()
    storage = make_storage(workers[0].env["COLLABCHAT_STORAGE"])
    await storage.open()
    [row] = await storage.usage(tenants_row("acme"), day, day)
    assert row.counters["operations"] == accepted
    await storage.close()
    assert "operations" not in COUNTERS, "what is billed is counted beside it"
    print(f"\n{accepted} of {MOST} let through by {len(workers)} processes, {AT_ONCE} at once")
