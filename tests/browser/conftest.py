"""Real browsers on real servers. Every reader has a context of their own: another machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright import async_api as playwright_api
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from collabchat_asgi.testing import ServerProcess

ROOT = Path(__file__).parents[2]
DEADLINE = 15.0
# Passages of the page that most tests discuss.
FOG = "the fog has gone"
BOOK = "writes everything down twice"
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
CHROMIUM = "chromium" if os.environ.get("TESTS_LONG") else "chromium-headless-shell"
"""The same engine without a desktop around it takes half the time of the processor."""
EXPECTED = ("WebSocket connection to", "net::ERR_", "cannot be reached: TypeError")
"""What is complained of while the network is away."""

HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    "<meta name=viewport content='width=device-width,initial-scale=1'>"
    "<script type=module src=/collabchat/widget.js></script><style>"
    "body{font:18px/1.6 serif;margin:0}main{max-width:36rem;margin:4rem 2rem}</style>"
)
"""Of a page that a test writes itself."""

WATCH = """
  window.violations = []
  document.addEventListener('securitypolicyviolation', event =>
    window.violations.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample))
"""

SELECT = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
  }
}"""

FIND = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at < 0) continue
    const range = document.createRange()
    range.setStart(node, at)
    range.setEnd(node, at + text.length)
    const rects = [...range.getClientRects()], first = rects[0], last = rects.at(-1)
    const middle = rect => rect.top + rect.height / 2
    return [first.left + 1, middle(first), last.right - 1, middle(last)]
  }
}"""


class Reader:
    """One person at one tab."""

    def __init__(self, name: str, page: Page) -> None:
        self.name = name
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def __getitem__(self, selector: str) -> Locator:
        """Inside the widget: Playwright sees through open shadow roots."""
        return self.page.locator(f"collab-chat {selector}")

    @property
    def composer(self) -> Locator:
        return self[".card .composer textarea"].last

    @property
    def bodies(self) -> Locator:
        return self[".card .log .body"]

    async def js(self, expression: str, argument: Any = None) -> Any:
        return await self.page.evaluate(expression, argument)

    async def until(self, expression: str, wanted: Any = True) -> None:
        """Polled from here: the page's policy forbids how Playwright's own wait evaluates."""
        end = time.monotonic() + DEADLINE
        while (found := await self.js(expression)) != wanted:
            assert time.monotonic() < end, f"{self.name}: {expression} is {found!r}, not {wanted!r}"
            await asyncio.sleep(0.02)

    async def threads(self, count: int) -> None:
        await self.until("document.querySelector('collab-chat')?.threads().length", count)

    async def settled(self) -> None:
        """Nothing waits to be committed."""
        await self.until(
            "document.querySelector('collab-chat').threads().every(chat => !chat.pending)"
        )

    async def live(self) -> None:
        await expect(self[".bar .people"]).to_be_visible(timeout=DEADLINE * 1000)

    async def highlighted(self, *passages: str, kind: str = "open") -> None:
        await self.until(
            f"[...CSS.highlights.get('collabchat-{kind}') ?? []].map(String).sort()",
            sorted(passages),
        )

    async def place(self, text: str) -> list[float]:
        found: list[float] = await self.js(FIND, text)
        return found

    async def select(self, text: str) -> None:
        left, top, right, bottom = await self.place(text)
        mouse = self.page.mouse
        await mouse.move(left, top)
        await mouse.down()
        await mouse.move(right, bottom, steps=4)
        await mouse.up()

    async def discuss(self, text: str, body: str) -> None:
        await self.select(text)
        await self[".prompt .main"].click()
        await self.composer.fill(body)
        await self[".card .send"].click()
        await expect(self.bodies.last).to_have_text(body)

    async def open(self, text: str) -> None:
        left, top, *_ = await self.place(text)
        await self.page.mouse.click(left + 4, top)
        await expect(self[".card"]).to_be_visible()

    async def reply(self, body: str) -> None:
        await self.composer.fill(body)
        await self.composer.press("Enter")
        await expect(self.bodies.last).to_have_text(body)

    async def clean(self, *, lost: bool = False) -> None:
        """Nothing was reported, by the page's policy or to its console."""
        assert await self.js("window.violations") == []
        faults = [fault for fault in self.faults if not (lost and fault_expected(fault))]
        assert faults == [], self.name


def fault_expected(fault: str) -> bool:
    return any(known in fault for known in EXPECTED)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=SWITCHES)
        yield browser
        await browser.close()


def chromium() -> str:
    """Where it is."""
    found = shutil.which(CHROMIUM)
    assert found, f"{CHROMIUM} is needed (tests/run installs it)"
    return found


def serve(folder: Path, **settings: str) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{folder / 'collabchat.db'}", **settings}
    return ServerProcess("tests.browser.app:app", env=env, directory=ROOT)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(tmp_path_factory.mktemp("storage")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that a test may kill."""
    with serve(tmp_path) as server:
        yield server


Visit = Callable[..., Awaitable[Reader]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, shared: ServerProcess) -> AsyncIterator[Visit]:
    """`await visit("Ada")`: on this test's own page, loaded and live; `html` is what it holds,
    after `head`."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    contexts: list[BrowserContext] = []

    async def visit(
        who: str,
        *,
        server: ServerProcess | None = None,
        port: int | None = None,
        beside: Reader | None = None,
        query: str = "",
        html: str | None = None,
        head: str = HEAD,
        live: bool = True,
        **options: Any,
    ) -> Reader:
        origin = f"http://127.0.0.1:{port or (server or shared).port}"
        if beside:
            context = beside.page.context
        else:
            viewport = {"width": 1200, "height": 760}
            context = await browser.new_context(**{"viewport": viewport, **options})
            contexts.append(context)
            await context.add_init_script(WATCH)
            await context.add_cookies([{"name": "name", "value": who, "url": origin}])
        reader = Reader(who, await context.new_page())
        if html is not None:
            document = f"{head}<title>{name}</title>{html}"
            await context.request.put(f"{origin}/p/{name}", data=document)
        await reader.page.goto(f"{origin}/p/{name}{query}")
        if live:
            await reader.live()
        return reader

    yield visit
    for context in contexts:
        await context.close()
