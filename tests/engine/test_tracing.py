"""One span per operation, from its arrival to the fan-out, over processes too."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import ConfigError
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat, new_id
from tests.engine.harness import TroubledStorage, until


class Patient:
    """Has every event wait for company."""

    def flushed(self, started: float, ended: float) -> None:
        """However long it took."""

    def wait(self, cost: float, gap: float, now: float) -> float:
        return 1000.0


class Traced:
    """What one process has told its own collector."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans(self, name: str) -> list[ReadableSpan]:
        return [
            span for span in self.exporter.get_finished_spans() if span.name == f"collabchat.{name}"
        ]

    def outcomes(self) -> list[object]:
        return [(span.attributes or {})["collabchat.outcome"] for span in self.spans("operation")]


def make(traced: Traced | None, **given: object) -> CollabChat:
    own = {"authenticate": anonymous("acme"), "storage": "memory://"}
    tracing = {"tracing": traced.provider} if traced else {}
    return CollabChat(**(own | tracing | given))  # type: ignore[arg-type]


async def test_the_commit_lies_inside_the_operation() -> None:
    traced = Traced()
    async with TestClient(make(traced)) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.subscribe("/page")
        operation = {**create_chat(), "broadcastId": new_id()}
        await ann.do(operation)
        await ann.expect("events")
        [span], [commit] = traced.spans("operation"), traced.spans("commit")
        assert commit.parent is not None
        assert commit.parent.span_id == span.context.span_id
        assert span.start_time <= commit.start_time <= commit.end_time <= span.end_time  # type: ignore[operator]
        assert span.attributes == {
            "collabchat.operation": "create-chat",
            "collabchat.outcome": "accepted",
        }
        assert commit.attributes == {"collabchat.operations": 1}
        await ann.ask(operation)
        await ann.ask({"type": "delete-chat", "chatId": new_id()})
        assert traced.outcomes() == ["accepted", "repeated", "not-found"]


async def test_whoever_hears_of_it_goes_on_in_the_same_trace() -> None:
    storage, here, there = MemoryStorage(), Traced(), Traced()
    bus = f"memory://{new_id()}"
    collabs = [make(traced, storage=storage, pubsub=bus) for traced in (here, there)]
    async with TestClient(collabs[0]) as one, TestClient(collabs[1]) as two:
        ann = await one.connect(visitor_id="a" * 32)
        bob = await two.connect(visitor_id="b" * 32)
        await ann.subscribe("/page")
        await bob.subscribe("/page")
        for collab in collabs:
            await until(lambda it=collab: it._engine.services.gossip.peers, "the other process")
        await ann.do(create_chat())
        await bob.expect("events")
        await until(lambda: there.spans("fan-out"), "a span of the other process")
        [span], [further] = here.spans("operation"), there.spans("fan-out")
        assert further.context.trace_id == span.context.trace_id
        assert further.parent is not None
        assert further.parent.span_id == span.context.span_id
        assert not there.spans("operation")


async def test_a_storage_that_is_away_ends_both() -> None:
    traced, storage = Traced(), TroubledStorage()
    async with TestClient(make(traced, storage=storage)) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.subscribe("/page")
        storage.away = True
        await ann.ask(create_chat())
        storage.away = False
        assert traced.outcomes() == ["unavailable"]
        assert len(traced.spans("commit")) == 1


async def test_what_is_batched_ends_when_it_is_sent() -> None:
    traced = Traced()
    async with TestClient(collab := make(traced)) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.subscribe("/page")
        await ann.do(create_chat())
        page = next(iter(collab._engine.services.pages.all()))
        page.pace = Patient()
        await ann.do(create_chat())
        assert len(traced.outcomes()) == 1, "its event waits for company"
        page.flush()
        assert traced.outcomes() == ["accepted", "accepted"]


def test_what_is_no_provider_and_a_missing_package_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="TracerProvider"):
        make(None, tracing=object())
    with pytest.raises(ConfigError, match="tracing='perhaps'"):
        make(None, tracing="perhaps")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError, match=r"collabchat-asgi\[otel\]"):
        make(None, tracing=True)


def test_nothing_is_imported_where_it_is_off() -> None:
    code = "import collabchat_asgi, sys; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
