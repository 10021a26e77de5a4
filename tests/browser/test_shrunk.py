"""A page that says nothing of its viewport: on a phone it is laid out as on a desk, and smaller."""

from __future__ import annotations

import asyncio
import urllib.request
import uuid
from pathlib import Path

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import HEAD, SELECT, Reader, Visit
from .engines import Firefox

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT = HEAD.replace("<meta name=viewport content='width=device-width,initial-scale=1'>", "")
STORY = "<collab-chat></collab-chat><main>" + "".join(
    f"<p>In chapter {n} the fog has gone, and the gulls have taken over the ticket office.</p>"
    for n in range(40)
)
PHONE = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
TURNED = {"viewport": {"width": 844, "height": 390}, "is_mobile": True, "has_touch": True}
PASSAGE = "chapter 1 the fog has gone"

SEEN = """css => {
  const element = document.querySelector('collab-chat').shadowRoot.querySelector(css)
  const { left, top, right, bottom, width } = element.getBoundingClientRect()
  const { offsetLeft, offsetTop, scale } = visualViewport
  const glass = [left - offsetLeft, top - offsetTop, right - offsetLeft, bottom - offsetTop]
  const size = parseFloat(getComputedStyle(element).fontSize) * width / element.offsetWidth * scale
  return [...glass.map(each => Math.round(each * scale)), Math.round(size)]
}"""
"""Where something is on the phone's glass, and how large its letters are there."""


async def seen(reader: Reader, css: str) -> list[int]:
    found: list[int] = await reader.js(SEEN, css)
    return found


async def discuss(reader: Reader) -> None:
    await reader[".prompt .main"].tap()
    await reader.composer.fill("Third of how many?")
    await reader[".card .send"].tap()
    await expect(reader.bodies).to_have_text(["Third of how many?"])


async def test_all_is_of_the_size_that_it_has_on_pages_for_phones(visit: Visit) -> None:
    ada = await visit("Ada", html=STORY, head=SILENT, **PHONE)
    assert await ada.js("document.documentElement.clientWidth") == 980
    await ada.until(f"({SEEN})('.bar').at(-1)", 13)
    left, _, right, bottom, _ = await seen(ada, ".bar")
    assert (right, bottom) == (390 - 16, 780 - 14)
    assert left > 200

    await ada.js(SELECT, PASSAGE)
    await discuss(ada)
    await ada.until(f"({SEEN})('.card').toSpliced(1, 1).join()", "0,390,780,14")
    assert (await seen(ada, ".card .composer textarea"))[-1] == 16

    await ada[".card button[aria-label=Close]"].tap()
    await ada[".bar .discussions"].tap()
    await ada.until(f"({SEEN})('.panel').toSpliced(1, 1).join()", "0,390,780,14")
    assert (await seen(ada, ".panel"))[1] >= 780 * 0.28 - 1
    # What is loaded with the list has rules for narrow windows too.
    await expect(ada[".finding input"]).to_be_visible()
    await ada.until(f"({SEEN})('.finding input').at(-1)", 16)
    await ada[".panel .item"].tap()

    # Who looks closer at the page sees no more and no less of the card than before.
    glass = await ada.page.context.new_cdp_session(ada.page)
    await glass.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 0.9})
    await ada.until(f"({SEEN})('.card').toSpliced(1, 1).join()", "0,390,780,14")
    await glass.send(
        "Input.synthesizeScrollGesture", {"x": 200, "y": 100, "xDistance": -150, "speed": 4000}
    )
    await ada.until("visualViewport.offsetLeft > 0")
    await ada.until(f"({SEEN})('.card').toSpliced(1, 1).join()", "0,390,780,14")
    # Closer than that is to see all of it larger; what is in sight is held.
    await glass.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    await ada.until(f"({SEEN})('.card').at(-1)", 28)
    left, _, right, bottom, _ = await seen(ada, ".card")
    assert left <= 0
    assert right >= 390
    assert bottom >= 780
    await glass.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 0.9})

    # A keyboard takes half of the glass.
    await ada.js(
        """() => {
          Object.defineProperty(visualViewport, 'height', { get: () => 390 / visualViewport.scale })
          visualViewport.dispatchEvent(new Event('resize'))
        }"""
    )
    await ada.until(f"({SEEN})('.card').toSpliced(1, 1).join()", "0,390,390,14")
    assert (await seen(ada, ".card"))[1] >= 0


async def test_on_its_side_it_lies_by_the_passage(visit: Visit) -> None:
    ada = await visit("Ada", html=STORY, head=SILENT, **TURNED)
    await ada.until(f"({SEEN})('.bar').at(-1)", 13)
    await ada.js(SELECT, PASSAGE)
    await ada.until(
        f"""(() => {{ const [left, top, right, bottom] = ({SEEN})('.prompt')
        const {{ scale, offsetTop }} = visualViewport, passage = getSelection().getRangeAt(0)
          .getBoundingClientRect()
        return bottom > 0 && Math.abs((passage.top - offsetTop) * scale - bottom) < 12 }})()"""
    )
    await discuss(ada)
    left, top, right, bottom, size = await seen(ada, ".card")
    assert (right - left, size) == (348, 14)
    start, above, _, below = await ada.js(
        """() => { const [range] = CSS.highlights.get('collabchat-active')
          const { left, top, right, bottom } = range.getBoundingClientRect()
          const { scale } = visualViewport
          return [left, top, right, bottom].map(each => each * scale) }"""
    )
    assert top >= 0
    assert bottom <= 390
    assert top == pytest.approx(below + 10, abs=2) or bottom == pytest.approx(above - 10, abs=2)
    assert left == pytest.approx(start, abs=2)


@pytest.mark.long
async def test_in_firefox_too(shared: ServerProcess, tmp_path: Path) -> None:
    origin = f"http://127.0.0.1:{shared.port}"
    url = f"{origin}/p/test-{uuid.uuid4().hex[:8]}"
    request = urllib.request.Request(url, f"{SILENT}{STORY}".encode(), method="PUT")
    (await asyncio.to_thread(urllib.request.urlopen, request)).close()
    async with Firefox.opened(tmp_path / "firefox", phone=True) as tab:
        await tab.narrow(520, 780)
        await tab.goto(f"{origin}/site.css")
        await tab.js("() => { document.cookie = 'name=Ada; path=/' }")
        await tab.goto(url)
        await tab.until("() => visualViewport.scale < .6")
        width, height = await tab.until(
            "() => [visualViewport.width, visualViewport.height].map(each => Math.round(each * "
            "visualViewport.scale))",
            lambda size: size[0] <= 520,
        )
        await tab.until(SEEN, lambda box: box[2:] == [width - 16, height - 14, 13], ".bar")
        await tab.js("() => document.querySelector('collab-chat').open()")
        await tab.until(SEEN, lambda box: [box[0], *box[2:]] == [0, width, height, 14], ".panel")
        await tab.js(SELECT, PASSAGE)
        await tab.until("() => document.querySelector('collab-chat').createFromSelection()")
        await tab.until(SEEN, lambda box: [box[0], *box[2:]] == [0, width, height, 14], ".card")
        assert tab.faults == []
