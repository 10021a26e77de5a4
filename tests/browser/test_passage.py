"""A discussion's passage comes into sight, whatever the page has put around it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
COMPASS, RUDDER = "the compass broke", "a second rudder"
LONG = "".join(f"<p>Paragraph {n} of the long way down.</p>" for n in range(50))
TEXT = f"<h1>Log</h1>{LONG}<p>On the last day {COMPASS}.</p><p>The end.</p>"
TALL = "html,body{height:100%;overflow:hidden}"
PAGES = {
    "app shell": f"<style>{TALL}#p{{height:100vh;overflow:auto}}</style>"
    f"<div id=p><main>{TEXT}</main></div>",
    "body": "<style>html{height:100%;overflow:hidden}body{height:100%;overflow:auto}</style>"
    f"<main>{TEXT}</main>",
    "pane in a page": "<style>#p{height:300px;overflow:auto}</style>"
    f"{LONG}<div id=p><main>{TEXT}</main></div>{LONG}",
    "wide table": "<style>#p{overflow-x:auto;width:400px}#p p{margin-left:1500px;width:400px}"
    f"</style><main>{LONG}<div id=p><p>And {COMPASS}.</p></div>{LONG}</main>",
    "from right to left": "<style>#p{overflow-x:auto;width:400px}#p p{margin-right:1500px;"
    f"width:400px}}</style><main dir=rtl>{LONG}<div id=p><p>And {COMPASS}.</p></div></main>",
    "from the bottom up": "<style>#p{height:300px;overflow:auto;display:flex;"
    f"flex-direction:column-reverse}}</style><main><div id=p>{TEXT}</div></main>",
    "lines from top to bottom": "<style>html{writing-mode:vertical-rl}main{max-width:none;"
    f"height:80vh}}</style><main>{TEXT}{LONG}</main>",
    "pane of such lines": "<style>#p{writing-mode:vertical-rl;height:200px;width:400px;"
    f"overflow:auto}}</style><main>{LONG}<div id=p>{TEXT}</div></main>",
    "made smaller": "<style>#p{height:400px;overflow:auto;transform:scale(.5)}</style>"
    f"<main><div id=p>{TEXT}</div></main>",
    "shadow root": f"<main>{LONG}<div id=p><template shadowrootmode=open>"
    "<div style='height:200px;overflow:auto'><slot></slot></div></template>"
    f"{TEXT}</div></main>",
}

SELECT_AT = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
  }
  return document.querySelector('collab-chat').createFromSelection()
}"""
IN_SIGHT = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at < 0) continue
    const range = document.createRange()
    range.setStart(node, at)
    range.setEnd(node, at + text.length)
    const { left, top, width, height } = range.getBoundingClientRect()
    const hit = document.elementFromPoint(left + width / 2, top + height / 2)
    return !!hit && (hit === node.parentElement || hit.shadowRoot !== null && hit.contains(node))
  }
}"""
AWAY = """() => {
  document.activeElement?.blur()
  for (const each of document.querySelectorAll('*')) each.scrollTop = each.scrollLeft = 0
  for (const each of document.querySelector('#p')?.shadowRoot?.children ?? []) each.scrollTop = 0
}"""


async def discussed(visit: Visit, html: str, *passages: str, still: bool = False) -> Reader:
    """`still`: nothing scrolls smoothly, so that nothing is on its way when this returns."""
    ada = await visit("Ada", html=f"<collab-chat></collab-chat>{html}")
    if still:
        await ada.page.emulate_media(reduced_motion="reduce")
    for text in passages:
        assert await ada.js(SELECT_AT, text)
        await ada.composer.fill(f"About {text}")
        await ada[".card .send"].click()
        await ada.settled()
        await ada.page.keyboard.press("Escape")
    await ada.js(AWAY)
    return ada


async def in_sight(reader: Reader, text: str) -> None:
    await reader.until(f"({IN_SIGHT})({text!r})")


@pytest.mark.parametrize("page", PAGES)
async def test_whatever_scrolls_is_moved(visit: Visit, page: str) -> None:
    ada = await discussed(visit, PAGES[page], COMPASS)
    assert not await ada.js(IN_SIGHT, COMPASS)
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await in_sight(ada, COMPASS)


@pytest.mark.parametrize("align", ["start", "center", "end"])
async def test_a_slide_that_snaps_into_its_place_is_left_there(visit: Visit, align: str) -> None:
    slides = "<section>Sea.</section>" * 5
    html = (
        "<style>#p{height:300px;overflow:auto;scroll-snap-type:y mandatory}"
        f"section{{height:300px;scroll-snap-align:{align}}}p{{margin:0}}</style>"
        f"<main><div id=p>{slides}<section><p>And {COMPASS}.</p></section>{slides}</div></main>"
    )
    ada = await discussed(visit, html, COMPASS)
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await in_sight(ada, COMPASS)
    await ada.until("p.scrollTop", 1500)
    await expect(ada[".card"]).to_be_visible()
    # So long as it would go to and fro.
    await ada.js(
        "async () => { for (let n = 0; n < 120; n++) await new Promise(requestAnimationFrame) }"
    )
    assert await ada.js("p.scrollTop") == 1500
    assert await ada.js(IN_SIGHT, COMPASS)


@pytest.mark.parametrize("reduced", ["reduce", "no-preference"])
async def test_it_comes_out_from_under_headers_and_footers(visit: Visit, reduced: str) -> None:
    bars = (
        "<style>.b{position:sticky;height:130px;background:#ddd}#f{position:fixed;bottom:0;left:0;"
        "right:0;height:150px;background:#ddd}</style><div style='height:200px'>Hero</div>"
        "<div class=b style='top:0'>Menu</div><div class=b style='top:130px'>Tabs</div>"
        f"<main>{TEXT}{LONG}</main><div id=f>Cookies</div>"
    )
    ada = await discussed(visit, bars, COMPASS)
    await ada.page.emulate_media(reduced_motion=reduced)  # type: ignore[arg-type]
    for edge in (-60, -200, -540, -700):
        await ada.page.keyboard.press("Escape")
        top = "[...document.querySelectorAll('p')].find(p => p.textContent.includes('broke'))"
        await ada.js(f"() => scrollBy(0, {top}.getBoundingClientRect().top + {edge})")
        await ada.page.keyboard.press("Alt+Shift+KeyJ")
        await in_sight(ada, COMPASS)


async def test_it_comes_out_from_under_a_column_that_stays(visit: Visit) -> None:
    rows = "<tr><th>Row<td>Sea<td>Sky" * 20
    table = (
        "<style>#p{height:300px;width:500px;overflow:auto}td{min-width:500px}"
        "th{position:sticky;left:0;background:#ddd;min-width:230px}</style>"
        f"<main><div id=p><table>{rows}<tr><th>Row<td>{COMPASS}<td>Sky{rows}</table></div></main>"
    )
    ada = await discussed(visit, table, COMPASS)
    await ada.js("() => { p.scrollLeft = 1000 }")
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await in_sight(ada, COMPASS)


async def test_what_is_in_sight_does_not_move(visit: Visit) -> None:
    # Whole pixels: where lines end between two, the browser may round a page that only it lays out.
    whole = "<style>h1,p{height:30px;margin:0;line-height:30px}</style>"
    ada = await discussed(visit, f"{whole}<main>{TEXT}{LONG}</main>", COMPASS, still=True)
    passage = "document.querySelectorAll('p')[50]"
    await ada.js(f"() => scrollTo(0, {passage}.offsetTop - 500)")
    before = await ada.js(f"{passage}.getBoundingClientRect().top")
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await expect(ada[".card"]).to_be_visible()
    assert await ada.js(f"{passage}.getBoundingClientRect().top") == before == 500


CLOSED = {
    "details": (
        "<details open><summary>Outer</summary><details open><summary>Deep</summary>"
        f"<p id=x>Boats with {RUDDER}.</p></details></details>",
        "() => { for (const each of document.querySelectorAll('details')) each.open = false }",
    ),
    "until found": (
        f"<div id=x>Boats with {RUDDER}.</div>",
        "() => { x.setAttribute('hidden', 'until-found') }",
    ),
    "tab": (
        "<div role=tablist><button role=tab aria-controls=one aria-selected=true>One</button>"
        '<button role=tab id=second aria-selected=false onclick="one.hidden=true;setTimeout(() => '
        "{x.hidden=false;this.ariaSelected='true'}, 50)\">Two</button></div>"
        "<div id=one role=tabpanel>First</div>"
        f"<div id=x role=tabpanel aria-labelledby=second>Boats with {RUDDER}.</div>",
        "() => { x.hidden = true }",
    ),
    "accordion": (
        '<form><button type=button aria-controls=x aria-expanded=true onclick="this.ariaExpanded='
        "'true';x.style.maxHeight='9em'\">More</button>"
        "<div id=x style='overflow:hidden;max-height:9em;transition:max-height .2s'>"
        f"Boats with {RUDDER}.</div></form>",
        "() => { x.style.maxHeight = 0; x.previousElementSibling.ariaExpanded = 'false' }",
    ),
}


@pytest.mark.parametrize("what", CLOSED)
async def test_what_is_closed_is_opened(visit: Visit, what: str) -> None:
    part, close = CLOSED[what]
    ada = await discussed(visit, f"<main>{LONG}{part}{LONG}</main>", RUDDER)
    await ada.js(close)
    await ada.until(f"({IN_SIGHT})({RUDDER!r})", False)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await in_sight(ada, RUDDER)
    await expect(ada[".card .notice"]).to_be_hidden()


async def test_a_slide_that_is_not_its_turn_is_said_to_be_closed_until_it_is(visit: Visit) -> None:
    """As decks keep the next slide: drawn, beside the window, and seen through."""
    deck = (
        "<style>main { position: fixed; inset: 0; overflow: hidden }"
        "section { position: absolute; transition: all 0.1s }"
        ".next { opacity: 0; transform: translate(150vw) }</style>"
        f"<main><section>First.</section><section id=x>Boats with {RUDDER}.</section></main>"
    )
    ada = await discussed(visit, deck, RUDDER)
    await ada.js("() => { x.className = 'next' }")
    await ada.until("getComputedStyle(x).opacity", "0")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada[".card .notice"]).to_contain_text("in a part of the page that is closed")
    await ada.js("() => { x.className = '' }")
    await expect(ada[".card .notice"]).to_be_hidden()


@pytest.mark.parametrize(
    "away",
    ["transform: translate(-400px)", "position: absolute; left: -9999px", "margin-top: 300px"],
)
async def test_what_the_page_has_put_aside_is_said_to_be_closed_until_it_comes(
    visit: Visit, away: str
) -> None:
    """A carousel, what is for those who hear the page alone, a text that is cut short."""
    frame = (
        "<style>#frame { overflow: hidden; width: 390px; height: 90px }"
        "#x { width: 390px; transition: all 0.1s }</style>"
        f"{LONG}<div id=frame><div id=x>Boats with {RUDDER}.</div></div>{LONG}"
    )
    ada = await discussed(visit, f"<main>{frame}</main>", RUDDER)
    await ada.js("away => { x.style.cssText = away }", away)
    await ada.js("() => Promise.all(x.getAnimations().map(each => each.finished))")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada[".card .notice"]).to_contain_text("in a part of the page that is closed")
    await ada.js("() => { x.style.cssText = '' }")
    # Nothing tells of what comes without a transition, so it is looked after what a reader does.
    await ada[".card .quote"].click()
    await expect(ada[".card .notice"]).to_be_hidden()


async def test_a_carousel_that_its_page_scrolls(visit: Visit) -> None:
    frame = (
        "<style>#frame { display: flex; overflow: hidden; width: 390px }"
        "#frame div { flex: none; width: 390px }</style>"
        f"{LONG}<div id=frame><div>Boats with {RUDDER}.</div><div>Two.</div></div>{LONG}"
    )
    ada = await discussed(visit, f"<main>{frame}</main>", RUDDER)
    await ada.js("() => { frame.scrollLeft = 390 }")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada[".card .notice"]).to_contain_text("in a part of the page that is closed")
    await ada.js("() => { frame.scrollLeft = 0 }")
    await expect(ada[".card .notice"]).to_be_hidden()


@pytest.mark.parametrize(
    "css",
    [
        "#app { height: 100vh; overflow: hidden } #s { height: 100%; overflow: auto }",
        "#app { height: 100vh } #s { height: 100%; overflow: auto }",
        "html { height: 100%; overflow: hidden } body { height: 100%; margin: 0; overflow: auto }",
        "#app { width: 500px; overflow: hidden } #s { overflow: auto } #s * { width: 4000px }",
    ],
)
async def test_what_a_reader_has_scrolled_out_of_sight_is_not_said_to_be_closed(
    visit: Visit, css: str
) -> None:
    """In an app a part scrolls, and what is around it does not."""
    part = (
        f"<style>{css}</style><div id=app><div id=s><p>Boats with {RUDDER}.</p>{LONG}</div></div>"
    )
    ada = await discussed(visit, f"<main>{part}</main>", RUDDER)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await in_sight(ada, RUDDER)
    await ada.js(
        """() => new Promise(done => {
          // Behind what looks then: in the frame after it.
          addEventListener('scroll', () => requestAnimationFrame(() => requestAnimationFrame(done)),
            { capture: true, once: true })
          for (const each of [s, document.body]) each.scrollTo(1500, 1500)
        })"""
    )
    assert not await ada.js(f"({IN_SIGHT})({RUDDER!r})")
    assert await ada[".card .notice"].is_hidden()


async def test_a_passage_is_looked_at_once_a_frame(visit: Visit) -> None:
    """However much is scrolled before it is drawn: each look asks for the looks of all around."""
    ada = await discussed(visit, f"<main>Boats with {RUDDER}.{LONG}</main>", RUDDER)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada[".card"]).to_be_visible()
    asked = await ada.js(
        """() => new Promise(done => requestAnimationFrame(() => {
          const real = requestAnimationFrame
          let asked = 0
          window.requestAnimationFrame = act => { asked++; return real(act) }
          for (let turn = 0; turn < 20; turn++) {
            for (const type of ['wheel', 'scroll', 'click']) document.dispatchEvent(new Event(type))
          }
          window.requestAnimationFrame = real
          done(asked)
        }))"""
    )
    # For its place and for the ground too.
    assert asked <= 5


async def test_what_reaches_out_of_a_part_that_is_cut_off_is_in_sight(visit: Visit) -> None:
    part = (
        "<div style='overflow:hidden;height:20px'>"
        f"<div style='position:absolute;top:300px'>Boats with {RUDDER}.</div></div>"
    )
    ada = await discussed(visit, f"<main>{part}</main>", RUDDER)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await in_sight(ada, RUDDER)
    await expect(ada[".card .notice"]).to_be_hidden()


@pytest.mark.parametrize("submits", [False, True])
async def test_what_cannot_be_opened_is_said_to_be_closed(visit: Visit, submits: bool) -> None:
    button = "<form action=/away><button aria-controls=x aria-expanded=false>More</button></form>"
    html = f"<main>{LONG}{button if submits else ''}<p id=x>Boats with {RUDDER}.</p>{LONG}</main>"
    ada = await discussed(visit, html, RUDDER)
    await ada.js("() => { x.style.display = 'none'; scrollTo(0, 900) }")
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .item"]).to_be_visible()
    before = await ada.js("scrollY")
    # A click of the driver's may scroll by itself to what it clicks.
    await ada[".panel .item"].evaluate("item => item.click()")
    await expect(ada[".card .notice"]).to_contain_text("in a part of the page that is closed")
    assert await ada.js("scrollY") == before
    # The reader opens it.
    await ada.js("() => { x.style.display = '' }")
    await ada.page.mouse.click(5, 300)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await in_sight(ada, RUDDER)
    await expect(ada[".card .notice"]).to_be_hidden()
