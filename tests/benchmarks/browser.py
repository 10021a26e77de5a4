"""What a reader feels: `python -m tests.benchmarks.browser`.

One chromium, a context for each reader, servers on loopback: one with SQLite, where a comment is on
the disk before anybody sees it, and one that only remembers. Times of two tabs are compared by
`performance.timeOrigin + performance.now()`, which both take from this machine's clock. Both
browsers, the server and what steers them share its cores, as no two people do.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing import operations as op

ROOT = Path(__file__).parents[2]
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
COMMENTS = 150
PAUSE_MS = 120
PEOPLE = ("Ada", "Ben")
HIGHLIGHTS = 1_000
ROUNDS = 7
MEGABYTE = 1 << 20
DISCUSSIONS, LOST = 500, 100
LOADS = 5
SEED = 1

WIRE = """() => {
  window.wire = []
  const told = data => wire.push([performance.timeOrigin + performance.now(), String(data)])
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      this.addEventListener('message', ({ data }) => told(data))
    }

    send(data) {
      told(data)
      super.send(data)
    }
  }
}"""
"""When each frame was sent, and when a page was given one."""

PASSED = "text => wire.find(([, data]) => data.includes(JSON.stringify(text)))?.[0]"

WATCH = """() => {
  window.seen = new Map()
  const log = document.querySelector('collab-chat').shadowRoot.querySelector('.log')
  const now = () => performance.timeOrigin + performance.now()
  new MutationObserver(() => {
    const there = now(), fresh = []
    const bodies = [...log.querySelectorAll('.body')]
    for (let body; (body = bodies.pop()?.textContent) && !seen.has(body);) {
      seen.set(body, [there])
      fresh.push(body)
    }
    requestAnimationFrame(() => setTimeout(() => {
      for (const body of fresh) seen.get(body).push(now())
      window.shown?.()
    }))
  }).observe(log, { childList: true, subtree: true, characterData: true })
}"""

SHOWN = """text => new Promise(done => {
  window.shown = () => { if (seen.get(text)?.[1]) done() }
  shown()
})"""
"""Once it is. Nothing in the page looks for it: that would ask for frames that no reader's has."""

WRITE = """text => {
  const root = document.querySelector('collab-chat').shadowRoot
  const area = root.querySelector('.card .composer textarea')
  area.value = text
  area.dispatchEvent(new InputEvent('input'))
  const before = performance.timeOrigin + performance.now()
  area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))
  const after = performance.timeOrigin + performance.now()
  return [before, after, [...root.querySelectorAll('.log .body')].at(-1)?.textContent === text]
}"""

PAINT = """async count => {
  const { Places } = await import('/collabchat/places.js')
  const { Highlights } = await import('/collabchat/highlights.js')
  const { describe, trimmed } = await import('/collabchat/anchor.js')
  const { CanonicalText } = await import('/collabchat/text.js')
  const main = document.querySelector('main'), { text } = new CanonicalText(main)
  const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)))
  const chats = Array.from({ length: count }, (_, n) => {
    const start = Math.floor(n * (text.length - 60) / count)
    return { id: String(n), anchor: describe(text, trimmed(text, start, start + 40)), comments: [] }
  })
  await frame()
  const begun = performance.now()
  let found = 0
  const highlights = new Highlights(document, document.body)
  highlights.theme(false)
  await new Promise(done => {
    const places = new Places(() => main, ids => {
      for (const id of ids) highlights.set(id, 'open', places.get(id).range)
      found += ids.length
      if (found === count) done(places.destroy())
    }, () => {})
    places.follow(chats)
  })
  const anchored = performance.now()
  await frame()
  const painted = performance.now()
  highlights.destroy()
  return [anchored - begun, painted - begun, text.length]
}"""

DESCRIBE = """async ([count, step]) => {
  const { describe, trimmed } = await import('/collabchat/anchor.js')
  const { CanonicalText } = await import('/collabchat/text.js')
  const { text } = new CanonicalText(document.querySelector('main'))
  return Array.from({ length: count }, (_, n) => {
    const start = Math.floor((n + .5) * (text.length - 400) / count)
    return describe(text, trimmed(text, start, start + 8 + n * step % 120))
  })
}"""
"""Anchors of passages of 8 to 128 characters, evenly over the page."""

PLACED = """() => addEventListener('load', () => {
  const begun = performance.now(), chat = document.querySelector('collab-chat')
  let left
  const look = setInterval(() => {
    left ??= chat.threads().length ? chat.threads().map(each => each.id) : undefined
    while (left?.length && chat.anchorState(left.at(-1))) left.pop()
    if (left?.length !== 0) return
    clearInterval(look)
    window.placed = performance.now() - begun
  }, 20)
})"""
"""From the page's `load` until what became of every passage is known."""


