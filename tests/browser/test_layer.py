"""The widget is above the page, in the window's own pixels, and in reach of what is modal."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
BEES = "keep bees only"
CONTRACT = f"<h1>Contract</h1><p>The tenant shall {BEES} with consent of the owner.</p>"
LONG = "".join(f"<p>Paragraph {n} of the long way down.</p>" for n in range(30))

SELECT = """text => {
  const walker = document.createTreeWalker(document.body, 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
  }
}"""
HIT = """css => {
  const host = document.querySelector('collab-chat'), element = host.shadowRoot.querySelector(css)
  const { left, top, width, height } = element.getBoundingClientRect()
  return width > 0 && document.elementFromPoint(left + width / 2, top + height / 2) === host
}"""
GEOMETRY = """text => {
  const root = document.querySelector('collab-chat').shadowRoot
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  const range = document.createRange()
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) { range.setStart(node, at); range.setEnd(node, at + text.length) }
  }
  const [passage, prompt, bar] = [range, root.querySelector('.prompt'), root.querySelector('.bar')]
    .map(each => each.getBoundingClientRect())
  const middle = ({ left, right }) => (left + right) / 2
  return [passage.top - prompt.bottom, middle(prompt) - middle(passage), bar.top,
    innerWidth - bar.right, bar.height].map(Math.round)
}"""


async def hit(reader: Reader, css: str) -> None:
    await reader.until(f"({HIT})({css!r})")


@pytest.mark.parametrize(
    "style",
    [
        "body{zoom:1.25}",
        "html{zoom:1.3}",
        pytest.param("body{zoom:.8}main{zoom:1.5}", marks=pytest.mark.long),
        pytest.param("body{transform:translateZ(0)}", marks=pytest.mark.long),
        pytest.param("body{filter:invert(1)}", marks=pytest.mark.long),
        "body{contain:strict;height:4000px}",
        pytest.param("body{will-change:transform;overflow:clip}", marks=pytest.mark.long),
    ],
)
async def test_nothing_around_the_element_moves_it(visit: Visit, style: str) -> None:
    html = f"<style>{style}</style><collab-chat></collab-chat><main>{LONG}{CONTRACT}{LONG}</main>"
    ada = await visit("Ada", html=html)
    await ada.js("() => document.querySelector('h1').scrollIntoView({ block: 'center' })")
    await ada.js(SELECT, BEES)
    await expect(ada[".prompt"]).to_be_visible()
    above, beside, top, end, height = await ada.js(GEOMETRY, BEES)
    assert 4 <= above <= 24
    assert abs(beside) <= 60
    assert (top, end) == (14, 16)
    assert 35 <= height <= 50
    await hit(ada, ".prompt .main")
    await ada[".prompt .main"].click()
    await hit(ada, ".card .composer")
    box = await ada[".card"].bounding_box()
    assert box
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 761
    assert box["x"] + box["width"] <= 1200


OPENED = {
    "dialog beside": (
        "<collab-chat root='#paper'></collab-chat><main><p>Overview.</p></main>"
        f"<dialog id=box><div id=paper>{CONTRACT}</div></dialog>",
        ("box.showModal()", "box.close()"),
    ),
    "dialog around": (
        "<main><p>Overview.</p></main><dialog id=box><collab-chat root='#paper'></collab-chat>"
        f"<div id=paper>{CONTRACT}</div></dialog>",
        ("box.showModal()", "box.close()"),
    ),
    "dialog in the text": (
        "<collab-chat></collab-chat>"
        f"<main id=paper><p>Overview.</p><dialog id=box>{CONTRACT}</dialog></main>",
        ("box.showModal()", "box.close()"),
    ),
    "full screen": (
        f"<collab-chat></collab-chat><main id=paper style='background:#fff'>{CONTRACT}</main>",
        ("paper.requestFullscreen()", "document.exitFullscreen()"),
    ),
    "popover": (
        "<collab-chat root='#paper'></collab-chat><main><p>Overview.</p></main>"
        f"<div id=paper popover=manual style='inset:0;width:100%;height:100%'>{CONTRACT}</div>",
        ("paper.showPopover()", "paper.hidePopover()"),
    ),
    "popover that closes beside": (
        "<collab-chat root='#paper'></collab-chat><main><p>Overview.</p></main>"
        f"<div id=paper popover>{CONTRACT}</div>",
        ("paper.showPopover()", "paper.hidePopover()"),
    ),
    "a script's dialog": (
        "<div id=app><collab-chat root='#paper'></collab-chat><main><p>Overview.</p></main></div>"
        "<div id=box role=dialog aria-modal=true style='display:none;position:fixed;inset:0;"
        f"background:#fff;z-index:2147483647'><div id=paper>{CONTRACT}</div></div>",
        ("(box.style.display = '', app.inert = true)", "(app.inert = false, box.remove())"),
    ),
}

MORE = ("dialog around", "dialog beside", "popover")


@pytest.mark.parametrize(
    "what",
    [pytest.param(what, marks=[pytest.mark.long] if what in MORE else []) for what in OPENED],
)
async def test_what_lies_on_top_of_the_page_is_discussed_there(visit: Visit, what: str) -> None:
    html, (opens, closes) = OPENED[what]
    ada = await visit("Ada", html=html, live=False)
    await ada.until("document.querySelector('collab-chat').user?.name", "Ada")
    home = await ada.js("document.querySelector('collab-chat').parentElement.tagName")
    for body in ("How many hives?", "And twice?"):
        await ada.js(f"async () => {{ await {opens} }}")
        await ada.js(SELECT, BEES)
        await hit(ada, ".prompt .main")
        await ada[".prompt .main"].click()
        await hit(ada, ".card .composer")
        await ada.composer.press_sequentially(body)
        await ada.composer.press("Enter")
        await expect(ada.bodies.last).to_have_text(body)
        await ada.composer.press("Escape")
        await expect(ada[".card"]).to_be_hidden()
        # A page's dialog closes by Escape, but not by the one that closed our card.
        assert await ada.js("document.querySelector('dialog')?.open ?? true")
        assert await ada.js("!paper.popover || paper.matches(':popover-open')")
        await ada.js(f"async () => {{ await {closes} }}")
        if what == "a script's dialog":
            break
    await ada.until("document.querySelector('collab-chat').parentElement.tagName", home)
    assert not await ada.js("document.querySelector('dialog')?.matches(':modal') ?? false")


async def test_the_end_of_a_dialog_within_a_dialog(visit: Visit) -> None:
    html = (
        "<collab-chat></collab-chat><dialog id=box><main><p>Overview.</p>"
        f"<dialog id=deep>{CONTRACT}</dialog></main></dialog>"
    )
    ada = await visit("Ada", html=html, live=False)
    await ada.js("() => { box.showModal(); deep.showModal() }")
    await ada.js(SELECT, BEES)
    await hit(ada, ".prompt .main")
    await ada.js("() => deep.close()")
    await hit(ada, ".bar")
    await ada.js("() => box.close()")
    await hit(ada, ".bar")
    assert await ada.js("document.querySelector('collab-chat').parentElement === document.body")


async def test_a_script_that_shuts_off_everything_beside_its_dialog(visit: Visit) -> None:
    html = (
        "<collab-chat root='#box'></collab-chat><main><p>Overview.</p></main>"
        f"<div id=box role=dialog style='display:none'>{CONTRACT}</div>"
    )
    ada = await visit("Ada", html=html)
    await ada.js(
        """() => {
          for (const each of document.querySelectorAll('collab-chat, main')) {
            each.inert = true
            each.setAttribute('aria-hidden', 'true')
          }
          box.setAttribute('aria-modal', 'true')
          box.style.display = ''
        }"""
    )
    await ada.js(SELECT, BEES)
    await hit(ada, ".prompt .main")
    assert await ada.js("document.querySelector('collab-chat').ariaHidden") is None
    await ada[".prompt .main"].click()
    await ada.composer.press_sequentially("How many hives?")
    await ada.composer.press("Enter")
    await expect(ada.bodies.last).to_have_text("How many hives?")


async def test_what_does_not_concern_the_text_lies_above_the_widget(visit: Visit) -> None:
    html = f"<collab-chat></collab-chat><main>{CONTRACT}</main><dialog id=box>Settings</dialog>"
    ada = await visit("Ada", html=html)
    await hit(ada, ".bar")
    await ada.js(
        "() => { box.style.cssText = 'width:100%;height:100%;max-width:none'; box.showModal() }"
    )
    await ada.until(f"({HIT})('.bar')", False)
    assert await ada.js("document.querySelector('collab-chat').parentElement === document.body")
    await ada.js("() => box.close()")
    await hit(ada, ".bar")


async def test_a_page_may_set_a_z_index_instead(visit: Visit) -> None:
    css = "<style>collab-chat{--collabchat-z:5}#menu{position:fixed;inset:0;z-index:6}</style>"
    html = f"{css}<collab-chat></collab-chat><main>{CONTRACT}</main><div id=menu>Menu</div>"
    ada = await visit("Ada", html=html)
    assert not await ada.js(HIT, ".bar")
    await ada.js("() => menu.remove()")
    await hit(ada, ".bar")


@pytest.mark.parametrize("way", ["appendChild", "moveBefore"])
async def test_a_moved_element_keeps_what_is_open(visit: Visit, way: str) -> None:
    html = f"<collab-chat></collab-chat><main>{CONTRACT}</main><aside id=side></aside>"
    ada = await visit("Ada", html=html)
    await ada.js(SELECT, BEES)
    await ada[".prompt .main"].click()
    await ada.composer.press_sequentially("Half a sen")
    await ada.js(f"() => side.{way}(document.querySelector('collab-chat'), null)")
    await ada.page.keyboard.type("tence")
    await expect(ada.composer).to_have_value("Half a sentence")
    await hit(ada, ".card .composer")
    await ada.composer.press("Enter")
    await expect(ada.bodies.last).to_have_text("Half a sentence")
    # Taken out for good, it ends.
    await ada.js("() => { window.taken = document.querySelector('collab-chat'); taken.remove() }")
    await ada.until("taken.urlId", "")
