"""The first scene, and what engines do in their own ways, in Firefox and in WebKitGTK."""

from __future__ import annotations

import asyncio
import urllib.request
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from collabchat_asgi.testing import ServerProcess

from .conftest import BOOK, FIND, FOG, HEAD
from .engines import Firefox, Tab, WebKit
from .test_parts import PAGE, all_that_came_later

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

ELEMENT = "<collab-chat root=main></collab-chat>"
TEXT = "<p>By noon the fog has gone.</p><p>The harbour master writes everything down twice.</p>"
READY = "() => !!document.querySelector('collab-chat')?.user"
BODIES = """() => [...document.querySelector('collab-chat').shadowRoot
  .querySelectorAll('.card .log .body')].map(each => each.textContent)"""
SHOWN = """selector => [...document.querySelector('collab-chat').shadowRoot
  .querySelectorAll(selector)].filter(each => each.checkVisibility())
  .map(each => each.textContent)"""
HIGHLIGHTED = "kind => [...CSS.highlights.get('collabchat-' + kind) ?? []].map(String)"
LOST = "() => document.querySelector('collab-chat').threads().filter(chat => chat.pending).length"

# The colours in a box of the window, the most frequent first.
COLOURS = """async (png, [left, top, right, bottom]) => {
  const bytes = Uint8Array.from(atob(png), letter => letter.charCodeAt(0))
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: image.width, height: image.height })
  const drawn = canvas.getContext('2d')
  drawn.drawImage(image, 0, 0)
  const scale = image.width / innerWidth, counts = new Map()
  const { data } = drawn.getImageData(left * scale, (top - 6) * scale, (right - left) * scale, (bottom - top + 20) * scale)
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.slice(at, at + 3).join()
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1])
}"""  # noqa: E501

Pair = tuple[Tab, Tab]
Open = Callable[..., Awaitable[Pair]]


@pytest_asyncio.fixture(params=["firefox", "webkit"], scope="module", loop_scope="session")
async def browsers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    engine: Any = {"firefox": Firefox, "webkit": WebKit}[request.param]
    folder: Path = tmp_path_factory.mktemp(request.param)
    async with engine.opened(folder / "ada") as ada, engine.opened(folder / "ben") as ben:
        yield ada, ben


@pytest.fixture
def both(browsers: Pair, shared: ServerProcess) -> Open:
    """`await both()`: Ada and Ben on this test's own page; `html` is what it holds."""
    url = f"http://127.0.0.1:{shared.port}/p/test-{uuid.uuid4().hex[:8]}"

    async def both(html: str = f"{ELEMENT}<main>{TEXT}</main>") -> Pair:
        data = f"{HEAD}<title>Harbour</title>{html}".encode()
        request = urllib.request.Request(url, data, method="PUT")
        (await asyncio.to_thread(urllib.request.urlopen, request)).close()
        for name, tab in zip(("Ada", "Ben"), browsers, strict=True):
            await tab.goto(url.split("/p/")[0] + "/site.css")
            await tab.js("name => { document.cookie = `name=${name}; path=/` }", name)
            await tab.goto(url)
            await tab.until(READY)
        return browsers

    return both


async def place(tab: Tab, text: str) -> list[float]:
    found: list[float] = await tab.js(FIND, text)
    return found


async def discuss(tab: Tab, text: str, body: str) -> None:
    await tab.drag(*await place(tab, text))
    await tab.click(".prompt .main")
    await tab.until(SHOWN, [""], ".card .composer textarea")
    await tab.type(body)
    await tab.press("Enter")
    await tab.until(BODIES, [body])


async def colours(tab: Tab, text: str) -> dict[str, int]:
    """Around a passage, with no card or pointer over it."""
    await tab.pointer(("move", 2, 2))
    found = await tab.js(COLOURS, await tab.screenshot(), await place(tab, text))
    return dict(found)


async def test_what_one_discusses_the_other_sees(both: Open) -> None:
    ada, ben = await both()
    plain = await colours(ben, FOG)
    await discuss(ada, FOG, "Which fog?")
    await ben.until(HIGHLIGHTED, [FOG], "open")
    painted = await colours(ben, FOG)
    assert next(iter(painted)) != next(iter(plain)), "the ground of the passage"

    left, top, *_ = await place(ben, FOG)
    await ben.click_at(left + 4, top)
    await ben.until(BODIES, ["Which fog?"])
    await ben.click(".card .composer textarea")
    await ben.type("The one of Tuesday.")
    await ben.press("Enter")
    await ada.until(BODIES, ["Which fog?", "The one of Tuesday."])

    await ada.click(".head [data-key=resolve]")
    await ben.until(HIGHLIGHTED, [FOG], "resolved")
    for tab in (ada, ben):
        await tab.press("Escape")
        await tab.until(SHOWN, [], ".card")
    resolved = await colours(ben, FOG)
    assert resolved != plain, "a resolved passage is seen"
    assert next(iter(resolved)) != next(iter(painted)), "and told from an open one"