def told(name: str, values: list[float]) -> None:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    median = statistics.median(values)
    print(f"{name:<52} median {median:6.2f}  p99 {p99:6.2f}  max {ordered[-1]:6.2f} ms")


async def reader(browser: Browser, name: str, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1200, "height": 760})
    await context.add_cookies([{"name": "name", "value": name, "url": url.split("/p/")[0]}])
    page = await context.new_page()
    await page.add_init_script(f"({WIRE})()")
    await page.goto(url)
    await page.locator("collab-chat .bar .people").wait_for()
    return page


async def open_first(page: Page) -> None:
    await page.locator("collab-chat .bar .discussions[title^='1 discussion']").wait_for()
    opening = "(chat => chat.open(chat.threads()[0].id))(document.querySelector('collab-chat'))"
    await page.evaluate(opening)


class Pair:
    """Two readers of one page: what Ada writes, Ben sees."""

    def __init__(self, ada: Page, ben: Page) -> None:
        self.ada = ada
        self.ben = ben
        self.same_frame = 0
        self.own: list[float] = []
        self.ways: list[tuple[float, ...]] = []

    async def begin(self) -> None:
        await self.ada.evaluate(
            "document.getSelection().selectAllChildren(document.querySelector('main p'))"
        )
        await self.ada.keyboard.press("Alt+Shift+KeyM")
        await self.ada.evaluate(WRITE, "The first")
        await open_first(self.ben)
        await self.ben.evaluate(WATCH)

    async def say(self, text: str) -> None:
        """One comment, and the moments of its way."""
        before, after, there = await self.ada.evaluate(WRITE, text)
        self.own.append(after - before)
        self.same_frame += there
        # Nobody writes faster; the client would hold back what is more than 12 in a second.
        await self.ben.wait_for_timeout(PAUSE_MS)
        await self.ben.evaluate(SHOWN, text)
        sent = await self.ada.evaluate(PASSED, text)
        came = await self.ben.evaluate(PASSED, text)
        self.ways.append((before, sent, came, *await self.ben.evaluate("t => seen.get(t)", text)))

    def told(self, of: str) -> None:
        def parts(begin: int, end: int) -> list[float]:
            return [way[end] - way[begin] for way in self.ways]

        print(f"one comment at a time, {len(self.ways)} of them, {of}")
        print(f"  own comment in the document when the key press returns: {self.same_frame}")
        told("    the key press with everything it draws", self.own)
        told("  other screen: in the document", parts(0, 3))
        told("  other screen: its frame is done", parts(0, 4))
        told("    of it, the key press until it is sent", parts(0, 1))
        told("    server, storage, sockets, and a browser's turn", parts(1, 2))
        told("    our turn, until it is in the document", parts(2, 3))
        told("    the browser's frame", parts(3, 4))


async def comments(pairs: dict[str, Pair]) -> None:
    """By turns, so that what else the machine does is the same for all of them."""
    for pair in pairs.values():
        await pair.begin()
    for n in range(COMMENTS):
        # One after another: what is measured is the way of one comment, and not a queue.
        for pair in pairs.values():
            await pair.say(f"Comment number {n}")
    for of, pair in pairs.items():
        pair.told(of)


async def highlights(page: Page) -> None:
    rounds = [await page.evaluate(PAINT, HIGHLIGHTS) for _ in range(ROUNDS)]
    print(f"{HIGHLIGHTS} passages in {rounds[0][2]} characters, {ROUNDS} rounds")
    told("  page read, anchors found", [one[0] for one in rounds])
    told("  and painted", [one[1] for one in rounds])


def written(seed: int, length: int) -> str:
    """Paragraphs of `length` characters in all, of words that come as often as words do."""
    drawn, spelt = random.Random(seed), random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(spelt.choices(letters, k=spelt.randint(2, 10))) for _ in range(8_000)]
    rank = [1 / (n + 2) for n in range(len(words))]
    parts: list[str] = []
    held = 0
    while held < length:
        part = " ".join(drawn.choices(words, rank, k=drawn.randint(40, 140))).capitalize()
        parts.append(f"<p>{part}.</p>")
        held += len(part) + 1
    return "".join(parts)


