"""A hook that fails says so once a minute, with its name, in the log and in `health`."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from types import CoroutineType
from typing import Any

import pytest

from collabchat_asgi import AccessRequest, CollabChat, ConnectRequest, Denied, Identity
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import HookFailed
from collabchat_asgi.hooks.calls import Hook
from collabchat_asgi.hooks.faults import Faults
from collabchat_asgi.hooks.stall import STALL_SECONDS
from collabchat_asgi.testing import FakeClock, HttpClient, NotReceived, TestClient
from collabchat_asgi.testing.operations import create_chat


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "collabchat_asgi.hooks"]


def test_a_hundred_faults_are_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    faults = Faults("authorize", clock.monotonic)
    for _ in range(100):
        faults.failed("failed")
    assert lines(caplog) == ["hook authorize failed"]
    clock.advance(60)
    faults.failed("failed")
    assert lines(caplog)[1:] == ["hook authorize failed (99 faults more since the last such line)"]


def test_health_forgets_a_fault_after_a_minute() -> None:
    clock = FakeClock()
    faults = Faults("authorize", clock.monotonic)
    assert faults.reasons(0, 16) == []
    faults.failed("failed")
    faults.failed("failed")
    assert faults.reasons(0, 16) == ["hook authorize: 2 failures, the last under a minute ago"]
    clock.advance(60)
    assert faults.reasons(0, 16) == []
    assert faults.reasons(3, 16) == ["hook authorize: 3 of its 16 threads hang"]


async def health(client: HttpClient) -> dict[str, Any]:
    answer = await client.get("health")
    assert answer.status == 200, "a hook that fails does so on every process"
    told: dict[str, Any] = answer.json()
    return told


def none(request: ConnectRequest) -> Any:
    return None


def broken(request: ConnectRequest) -> Identity:
    raise RuntimeError("no such table")


async def seven(request: ConnectRequest) -> Any:
    return 7


def leaves(request: ConnectRequest) -> Identity:
    sys.exit(3)


async def leaves_the_loop(request: ConnectRequest) -> Identity:
    sys.exit(3)


@pytest.mark.parametrize(
    ("hook", "told", "logged"),
    [
        (leaves, "hook authenticate failed", "SystemExit(3)"),
        (leaves_the_loop, "hook authenticate failed", "SystemExit: 3"),
        (none, "hook authenticate returned None", "did you forget to return an Identity?"),
        (seven, "hook authenticate returned int", "returned int instead of an Identity"),
        (broken, "hook authenticate failed", "RuntimeError: no such table"),
        (anonymous, "hook authenticate returned function", "authenticate=…(…)?"),
        (lambda request: anonymous, "hook authenticate returned function", "forget to call"),
    ],
)
async def test_the_browser_and_the_log_are_told_which_hook(
    hook: Any, told: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    collab = CollabChat(authenticate=hook, storage="memory://")
    async with TestClient(collab) as client:
        with pytest.raises(NotReceived, match=f"4503 .*{told}"):
            await client.connect()
        for _ in range(5):
            answer = await client.http.get("v1/chats", urlId="page")
            assert (answer.status, answer.json()["message"].startswith(told)) == (503, True)
        reasons = (await health(client.http))["reasons"]
        assert any("hook authenticate" in reason for reason in reasons)
    [line] = lines(caplog)
    assert logged in line


async def test_a_refused_operation_names_the_hook() -> None:
    def authorize(access: AccessRequest) -> bool:
        if access.operation is not None:
            raise RuntimeError("the list is away")
        return True

    collab = CollabChat(authenticate=anonymous(), authorize=authorize, storage="memory://")
    async with TestClient(collab) as client:
        ann = await client.connect(visitor_id="v" * 32)
        refusal = await ann.refused(create_chat(), "page")
        assert refusal["code"] == "unavailable"
        assert "hook authorize failed" in refusal["message"]


async def blocks(request: ConnectRequest) -> Identity:
    time.sleep(STALL_SECONDS * 1.2)  # noqa: ASYNC251  # that is the fault
    return Identity("ann", tenants={"acme": "reader"})


class Asks:
    """An object with `async def __call__`."""

    async def __call__(self, request: ConnectRequest) -> Identity:
        return await blocks(request)


def gives_a_coroutine(request: ConnectRequest) -> Any:
    return blocks(request)


@pytest.mark.parametrize("hook", [blocks, Asks(), gives_a_coroutine])
async def test_a_hook_that_blocks_the_loop_is_named_once(
    hook: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with TestClient(CollabChat(authenticate=hook, storage="memory://")) as client:
        for _ in range(2):
            await client.connect()
    [line] = lines(caplog)
    assert line.startswith("hook authenticate blocked the event loop for ")


async def test_a_call_that_nobody_awaits_any_more_is_no_fault_of_the_hook(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As Python closes what is left when a loop has ended; a hook that raises the same did fail."""

    async def waits(_: object) -> None:
        await asyncio.Event().wait()

    async def closes(_: object) -> None:
        raise GeneratorExit

    task = asyncio.create_task(Hook("authorize", waits, 5)(None))
    await asyncio.sleep(0)
    call = task.get_coro()
    assert isinstance(call, CoroutineType)
    call.close()
    task.cancel()
    assert lines(caplog) == []
    with pytest.raises(HookFailed):
        await Hook("authorize", closes, 5)(None)
    assert lines(caplog) == ["hook authorize failed: GeneratorExit: "]


