"""What the widget calls a page, and that rules of hooks hold against it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from collabchat_asgi.testing import ServerProcess
from examples.hooks import SESSIONS

from .conftest import ROOT, Reader

pytestmark = pytest.mark.asyncio(loop_scope="session")
MODERATOR, READER = (
    next(sid for sid, (*_, role) in SESSIONS.items() if role == wanted)
    for wanted in ("moderator", "reader")
)
TEXT = "Apples keep until spring in a cold cellar."


def served(app: str, folder: Path) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{folder / 'collabchat.db'}"}
    return ServerProcess(f"tests.browser.hooks_app:{app}", env=env, directory=ROOT)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served("anywhere", tmp_path_factory.mktemp("anywhere")) as server:
        yield server


Open = Callable[..., Awaitable["Subscriber"]]


class Subscriber(Reader):
    """Also writes down which pages the widget asks for."""

    def __init__(self, name: str, page: Page) -> None:
        super().__init__(name, page)
        self.asked: list[str] = []
        page.on("websocket", lambda socket: socket.on("framesent", self._sent))

    def _sent(self, payload: Any) -> None:
        frame = json.loads(payload)
        if frame["type"] == "subscribe":
            self.asked.append(frame["urlId"])


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, anywhere: ServerProcess) -> AsyncIterator[Open]:
    """`await open_page("/drafts/1", sid=READER)`: any address of the host shows a page."""
    contexts = []

    async def opened(
        path: str, *, sid: str, head: str = "", script: str = "", server: ServerProcess = anywhere
    ) -> Subscriber:
        origin = f"http://127.0.0.1:{server.port}"
        page = (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Shop</title>{head}"
            "<script type=module src=/collabchat/widget.js></script>"
            f"<collab-chat></collab-chat><main><h1>Shop</h1><p>{TEXT}</p></main>"
            f"<script>{script}</script>"
        )
        context = await browser.new_context(extra_http_headers={"x-page": quote(page)})
        contexts.append(context)
        await context.add_cookies([{"name": "sid", "value": sid, "url": origin}])
        reader = Subscriber(sid, await context.new_page())
        await reader.page.goto(origin + path)
        return reader

    yield opened
    for context in contexts:
        await context.close()


async def test_the_rule_for_drafts_holds(open_page: Open, tmp_path: Path) -> None:
    """examples/hooks.py, against what a browser really sends."""
    with served("app", tmp_path) as hooks:
        editor = await open_page("/drafts/1?preview=1#top", sid=MODERATOR, server=hooks)
        await editor.live()
        await editor.discuss("until spring", "Not yet")
        await editor.settled()
        assert editor.asked == ["/drafts/1"]
        for path in ("/drafts/1", "/drafts", "/invented"):
            reader = await open_page(path, sid=READER, server=hooks)
            await expect(reader[".bar .state"]).to_have_text("No access")
            assert reader.asked == [path]
            assert await reader.js("document.querySelector('collab-chat').threads()") == []
        published = await open_page("/articles/1", sid=READER, server=hooks)
        await published.live()


@pytest.mark.parametrize(
    ("path", "head", "name"),
    [
        ("/a%20b/?q", "", "/a%20b/"),
        ("/print/1", "<link rel=canonical href=/articles/1?x#y>", "/articles/1"),
        ("/x", "<link rel=canonical href=https://other.example/y>", "https://other.example/y"),
        ("/x", "<base href=/deep/><link rel=canonical href=y>", "/deep/y"),
    ],
)
async def test_names(open_page: Open, path: str, head: str, name: str) -> None:
    reader = await open_page(path, sid=MODERATOR, head=head)
    await reader.live()
    assert reader.asked == [name]


async def test_a_server_of_another_origin_is_told_the_whole_address(open_page: Open) -> None:
    reader = await open_page("/a?b", sid=MODERATOR)
    name = await reader.js(
        """async () => {
          const { mount } = await import('/collabchat/widget.js')
          document.querySelector('collab-chat').remove()
          const apart = mount(document.querySelector('main'), { prefix: 'http://localhost:1/x' })
          await new Promise(done => apart.addEventListener('collabchat:status', done))
          return apart.urlId
        }"""
    )
    assert name == reader.page.url.partition("?")[0]


ROUTER = """
const draw = () => { document.querySelector('p').textContent = 'Here is ' + location.href }
const go = (path, way = 'pushState') => { history[way]({}, '', path); draw() }
"""


@pytest.mark.parametrize("navigation", [True, False])
async def test_an_application_that_navigates(open_page: Open, navigation: bool) -> None:
    hidden = "" if navigation else "<script>delete window.navigation</script>"
    ada = await open_page("/apples", sid=MODERATOR, script=ROUTER, head=hidden)
    await ada.live()
    assert await ada.js("'navigation' in window") is navigation
    before = ada.page.url
    await ada.js("() => go('/apples?sort=up')")
    await ada.js("() => go('/pears')")
    await ada.until("document.querySelector('collab-chat').urlId", "/pears")
    await ada.live()
    await ada.js("() => go('/plums', 'replaceState')")
    await ada.until("document.querySelector('collab-chat').urlId", "/plums")
    await ada.js("() => { history.back(); history.back() }")
    await ada.until("document.querySelector('collab-chat').urlId", "/apples")
    assert ada.page.url.startswith(before)
    await ada.js("() => document.querySelector('collab-chat').setPage('mine')")
    await ada.js("() => go('/pears')")
    assert await ada.js("document.querySelector('collab-chat').urlId") == "mine"
    assert ada.asked[:3] == ["/apples", "/pears", "/plums"]


async def test_a_canonical_link_that_was_left_behind(open_page: Open) -> None:
    link = "<link rel=canonical href=/fruit/apples>"
    ada = await open_page("/apples", sid=MODERATOR, script=ROUTER, head=link)
    name = "document.querySelector('collab-chat').urlId"
    await ada.until(name, "/fruit/apples")
    await ada.js("() => go('/apples?sort=up')")
    assert await ada.js(name) == "/fruit/apples"
    await ada.js("() => go('/pears')")
    await ada.until(name, "/pears")
    await ada.js("() => { document.querySelector('link').href = '/fruit/pears' }")
    await ada.until(name, "/fruit/pears")


async def test_routes_in_the_fragment(open_page: Open) -> None:
    script = (
        "document.querySelector('collab-chat').pageId ="
        " (address, usual) => usual + (address.hash.startsWith('#/') ? address.hash : '')"
    )
    ada = await open_page("/shop#/apples", sid=MODERATOR, script=script)
    name = "document.querySelector('collab-chat').urlId"
    await ada.until(name, "/shop#/apples")
    await ada.live()  # who goes on before there is a connection asks for nothing
    await ada.js("() => { location.hash = '#/pears' }")
    await ada.until(name, "/shop#/pears")
    await ada.js("() => { location.hash = '#top' }")
    await ada.until(name, "/shop")
    await ada.live()
    assert ada.asked == ["/shop#/apples", "/shop#/pears", "/shop"]
    await ada.js("() => { document.querySelector('collab-chat').pageId = () => { throw 'oh' } }")
    assert await ada.js(name) == "/shop"
    assert any("oh" in fault for fault in ada.faults)