async def megabyte(browser: Browser, origin: str) -> None:
    """A page of a megabyte with discussions on it, some of which are of a text that is gone."""
    head = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Long</title>"
        "<script type=module src=/collabchat/widget.js></script><collab-chat></collab-chat><main>"
    )
    anchors: list[Any] = []
    for name, seed, count in (("gone", SEED + 1, LOST), ("long", SEED, DISCUSSIONS - LOST)):
        context = await browser.new_context()
        await context.request.put(f"{origin}/p/{name}", data=head + written(seed, MEGABYTE))
        await context.add_cookies([{"name": "name", "value": "Ada", "url": origin}])
        page = await context.new_page()
        await page.goto(f"{origin}/p/{name}")
        anchors += await page.evaluate(DESCRIBE, [count, 37])
        await context.close()
    cookie = {"cookie": "name=Ada"}
    # More frames at once would be a flood.
    for begin in range(0, len(anchors), 100):
        ada = await SocketClient.join(
            f"{origin}/collabchat", "/p/long", headers=cookie, origin=origin
        )
        for n, anchor in enumerate(anchors[begin : begin + 100], begin):
            await ada.do(op.create_chat(f"Comment {n}", anchor=anchor))
        await ada.close()

    placed: list[float] = []
    longest: list[float] = []
    states: dict[str, int] = {}
    for _ in range(LOADS):
        context = await browser.new_context(viewport={"width": 1200, "height": 760})
        await context.add_cookies([{"name": "name", "value": "Ben", "url": origin}])
        page = await context.new_page()
        await page.add_init_script(f"({PLACED})()")
        works = await pieces(page, f"{origin}/p/long")
        placed.append(await page.evaluate("placed"))
        longest.append(max(works))
        states = await page.evaluate(
            "(chat => Object.fromEntries(Object.entries(Object.groupBy(chat.threads(), each =>"
            " chat.anchorState(each.id))).map(([state, all]) => [state, all.length])))"
            "(document.querySelector('collab-chat'))"
        )
        await context.close()
    told_states = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    print(f"a page of {MEGABYTE} characters, {DISCUSSIONS} discussions: {told_states}; seed {SEED}")
    told(f"  from load until all are placed, {LOADS} loads", placed)
    told("  the longest piece of our work in each", longest)


async def pieces(page: Page, url: str) -> list[float]:
    """Milliseconds of each call of the browser into our modules, from `load` until all are placed.

    What a call makes the browser do at once, such as layout, counts.
    """
    session = await page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    done = asyncio.Event()
    session.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    session.on("Tracing.tracingComplete", lambda _: done.set())
    await session.send("Tracing.start", {"categories": "devtools.timeline"})
    await page.goto(url)
    await page.wait_for_function("window.placed !== undefined", polling=200)
    await session.send("Tracing.end")
    await done.wait()
    return [
        # The processor's time where the browser tells it: others may use the machine too.
        event.get("tdur", event["dur"]) / 1000
        for event in events
        if event["name"] in ("FunctionCall", "EvaluateScript", "v8.run")
        and "/collabchat/" in event.get("args", {}).get("data", {}).get("url", "")
        and "dur" in event
    ]


async def sizes(page: Page) -> None:
    loaded = await page.evaluate(
        "performance.getEntriesByType('resource').filter(one => /collabchat.*js$/.test(one.name))"
        ".map(one => [one.name.split('/').at(-1), one.encodedBodySize, one.decodedBodySize])"
    )
    print(
        "modules that a page loads, brotli:", sum(one[1] for one in loaded), "bytes in", len(loaded)
    )
    print(
        "  " + ", ".join(f"{name} {size}" for name, size, _ in sorted(loaded, key=lambda x: -x[1]))
    )


async def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium on this machine")
    with tempfile.TemporaryDirectory() as folder:
        sqlite, memory = (
            ServerProcess(
                "tests.browser.app:app", env={"COLLABCHAT_STORAGE": storage}, directory=ROOT
            )
            for storage in (f"sqlite:///{folder}/collabchat.db", "memory://")
        )
        with sqlite as server, memory as forgetful:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
                load = os.getloadavg()[0]
                print(
                    f"chromium {browser.version}, Python {platform.python_version()}, "
                    f"{os.cpu_count()} cores, load {load:.1f}"
                )
                origin, other = (f"http://127.0.0.1:{each.port}" for each in (server, forgetful))
                pairs = {
                    of: Pair(*[await reader(browser, who, f"{at}/p/bench") for who in PEOPLE])
                    for of, at in (("each on the disk first", origin), ("no disk", other))
                }
                await sizes(pairs["no disk"].ada)
                await comments(pairs)
                await highlights(await reader(browser, "Cho", f"{origin}/p/benchs?paragraphs=2000"))
                await megabyte(browser, origin)
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
