"""What is put together wrongly is one sentence at the start, and no 500 on every page."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConfigError

from .driver import Lifespan, authenticate, get, make


async def page(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nobody gets so far")


def late(kind: Any, **arguments: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(kind, **arguments)
    return app


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (lambda: late(CollabChatMiddleware), "collab= is missing"),
        (
            lambda: late(CollabChatMiddleware, authenticate=authenticate),
            "takes collab=, and not authenticate=",
        ),
        (lambda: late(CollabChatMiddleware, collab=CollabChat), "give an instance"),
        (lambda: late(CollabChatMiddleware, collab="memory://"), "collab= is a str"),
        (lambda: late(CollabChat, authenticate=authenticate), "CollabChat is no middleware"),
        (lambda: CollabChatMiddleware(page), "collab= is missing"),
        (lambda: CollabChatMiddleware(make(), collab=make()), "wraps your app"),
        (lambda: CollabChatMiddleware(None, collab=make()), "wraps an ASGI app"),
        (lambda: CollabChatMiddleware(page, make(), "/x"), "not a third argument"),
    ],
)
async def test_wrong_arguments_fail_the_start(
    app: Any, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = app()
    told = await Lifespan(made).start()
    assert told["type"] == "lifespan.startup.failed"
    assert sentence in told["message"]
    assert "\n" not in told["message"]
    assert sentence in caplog.text
    with pytest.raises(ConfigError, match=r"CollabChat"):
        await get(made, "/")


async def test_two_of_one_prefix_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def returns(scope: Any, receive: Any, send: Any) -> None:
        return

    collab = make()
    for inner, prefix, told in ((collab, "/collabchat", True), (make(), "/collabchat", True)):
        caplog.clear()
        app = CollabChatMiddleware(CollabChatMiddleware(returns, collab=inner), collab=collab)
        lifespan = Lifespan(app)
        await lifespan.start()
        await lifespan.stop()
        assert (f"two CollabChatMiddleware serve {prefix}" in caplog.text) is told
    caplog.clear()
    other = CollabChatMiddleware(returns, collab=make(prefix="/other"))
    lifespan = Lifespan(CollabChatMiddleware(other, collab=collab))
    await lifespan.start()
    await lifespan.stop()
    assert "two CollabChatMiddleware" not in caplog.text
