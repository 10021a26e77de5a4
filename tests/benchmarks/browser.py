"""What a reader feels: `python -m tests.benchmarks.browser`.

One chromium, two contexts, one server with SQLite on loopback. Times of two tabs are compared by
`performance.timeOrigin + performance.now()`, which both take from this machine's clock.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from collabchat_asgi.testing import ServerProcess

ROOT = Path(__file__).parents[2]
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
COMMENTS = 150
PAUSE_MS = 120
HIGHLIGHTS = 1_000
ROUNDS = 7

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
    }))
  }).observe(log, { childList: true, subtree: true, characterData: true })
}"""

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


def told(name: str, values: list[float]) -> None:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    median = statistics.median(values)
    print(f"{name:<52} median {median:6.2f}  p99 {p99:6.2f}  max {ordered[-1]:6.2f} ms")


async def reader(browser: Browser, name: str, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1200, "height": 760})
    await context.add_cookies([{"name": "name", "value": name, "url": url.split("/p/")[0]}])
    page = await context.new_page()
    await page.goto(url)
    await page.locator("collab-chat .bar .people").wait_for()
    return page


async def open_first(page: Page) -> None:
    await page.locator("collab-chat .bar .discussions[aria-label^='1 discussion']").wait_for()
    opening = "(chat => chat.open(chat.threads()[0].id))(document.querySelector('collab-chat'))"
    await page.evaluate(opening)


async def comments(ada: Page, ben: Page) -> None:
    await ada.evaluate(
        "document.getSelection().selectAllChildren(document.querySelector('main p'))"
    )
    await ada.keyboard.press("Alt+Shift+KeyM")
    await ada.evaluate(WRITE, "The first")
    await open_first(ben)
    await ben.evaluate(WATCH)
    own: list[float] = []
    sent: dict[str, float] = {}
    same_frame = 0
    for n in range(COMMENTS):
        text = f"Comment number {n}"
        before, after, there = await ada.evaluate(WRITE, text)
        own.append(after - before)
        same_frame += there
        sent[text] = before
        # One after another: what is measured is the way of one comment, and not a queue.
        await ben.locator("collab-chat .log .body").nth(n + 1).wait_for()
        # Nobody writes faster; the client would hold back what is more than 12 in a second.
        await ben.wait_for_timeout(PAUSE_MS)
    last = f"Comment number {COMMENTS - 1}"
    await ben.locator("collab-chat .log .body", has_text=last).wait_for()
    await ben.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    arrived: dict[str, Any] = dict(await ben.evaluate("[...seen]"))
    print(f"own comment in the document when the key press returns: {same_frame} of {COMMENTS}")
    told("  the key press with everything it draws", own)
    told("other screen: in the document", [arrived[text][0] - at for text, at in sent.items()])
    told("other screen: its frame is done", [arrived[text][1] - at for text, at in sent.items()])


async def highlights(page: Page) -> None:
    rounds = [await page.evaluate(PAINT, HIGHLIGHTS) for _ in range(ROUNDS)]
    print(f"{HIGHLIGHTS} passages in {rounds[0][2]} characters, {ROUNDS} rounds")
    told("  page read, anchors found", [one[0] for one in rounds])
    told("  and painted", [one[1] for one in rounds])


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
        env = {"COLLABCHAT_STORAGE": f"sqlite:///{folder}/collabchat.db"}
        with ServerProcess("tests.browser.app:app", env=env, directory=ROOT) as server:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
                load = os.getloadavg()[0]
                print(
                    f"chromium {browser.version}, Python {platform.python_version()}, "
                    f"{os.cpu_count()} cores, load {load:.1f}"
                )
                url = f"http://127.0.0.1:{server.port}/p/bench"
                ada, ben = await reader(browser, "Ada", url), await reader(browser, "Ben", url)
                await sizes(ada)
                await comments(ada, ben)
                await highlights(await reader(browser, "Cho", url + "s?paragraphs=2000"))
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
