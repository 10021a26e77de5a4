"""`GET metrics`: who may read it, and what it says."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from collabchat_asgi import CollabChat, ConnectRequest, Denied, Identity
from collabchat_asgi.core.measures import FAMILIES
from collabchat_asgi.errors import ConfigError
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat, new_id
from tests.engine.harness import TroubledStorage

from .driver import get

SECRET = "s3cret"


def authenticate(request: ConnectRequest) -> Identity:
    if request.token not in ("ann", "boss"):
        raise Denied("sign in first")
    role: Any = "admin" if request.token == "boss" else "commenter"
    return Identity(request.token, name="Annabel", tenants={"acme": role})


def make(**given: Any) -> CollabChat:
    own: dict[str, Any] = {
        "authenticate": authenticate,
        "storage": "memory://",
        "metrics_token": SECRET,
    }
    return CollabChat(**(own | given))


async def scrape(
    collab: CollabChat, token: str | None = SECRET, query: bytes = b""
) -> tuple[int, str]:
    headers = [(b"host", b"example.com")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    status, _, body = await get(collab, "/metrics", headers=headers, query_string=query)
    return status, body.decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum over all samples that bear these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"collabchat_{name}" and labels.items() <= sample.labels.items()
    )


async def test_what_a_person_does_is_counted() -> None:
    async with TestClient(collab := make()) as client:
        ann = await client.connect(token="ann")
        await ann.subscribe("/secret-page")
        ack = await ann.do({**create_chat(), "broadcastId": (id := new_id())})
        await ann.ask({**create_chat(), "broadcastId": id})
        await ann.ask({"type": "delete-chat", "chatId": new_id()})
        await ann.ask({"type": "delete-chat"})
        status, text = await scrape(collab)
        assert status == 200
        told = {
            (labels["type"], labels["outcome"]): n
            for labels, n in (
                (sample.labels, sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "collabchat_operations_total"
            )
        }
        assert told == {
            ("create-chat", "accepted"): 1,
            ("create-chat", "conflict"): 1,
            ("delete-chat", "not-found"): 1,
        }
        assert value(text, "frames_refused_total", code="invalid") == 1
        assert value(text, "joins_total", outcome="whole") == 1
        assert value(text, "connections") == value(text, "viewers") == value(text, "pages") == 1
        assert value(text, "storage_seconds_count", call="commit") >= 1
        assert value(text, "hook_seconds_count", hook="authenticate") == 1
        assert value(text, "frame_events_sum") == ack["seq"] == 1
        assert value(text, "messages_total") >= 2
        assert value(text, "process_info") == 1
        for word in ("acme", "secret-page", "Annabel", ack["chatId"]):
            assert word not in text


async def test_every_family_is_told_from_the_start() -> None:
    collab = make()
    _, text = await scrape(collab)
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {f"collabchat_{name}" for name in FAMILIES} <= names
    assert "collabchat_processes_silent 0.0" in text
    await collab.close()


@pytest.mark.parametrize(
    ("token", "status", "says"),
    [
        (SECRET, 200, "collabchat_connections"),
        ("boss", 200, "collabchat_connections"),
        ("ann", 403, "COLLABCHAT_METRICS_TOKEN"),
        ("s3cre", 401, "COLLABCHAT_METRICS_TOKEN"),
        ("", 401, "COLLABCHAT_METRICS_TOKEN"),
        (None, 401, "COLLABCHAT_METRICS_TOKEN"),
    ],
)
async def test_who_may_read_it(token: str | None, status: int, says: str) -> None:
    collab = make()
    answer = await scrape(collab, token)
    assert (answer[0], says in answer[1]) == (status, True)
    await collab.close()


async def test_without_a_token_nobody_has_it() -> None:
    collab = make(metrics_token=None)
    for token in ("", "None", None):
        assert (await scrape(collab, token))[0] == 401
    assert (await scrape(collab, "boss"))[0] == 200
    await collab.close()


async def test_it_is_not_told_in_the_clear_where_tls_is_required() -> None:
    collab = make(require_tls=True)
    headers = [(b"host", b"example.com"), (b"authorization", f"Bearer {SECRET}".encode())]
    far = ("192.0.2.7", 5000)
    status, _, body = await get(collab, "/metrics", headers=headers, client=far)
    assert (status, b"require_tls" in body) == (403, True)
    await collab.close()


async def test_a_word_that_means_nothing_is_named() -> None:
    collab = make()
    status, text = await scrape(collab, query=b"of=those")
    assert (status, '"field":"of"' in text) == (400, True)
    assert (await scrape(collab, query=b"of=this"))[0] == 200
    await collab.close()


async def test_a_scrape_while_the_storage_is_away_says_so() -> None:
    storage = TroubledStorage()
    async with TestClient(collab := make(storage=storage)) as client:
        ann = await client.connect(token="ann")
        await ann.subscribe("page")
        storage.away = True
        assert (await ann.ask(create_chat()))["code"] == "unavailable"
        status, text = await scrape(collab)
        assert status == 200
        assert value(text, "storage_failures_total", call="commit", outcome="failed") == 1
        assert value(text, "operations_total", outcome="unavailable") == 1
        storage.away = False


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    collab = make()
    status, text = await scrape(collab)
    assert (status, "collabchat-asgi[prometheus]" in text) == (400, True)
    await collab.close()
    with pytest.raises(ConfigError, match=r"collabchat-asgi\[prometheus\]"):
        make(metrics_registry=CollectorRegistry())


async def test_the_hosts_own_registry_tells_this_process() -> None:
    registry = CollectorRegistry()
    collab = make(metrics_registry=registry)
    assert registry.get_sample_value("collabchat_connections") is None, "it has not started"
    async with TestClient(collab) as client:
        await client.connect(token="ann")
        assert registry.get_sample_value("collabchat_connections") == 1
        assert registry.get_sample_value("collabchat_connections_opened_total") == 1
    with pytest.raises(ConfigError, match="CollectorRegistry"):
        make(metrics_registry="yes")


async def test_two_on_one_registry_are_told_as_one() -> None:
    """Prometheus takes no page in which a sample comes twice."""
    registry = CollectorRegistry()
    one, other = make(metrics_registry=registry), make(metrics_registry=registry)
    async with TestClient(one) as client, TestClient(other) as neighbour:
        await client.connect(token="ann")
        for token in ("ann", "boss"):
            await (await neighbour.connect(token=token)).subscribe("/page")
        samples = [sample for family in registry.collect() for sample in family.samples]
        names = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
        assert len(names) == len(set(names))
        told = registry.get_sample_value
        assert told("collabchat_connections") == 3
        assert told("collabchat_joins_total", {"outcome": "whole"}) == 2
        buckets = {"call": "heads", "le": "+Inf"}
        alone = [c._engine.running.services.counts.storage.seconds["heads"] for c in (one, other)]
        asked = sum(sum(histogram.counts) for histogram in alone)
        assert told("collabchat_storage_seconds_bucket", buckets) == asked
        assert (told("collabchat_uptime_seconds") or 0) < 60
        assert [s.value for s in samples if s.name == "collabchat_process_info"] == [1]
    async with TestClient(one) as client:
        await client.connect(token="ann")
        assert told("collabchat_connections") == 1, "the other has stopped"
        assert told("collabchat_connections_opened_total") == 4


async def test_what_was_counted_stays_when_one_stops() -> None:
    """A counter that goes down is taken for one that began anew: all that was counted since would
    be added once more."""
    registry = CollectorRegistry()
    told = registry.get_sample_value
    one, other = make(metrics_registry=registry), make(metrics_registry=registry)

    def counters() -> dict[Any, float]:
        kinds = ("counter", "histogram")
        families = [family for family in registry.collect() if family.type in kinds]
        samples = [sample for family in families for sample in family.samples]
        return {(s.name, *sorted(s.labels.items())): s.value for s in samples}

    async with TestClient(one) as client:
        page = await client.connect(token="ann")
        await page.subscribe("/page")
        async with TestClient(other) as neighbour:
            for token in ("ann", "boss"):
                await (await neighbour.connect(token=token)).subscribe("/page")
            other._engine.services.supervisor.restarts["ticker"] = 1
            before = counters()
        stopped = counters()
        assert stopped.keys() >= before.keys()
        assert all(stopped[name] >= number for name, number in before.items())
        assert told("collabchat_connections_opened_total") == 3
        assert told("collabchat_restarts_total", {"task": "ticker"}) == 1
        assert told("collabchat_hook_seconds_count", {"hook": "authenticate"}) == 3
        assert told("collabchat_connections") == 1
        ended = weakref.ref(other._engine)
        del other, neighbour
        gc.collect()
        assert ended() is None
        assert all(counters()[name] >= number for name, number in stopped.items())
        assert counters() == counters()
    last = counters()
    async with TestClient(one) as client:
        assert all(counters()[name] >= number for name, number in last.items())


async def test_a_registry_keeps_nobody_in_memory() -> None:
    registry = CollectorRegistry()
    gone = weakref.ref(make(metrics_registry=registry)._engine)
    gc.collect()
    assert gone() is None
    make(metrics_registry=registry)
    assert len(list(registry.collect())) > 30


def test_nothing_is_imported_where_nobody_asks() -> None:
    code = "import collabchat_asgi, sys; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