async def test_keys_stay_in_our_fields(both: Open) -> None:
    ada, _ = await both()
    await ada.js(
        """() => {
          window.keys = []
          for (const type of ['keydown', 'keypress', 'keyup']) {
            for (const target of [document, window]) {
              target.addEventListener(type, event => keys.push(event.type + ' ' + event.key))
            }
          }
        }"""
    )
    await ada.drag(*await place(ada, FOG))
    await ada.press("Alt", "Shift", "m")
    await ada.until(SHOWN, [""], ".card .composer textarea")
    await ada.js("() => { keys.length = 0 }")
    await ada.type("s/? n")
    value = "() => document.querySelector('collab-chat').shadowRoot.querySelector('textarea').value"
    await ada.until(value, "s/? n")
    assert await ada.js("() => keys") == []
    await ada.press("Enter")
    await ada.until(BODIES, ["s/? n"])
    await ada.press("Escape")
    await ada.until(SHOWN, [], ".card")
    await ada.js("() => { keys.length = 0; document.activeElement.blur() }")
    await ada.press("s")
    assert "keydown s" in await ada.js("() => keys"), "the page's own shortcuts"


async def test_a_key_on_a_button_of_ours_is_not_the_pages(both: Open) -> None:
    """Whether it presses the button is seen in Chromium: Firefox presses none by WebDriver."""
    ada, _ = await both()
    await ada.js(
        """() => {
          window.slides = window.ups = 0
          addEventListener('keyup', () => { ups++ }, true)
          document.addEventListener('keydown', ({ key }) => { if (key === ' ') slides++ })
        }"""
    )
    await discuss(ada, FOG, "On a slide")
    await ada.js(
        """() => {
          ups = 0
          document.querySelector('collab-chat').shadowRoot.querySelector('[data-key=close]').focus()
        }"""
    )
    await ada.press(" ")
    await ada.until("() => ups", 1)
    assert await ada.js("() => slides") == 0


async def test_a_popover_that_closes_beside_it_and_a_dialog_in_a_dialog(both: Open) -> None:
    page = f"<div id=paper popover><main>{TEXT}</main></div>"
    ada, _ = await both(f"{ELEMENT}{page}<dialog id=box>A<dialog id=deep>B</dialog></dialog>")
    await ada.js("() => paper.showPopover()")
    await discuss(ada, FOG, "Which fog?")
    assert await ada.js("() => paper.matches(':popover-open')")
    await ada.press("Escape")
    await ada.until(SHOWN, [], ".card")
    await ada.js("() => { paper.hidePopover(); deep.append(paper.firstChild); paper.remove() }")
    await ada.js("() => { box.showModal(); deep.showModal() }")
    await discuss(ada, "harbour master", "Which harbour?")
    parent = "() => document.querySelector('collab-chat').parentElement.id"
    await ada.until(parent, "deep")
    await ada.js("() => deep.close()")
    await ada.until(parent, "box")


@pytest.mark.parametrize(
    "css",
    ["#p{writing-mode:vertical-rl}", "#p{display:flex;flex-direction:column-reverse}"],
)
async def test_to_a_passage_in_what_scrolls_backwards(both: Open, css: str) -> None:
    far = "<p>Far away from here.</p>" * 60
    style = f"<style>#p{{width:400px;height:300px;overflow:auto}}{css}</style>"
    ada, _ = await both(f"{style}{ELEMENT}<main><div id=p>{far}{TEXT}</div></main>")
    await ada.js("() => p.lastElementChild.scrollIntoView({ behavior: 'instant' })")
    await ada.js(
        """() => {
          document.getSelection().selectAllChildren(p.lastElementChild)
          document.querySelector('collab-chat').createFromSelection()
        }"""
    )
    await ada.until(SHOWN, [""], ".card .composer textarea")
    await ada.type("Here")
    await ada.press("Enter")
    await ada.until(BODIES, ["Here"])
    await ada.press("Escape")
    await ada.until(SHOWN, [], ".card")
    await ada.js("() => { p.scrollTop = p.scrollLeft = 0 }")
    await ada.js("""() => {
      const chat = document.querySelector('collab-chat')
      chat.open(chat.threads()[0].id)
    }""")
    await ada.until(
        """() => {
          const box = p.getBoundingClientRect(), text = p.lastElementChild.getBoundingClientRect()
          const [left, top] = [text.left - box.left, text.top - box.top]
          return left > -1 && top > -1 && left < box.width && top < box.height
        }"""
    )


