"""Each example is started as its first comment says; people sign in through its own form, in a
real browser, and the widget of the page behind it is connected as them. No header is ever set."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, WebSocket, async_playwright

from collabchat_asgi.testing import ServerProcess
from tests.browser.conftest import SWITCHES, chromium

ROOT = Path(__file__).parents[2]
EXAMPLES = (
    *("fastapi_login_app", "flask_app"),
    *(
        pytest.param(name, marks=pytest.mark.long)
        for name in ("starlette_app", "quart_app", "litestar_app", "django_app/asgi")
    ),
)
KNOCK = """() => new Promise(resolve => {
  const socket = new WebSocket(`ws://${location.host}/collabchat/ws`, 'collabchat.v1')
  socket.onopen = () => socket.send(JSON.stringify({type: 'hello'}))
  socket.onclose = event => resolve(event.code)
  socket.onmessage = event => resolve(event.data)
})"""
"""What a page's own script gets: a close code, or the first frame."""

Json = dict[str, Any]


@pytest.fixture(scope="module", params=EXAMPLES)
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("example")
    source = (ROOT / f"examples/{request.param}.py").read_text()
    command = re.match(r"# uvicorn (\S+)\n", source)
    assert command
    env = {
        "COLLABCHAT_STORAGE": f"sqlite:///{folder}/collabchat.db",
        "DJANGO_DATABASE": f"{folder}/django.db",
        "DJANGO_SUPERUSER_PASSWORD": "tulip",
    }
    if "django" in request.param:
        django_admin(env, "migrate", "-v0")
        django_admin(env, "createsuperuser", "--noinput", "--username=ann", "--email=a@b.example")
    with ServerProcess(command[1], env=env, directory=ROOT) as server:
        yield server.url.removesuffix("/collabchat")


def django_admin(env: dict[str, str], *command: str) -> None:
    settings = "--settings=examples.django_app.settings"
    arguments = [sys.executable, "-m", "django", *command, settings]
    subprocess.run(arguments, cwd=ROOT, env=os.environ | env, check=True, capture_output=True)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=SWITCHES)
        yield await browser.new_page()
        await browser.close()


async def sign_in(page: Page, password: str) -> None:
    await page.locator("input[autocomplete=username]").fill("ann")
    await page.locator("input[type=password]").fill(password)
    async with page.expect_navigation():
        await page.locator("button").click()


async def test_the_widget_is_connected_as_who_signed_in(example: str, page: Page) -> None:
    frames: asyncio.Queue[str | bytes] = asyncio.Queue()

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", frames.put_nowait)

    async def hear(kind: str) -> Json:
        async with asyncio.timeout(10):
            while True:
                frame: Json = json.loads(await frames.get())
                if frame["type"] == kind:
                    return frame

    await page.goto(example)
    assert "login" in page.url
    assert await page.evaluate(KNOCK) == 4401
    await sign_in(page, "guess")
    assert "login" in page.url
    assert await page.evaluate(KNOCK) == 4401
    page.on("websocket", listen)
    await sign_in(page, "tulip")
    assert page.url == f"{example}/"
    assert (await hear("welcome"))["user"]["name"].lower() == "ann"
    assert "comment" in (await hear("subscribed"))["can"]
    assert json.loads(await page.evaluate(KNOCK))["type"] == "welcome"