class NotPaid(Denied):
    """As people write it: with fields of its own, and without a text for ours."""

    def __init__(self, plan: str) -> None:
        self.plan = plan


class SignIn(Denied):
    message = "sign in first"


class Numbered(Denied):
    def __init__(self) -> None:
        self.message: Any = 7


class Panic(BaseException):
    """Of another kind than `Exception`, as a panic in Rust is."""


@pytest.mark.parametrize(
    ("no", "text"),
    [
        (Denied(KeyError("sid")), "'sid'"),
        (Denied(7), "7"),
        (Denied(None), "not allowed"),
        (NotPaid("gold"), "not allowed"),
        (SignIn(), "sign in first"),
        (SignIn("now"), "now"),
        (Numbered(), "7"),
        (Denied("half a sign: \ud800"), "half a sign: ?"),
    ],
    ids=lambda it: repr(it) if isinstance(it, Denied) else "",
)
async def test_a_no_is_a_no_whatever_it_says(no: Denied, text: str) -> None:
    refused = ""

    def authenticate(request: ConnectRequest) -> Identity:
        if request.token == refused:
            raise no
        return Identity("ann", tenants={"acme": "commenter"})

    def before_commit(access: AccessRequest) -> Any:
        raise no

    collab = CollabChat(authenticate=authenticate, before_commit=before_commit, storage="memory://")
    async with TestClient(collab, token="good") as client:
        ann = await client.connect()
        assert (await ann.refused(create_chat(), "/a"))["message"] == text
        refused = "good"
        answer = await client.http.get("v1/chats", urlId="/a")
        assert (answer.status, answer.json()["message"]) == (401, text)
        with pytest.raises(NotReceived, match="closed 4401"):
            await client.connect()


@pytest.mark.parametrize(
    "fault",
    [Panic("in Rust"), BaseExceptionGroup("two", [Panic()])],
    ids=lambda it: type(it).__name__,
)
async def test_what_is_no_exception_is_a_fault_too(
    fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def in_a_thread(access: AccessRequest) -> Any:
        raise fault

    async def here(access: AccessRequest) -> Any:
        raise fault

    for hook in (in_a_thread, here):
        caplog.clear()
        collab = CollabChat(authenticate=anonymous(), authorize=hook, storage="memory://")
        async with TestClient(collab, visitor_id="v" * 32) as client:
            ann = await client.connect()
            for _ in range(2):
                refused = await ann.refused(create_chat(), "/a")
                assert (refused["code"], refused["retry"]) == ("unavailable", True)
        assert lines(caplog) == [f"hook authorize failed: {type(fault).__name__}: {fault}"]