async def test_to_the_passage(both: Open) -> None:
    """Into an inner scroller and closed details, far down the page."""
    far = "<p style='height:1500px'>"
    ada, _ = await both(
        f"{ELEMENT}<main>{far}<div id=inner style='height:200px;overflow:auto'>{far}{TEXT}{far}"
        f"</div><details><summary>More</summary><p>Behind a summary.</p></details>{far}</main>"
    )
    await ada.js("text => document.querySelector('details').open = true")
    for text, body in ((FOG, "One"), ("Behind a summary", "Two")):
        await ada.js(
            """text => {
              const find = node => node.nodeType === 3 ? node.data.includes(text) && node
                : [...node.childNodes].map(find).find(Boolean)
              const node = find(document.querySelector('main')), at = node.data.indexOf(text)
              document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
              document.querySelector('collab-chat').createFromSelection()
            }""",
            text,
        )
        await ada.until(SHOWN, [""], ".card .composer textarea")
        await ada.type(body)
        await ada.press("Enter")
        await ada.until(BODIES, [body])
        await ada.press("Escape")
        await ada.until(SHOWN, [], ".card")
    seen = """text => {
      const find = node => node.nodeType === 3 ? node.data.includes(text) && node
        : [...node.childNodes].map(find).find(Boolean)
      const range = document.createRange()
      range.selectNode(find(document.querySelector('main')))
      const { top, bottom, height } = range.getBoundingClientRect()
      const box = find(document.querySelector('main')).parentElement.closest('#inner')
        ?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight }
      return height > 0 && top >= Math.max(0, box.top) - 1 && bottom <= Math.min(innerHeight, box.bottom) + 1
    }"""  # noqa: E501
    for at, text in enumerate((FOG, "Behind a summary")):
        await ada.js(
            """() => {
              scrollTo({ top: 0, behavior: 'instant' })
              document.querySelector('#inner').scrollTop = 0
              document.querySelector('details').open = false
            }"""
        )
        assert not await ada.js(seen, text)
        opening = "at => (chat => chat.open(chat.threads()[at].id))(document.querySelector('collab-chat'))"  # noqa: E501
        await ada.js(opening, at)
        await ada.until(seen, True, text)
        await ada.press("Escape")
        await ada.until(SHOWN, [], ".card")


async def test_what_a_message_asks_moves_its_messages_and_not_the_page(both: Open) -> None:
    far = "<p style='height:1500px'>"
    ada, _ = await both(f"{ELEMENT}<main>{far}{TEXT}{far}</main>")
    await ada.js("() => scrollTo({ top: 1300, behavior: 'instant' })")
    await discuss(ada, FOG, "One")
    for n in range(2, 16):
        await ada.type(f"Message {n}")
        await ada.press("Enter")
        await ada.until(f"() => ({BODIES})().at(-1)", f"Message {n}")
    before = await ada.js("() => scrollY")
    assert before > 0
    await ada.js(
        """() => [...document.querySelector('collab-chat').shadowRoot
          .querySelectorAll('.message [data-key=delete]')].at(-1).click()"""
    )
    await ada.until(
        """() => {
          const { shadowRoot } = document.querySelector('collab-chat')
          const { top, bottom } = shadowRoot.querySelector('.ask .danger').getBoundingClientRect()
          const log = shadowRoot.querySelector('.log').getBoundingClientRect()
          return top >= log.top && bottom <= log.bottom
        }"""
    )
    assert await ada.js("() => scrollY") == before


async def test_above_a_modal_dialog(both: Open) -> None:
    ada, _ = await both(f"{ELEMENT}<main><dialog style='width:600px'>{TEXT}</dialog></main>")
    await ada.js("() => document.querySelector('dialog').showModal()")
    await discuss(ada, BOOK, "In here")
    await ada.press("Escape")
    await ada.until(SHOWN, [], ".card")
    assert await ada.js("() => document.querySelector('dialog').open"), "it stays open"
    left, top, *_ = await place(ada, BOOK)
    await ada.click_at(left + 4, top)
    await ada.until(BODIES, ["In here"])


