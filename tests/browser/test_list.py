"""Looking for discussions: in the list, and at the scroll bar; and hiding what marks them."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from .conftest import BOOK, FOG, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAR = "a lighthouse stands"
PAGE = (
    "<collab-chat root=main></collab-chat><main><h1>Harbour</h1><p>By noon the fog has gone.</p>"
    "<p>The harbour master writes everything down twice.</p>"
    "<p style='margin-top:200vh'>At the end a lighthouse stands.</p></main>"
)
SAY = """async texts => {
  const { CollabClient } = await import('/collabchat/client.js')
  const element = document.querySelector('collab-chat'), [{ id }] = element.threads()
  const page = CollabClient.shared().page(element.urlId)
  await Promise.all(texts.map(text => page.addComment(id, text).settled))
  page.close()
}"""
MARKS = """() => {
  const root = document.querySelector('collab-chat').shadowRoot
  return [...root.querySelectorAll('.markers span')].map(mark => {
    const { left, top, right } = mark.getBoundingClientRect()
    return { left, right, at: top / innerHeight, class: mark.className }
  })
}"""
# How far down the page a passage is.
DOWN = """text => {
  const range = document.createRange()
  const found = [...document.querySelectorAll('p')].find(each => each.innerText.includes(text))
  range.selectNodeContents(found)
  return (range.getBoundingClientRect().top + scrollY) / document.scrollingElement.scrollHeight
}"""

# The last passage at the end of a long part that scrolls by itself, with more of the page below.
BOXED = """() => {
  const far = document.querySelectorAll('p')[2], box = document.createElement('div')
  box.style = 'height: 120px; overflow: auto'
  far.before(box)
  box.append(far)
  far.style.marginTop = '3000px'
  document.querySelector('main').style.paddingBottom = '150vh'
}"""
# Pixels from the end of that part to the last mark.
FROM_BOX = f"""() => {{
  const {{ bottom }} = document.querySelector('main > div').getBoundingClientRect()
  const length = document.scrollingElement.scrollHeight
  const far = ({MARKS})().at(-1).at * length - bottom - scrollY
  return far > -40 && far < 40
}}"""

# How many passages are measured in each turn, where one takes as long as a turn may.
SLOWLY = """() => {
  const { now } = performance, { getBoundingClientRect: measured } = Range.prototype
  let late = 0, turn
  performance.now = () => now.call(performance) + (late += 10)
  window.turns = []
  Range.prototype.getBoundingClientRect = function () {
    if (!turn) queueMicrotask(() => {
      turns.push(turn)
      turn = 0
      if (turns.length < 2) return
      performance.now = now
      Range.prototype.getBoundingClientRect = measured
    })
    turn = (turn || 0) + 1
    return measured.call(this)
  }
  dispatchEvent(new Event('resize'))
}"""


async def listed(reader: Reader, *passages: str) -> None:
    await expect(reader[".panel .item .passage"]).to_have_text(list(passages))


async def test_kind_person_and_words_narrow_the_list(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Since eleven, says the café")
    await ada.settled()
    await ada.js(SAY, ["a needle", *(f"hay {n}" for n in range(6))])
    ben = await visit("Ben")
    await ben.discuss(BOOK, "Once is enough")
    await ben.settled()
    await ben.js("window.heard = []; addEventListener('keyup', event => heard.push(event.key))")
    come = asyncio.Event()

    async def late(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await ben.page.route("**/finding.js", late)
    await ben[".bar .discussions"].click()
    await listed(ben, FOG, BOOK)
    place = "each => each.offsetTop"
    before = await ben[".filters"].evaluate(place)
    come.set()
    await expect(ben[".finding input"]).to_be_visible()
    assert await ben[".filters"].evaluate(place) == before, "what is aimed at has not moved"
    field = ben.page.get_by_role("searchbox", name="Search discussions")
    told = ben[".panel .told[role=status]"]
    await expect(told).to_be_empty()
    await field.press_sequentially("ÁDA gone")
    await listed(ben, FOG)
    await expect(told).to_have_text("1 discussion")
    await expect(ben[".filters [data-key=open]"]).to_have_text("Open 1")
    assert await ben.js("window.heard") == [], "what is typed is no shortcut of the page"
    await field.press("ArrowDown")
    await expect(ben[".panel .item"]).to_be_focused()
    # Of long discussions the page brings the newest messages only.
    await field.fill("needle")
    await expect(ben[".panel .empty"]).to_have_text("Nothing found")
    await expect(told).to_have_text("0 discussions")
    await ben[".panel [data-key=further]"].click()
    await expect(ben[".panel .item .body"]).to_have_text("a needle")
    await expect(ben[".panel [data-key=further]"]).to_have_count(0)
    await field.press("Escape")
    await expect(field).to_have_value("")
    await expect(field).to_be_focused()
    await listed(ben, FOG, BOOK)
    await ben.page.get_by_label("By whom").select_option(label="Ada")
    await listed(ben, FOG)
    await ben.page.get_by_label("By whom").select_option(label="Everyone")
    await ben.page.get_by_role("button", name="Mine 1").click()
    await listed(ben, BOOK)
    await ben.js("document.querySelector('main p').textContent = 'Rewritten.'")
    await ben.page.get_by_role("button", name="Lost 1").click()
    await listed(ben, FOG)
    await field.press("Escape")
    await expect(ben[".panel"]).to_be_hidden()
    await ben.clean()


async def test_highlights_and_offer_are_hidden_until_they_are_wanted(visit: Visit) -> None:
    """By the keyboard, in all tabs of the browser, also after a reload."""
    ada = await visit("Ada")
    await ada.discuss(FOG, "One")
    await ada.settled()
    await ada.page.keyboard.press("Escape")
    tab = await visit("Ada", beside=ada)
    await tab.highlighted(FOG)
    await ada.page.mouse.click(5, 5)
    await ada.page.keyboard.press("Alt+Shift+KeyM")
    switch = ada.page.get_by_role("switch", name="Highlights in the text")
    await expect(switch).to_have_attribute("aria-checked", "true")
    await switch.press("Space")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await expect(switch).to_be_focused()
    await ada.page.keyboard.press("Escape")
    for each in (ada, tab):
        await each.highlighted()
    await tab.page.reload()
    await tab.live()
    await tab.threads(1)
    await tab.highlighted()
    await tab.select(BOOK)
    # The offer's own delay runs out before one that is begun after it.
    await tab.js("new Promise(done => setTimeout(done, 150))")
    await expect(tab[".prompt"]).to_be_hidden()
    # Whoever asks for it has it.
    await tab.page.keyboard.press("Alt+Shift+KeyM")
    await expect(tab[".card .quote"]).to_have_text(BOOK)
    await tab.highlighted(BOOK, kind="draft")
    await tab.page.keyboard.press("Escape")
    await tab[".bar .discussions"].click()
    await tab[".panel .switch"].click()
    for each in (ada, tab):
        await each.highlighted(FOG)
    await tab.page.keyboard.press("Escape")
    await tab.select(BOOK)
    await expect(tab[".prompt .main"]).to_be_visible()
    await ada.clean()
    await tab.clean()


async def test_marks_at_the_scroll_bar(visit: Visit) -> None:
    """Each as far down as its passage, or the part that scrolls with it; new ones stand out."""
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Mine")
    await ada.settled()
    await ada.page.keyboard.press("Escape")
    ben = await visit("Ben")
    await ben.js("document.querySelectorAll('p')[2].scrollIntoView()")
    await ben.discuss(FAR, "New to Ada")
    await ben.settled()
    await ada.until(f"({MARKS})().map(mark => mark.class)", ["", "fresh-mark"])
    near, far = await ada.js(MARKS)
    width = await ada.js("document.documentElement.clientWidth")
    assert near["right"] == far["right"] == width
    assert abs(near["at"] - await ada.js(DOWN, FOG)) < 0.02
    assert abs(far["at"] - await ada.js(DOWN, FAR)) < 0.02
    await ada.js(SLOWLY)
    await ada.until("window.turns.length", 2)
    assert await ada.js("window.turns") == [1, 1]
    changed = """() => {
      const strip = document.querySelector('collab-chat').shadowRoot.querySelector('.markers')
      window.moves = 0
      new MutationObserver(records => { moves += records.length })
        .observe(strip, { childList: true, subtree: true, attributes: true })
    }"""
    await ada.js(changed)
    await ada.page.mouse.wheel(0, 400)
    await ada.until("scrollY > 300")
    await ada.js("new Promise(done => setTimeout(done, 150))")
    assert await ada.js("window.moves") == 0
    await ada.js("document.querySelector('h1').style.paddingTop = '150vh'")
    await ada.until("window.moves > 0")
    assert abs((await ada.js(MARKS))[0]["at"] - await ada.js(DOWN, FOG)) < 0.02
    await ada[".markers .fresh-mark"].click()
    await expect(ada[".card .quote"]).to_have_text(FAR)
    await ada.until("document.querySelectorAll('p')[2].getBoundingClientRect().top < innerHeight")
    await ada.until(f"({MARKS})().map(mark => mark.class)", ["", ""])
    await ada.page.keyboard.press("Escape")
    await ada.js(BOXED)
    await ada.until(FROM_BOX)
    await ada.js("Object.assign(document.documentElement, { lang: 'he', dir: 'rtl' })")
    await ada.until(f"({MARKS})().map(mark => mark.left)", [0, 0])
    await ada.page.emulate_media(media="print")
    await expect(ada[".markers span"].first).to_be_hidden()
    await ada.page.emulate_media(media="screen")
    await ada[".bar .discussions"].click()
    await ada[".panel .switch"].click()
    await expect(ada[".markers span"]).to_have_count(0)
    await ada.clean()


async def test_pictures_of_people(visit: Visit) -> None:
    """From where they may come, without telling which page is read; else the letters of a name."""
    ada = await visit("Pictured", html=PAGE)
    asked: list[str | None] = []
    ada.page.on(
        "request",
        lambda each: asked.append(each.headers.get("referer")) if "picture" in each.url else None,
    )
    await ada.discuss(FOG, "Me")
    await expect(ada[".message .avatar img"]).to_be_visible()
    await ada.settled()
    assert [bool(each) for each in asked] == [False]
    torn = await visit("Torn")
    await torn.open(FOG)
    await torn.reply("And me")
    await expect(torn[".message .avatar img"]).to_have_count(1)
    await expect(torn[".message .avatar"]).to_have_text(["P", "T"])
