"""Each promise about hooks has a server that breaks it, and a test that notices."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from collabchat_asgi import collab
from collabchat_asgi.auth import starlette
from collabchat_asgi.core import page_id
from collabchat_asgi.hooks import calls, faults, threads, words
from tests.auth import test_logout
from tests.hooks import test_faults, test_threads
from tests.test_hooks_page import CUT
from tests.test_hooks_page import test_the_rule_on_pages_holds as rule

Patch = Callable[[pytest.MonkeyPatch], None]
Story = Callable[[], Awaitable[None]]
MUTANTS: list[tuple[Patch, Story]] = []


def mutant(story: Story) -> Callable[[Patch], Patch]:
    def register(patch: Patch) -> Patch:
        MUTANTS.append((patch, story))
        return patch

    return register


async def hanging() -> None:
    released = threading.Event()
    try:
        await test_threads.test_a_hanging_on_event_takes_no_thread_of_authenticate(released)
    finally:
        released.set()


async def contexts() -> None:
    await test_threads.test_hooks_see_the_context_of_the_request_they_are_called_for(
        sync=False, has_lifespan=False
    )


async def minute() -> None:
    clock = test_faults.FakeClock()
    one = faults.Faults("authorize", clock.monotonic)
    for _ in range(100):
        one.failed("failed")
    assert one._silent == 99


async def signed_out() -> None:
    await test_logout.test_starlette_with_sessions_on_the_server(mounted=False)


@mutant(hanging)
def one_budget_for_all_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = threads.Threads("all", 4)
    monkeypatch.setattr(calls, "Threads", lambda name, budget: shared)


@mutant(hanging)
def a_thread_that_was_given_up_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: Any, hook: Any, argument: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, hook, argument)

    monkeypatch.setattr(threads.Threads, "run", run)


@mutant(test_threads.test_django_gives_up_its_connections_around_each_hook)
def django_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_is_set_up", lambda: False)


@mutant(contexts)
def the_engine_lives_in_the_context_of_the_first_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collab, "Context", contextvars.copy_context)


@mutant(minute)
def every_fault_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MINUTE", 0.0)


@mutant(signed_out)
def the_session_of_the_handshake_is_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def before(scope: Any, session: Any) -> Any:
        return session

    monkeypatch.setattr(starlette, "_read_again", before)


@mutant(lambda: rule("/articles/../drafts/1", []))
def dot_segments_are_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "page_path", lambda url_id: url_id)


@mutant(lambda: rule("/d%72afts/1", ["mod"]))
def escapes_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_id, "_decoded", lambda path: path)


@mutant(lambda: rule(CUT, ["bob", "mod"]))
def what_was_cut_has_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_id, "_LONGEST", 0)


@mutant(lambda: rule("https://evil.example/articles/1", []))
def a_foreign_address_is_a_page_of_this_site(monkeypatch: pytest.MonkeyPatch) -> None:
    own = property(lambda access: page_id.page_path(access.url_id))
    monkeypatch.setattr(words.AccessRequest, "path", own)


@pytest.mark.parametrize(
    ("patch", "story"),
    [
        # They wait for what never comes.
        pytest.param(*each, marks=[pytest.mark.long] if each[1] in (hanging, contexts) else [])
        for each in MUTANTS
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
async def test_the_mutant_is_killed(
    patch: Patch, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story()
    patch(monkeypatch)
    with pytest.raises(AssertionError):
        await story()