async def test_under_the_strictest_policy(both: Open, shared: ServerProcess) -> None:
    """Nothing is refused by the engine's own reading of it."""
    ada, _ = await both()
    await ada.goto(f"http://127.0.0.1:{shared.port}/p/strict-{uuid.uuid4().hex[:8]}")
    await ada.until(READY)
    faults: list[str] = getattr(ada, "faults", [])
    faults.clear()
    watch = """() => {
      window.violations = []
      document.addEventListener('securitypolicyviolation', event =>
        violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))
    }"""
    await ada.js(watch)
    await discuss(ada, FOG, "Strictly")
    await ada.until(LOST, 0)
    await ada.click(".bar .discussions")
    await ada.until(SHOWN, lambda found: len(found) == 1, ".panel .item")
    assert await ada.js("() => violations") == []
    assert faults == []


async def test_what_did_not_come_at_first_comes_later(both: Open) -> None:
    """Whether an engine asks again for a module that failed, or holds that it is lost."""
    ada, _ = await both()
    await ada.js("() => { document.cookie = 'without=1; path=/' }")
    await ada.goto(await ada.js("() => location.href"))
    await ada.until(READY)
    at = "() => document.querySelector('collab-chat').shadowRoot.querySelector('.bar').dataset.at"
    await ada.until(at, "top-right")
    assert await ada.js(SHOWN, ".card, .panel") == []
    await ada.js("() => { document.cookie = 'without=1; path=/; max-age=0' }")
    await discuss(ada, FOG, "Here at last")


async def test_every_part_that_did_not_come_at_first_comes_later(both: Open) -> None:
    ada, _ = await both(PAGE)
    await ada.js("value => { document.cookie = `falters=${value}; path=/` }", uuid.uuid4().hex)
    try:
        await ada.goto(await ada.js("() => location.href"))
        await ada.until(READY)
        await all_that_came_later(ada)
    finally:
        await ada.js("() => { document.cookie = 'falters=; path=/; max-age=0' }")


async def test_what_was_read_in_the_last_second_before_another_page_is_read(both: Open) -> None:
    """Firefox closes the socket before it tells a page that it goes."""
    ada, ben = await both()
    url = await ben.js("() => location.href")
    for passage in (FOG, BOOK):
        await discuss(ada, passage, f"About {passage}")
        await ada.press("Escape")
    await ben.until(SHOWN, ["2"], ".bar .new")
    await ben.js("""() => {
      const chat = document.querySelector('collab-chat')
      for (const { id } of chat.threads()) chat.open(id)
    }""")
    await ben.until(SHOWN, [], ".bar .new")
    await ben.goto(url.split("/p/")[0] + "/site.css")
    await ben.goto(url)
    await ben.until(READY)
    await discuss(ada, "harbour master", "New")
    await ben.until(SHOWN, ["1"], ".bar .new")


async def test_a_language_that_came_late_waits_for_what_is_open_without_coming_again(
    both: Open,
) -> None:
    """Firefox has a module under its second address alone, and would load it anew each time."""
    ada, _ = await both('<collab-chat root=main lang=de style="--x:1"></collab-chat>')
    await ada.js("value => { document.cookie = `falters=${value}; path=/` }", uuid.uuid4().hex)
    try:
        await ada.goto(await ada.js("() => location.href"))
        await ada.js(
            """() => {
              window.asked = 0
              const real = setTimeout
              window.setTimeout = (act, pause, ...more) => pause === 2000
                ? real(() => (asked++, act()), 1) : real(act, pause, ...more)
              const opens = setInterval(() => {
                const chat = document.querySelector('collab-chat')
                chat.open()
                if (chat.shadowRoot.querySelector('.panel:not([hidden])')) clearInterval(opens)
              }, 10)
            }"""
        )
        await ada.until("() => asked > 5")
        loads = """() => performance.getEntriesByType('resource')
          .filter(each => each.name.includes('/lang/de.js')).length"""
        assert await ada.js(loads) <= 3
        spoken = (
            "() => document.querySelector('collab-chat').shadowRoot.querySelector('.face').lang"
        )
        assert await ada.js(spoken) == "en"
        await ada.press("Escape")
        await ada.until(spoken, "de")
    finally:
        await ada.js("() => { document.cookie = 'falters=; path=/; max-age=0' }")
