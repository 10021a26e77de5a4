"""A page that takes away and draws anew: the widget's part stays right, the page's untouched."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
BOATS, GULLS = "boats with a second rudder", "gulls have taken over"
PAGE = (
    f"<collab-chat></collab-chat><main style='color:#222'><p id=one>By noon {FOG}, they say.</p>"
    f"<p id=two>The {GULLS} and {BOATS} stay in.</p></main>"
)
SELECT = """text => {
  const walker = document.createTreeWalker(document.body, 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
  }
}"""
OURS = """document.adoptedStyleSheets.filter(({ cssRules: [rule] }) =>
  rule?.cssText.includes('collabchat')).length"""
TOP = """() => document.querySelector("collab-chat").shadowRoot.querySelector(".card")
  .style.top"""


async def begun(reader: Reader, text: str) -> None:
    await reader.js(SELECT, text)
    # Whoever writes types letters, and no shortcuts.
    await reader.js("() => document.activeElement.blur()")
    await reader.page.keyboard.press("Alt+Shift+KeyM")
    await expect(reader.composer).to_be_focused()


async def test_marks_come_back(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Has it?")
    await ada.page.keyboard.press("Escape")
    await ada.highlighted(FOG)
    await ada.js("() => CSS.highlights.clear()")
    await ada.highlighted(FOG)
    await ada.js("() => { document.adoptedStyleSheets = [new CSSStyleSheet()] }")
    await ada.until(f"({OURS})", 1)
    # A page that asks its server all the time, and draws the answer.
    await ada.js(
        """() => {
          const words = one.textContent
          window.drawing = setInterval(() => one.replaceChildren(words), 100)
          window.gone = 0
          const text = () => [...CSS.highlights.get('collabchat-open') ?? []].map(String)[0]
          window.watching = setInterval(() => { text() ? gone = 0 : gone++ }, 10)
        }"""
    )
    await ada.until("drawing && !gone")
    for _ in range(3):
        await ada.highlighted(FOG)
    await ada.js("() => { clearInterval(drawing); clearInterval(watching) }")
    assert await ada.js("document.querySelector('main').getAttribute('style')") == "color:#222"


async def test_what_is_written_stays_where_its_text_is(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await begun(ada, BOATS)
    await ada.composer.press_sequentially("Two of")
    before = await ada.js(TOP)
    await ada.js("() => two.replaceChildren(two.textContent)")
    await ada.highlighted(BOATS, kind="draft")
    await ada.js("() => dispatchEvent(new Event('resize'))")
    await ada.page.keyboard.type(" them?")
    assert await ada.js(TOP) == before
    await ada.js("() => { one.style.height = '90px' }")
    await ada.js("() => two.replaceWith(two.cloneNode(true))")
    await ada.highlighted(BOATS, kind="draft")
    await expect(ada.composer).to_have_value("Two of them?")
    await ada.composer.press("Enter")
    await ada.highlighted(BOATS, kind="active")


async def test_the_page_is_not_written_to(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Has it?")
    await ada.page.keyboard.press("Escape")
    cursor = "getComputedStyle(document.querySelector('#one')).cursor"
    left, top, *_ = await ada.place(FOG)
    await ada.page.mouse.move(left + 4, top)
    await ada.until(cursor, "pointer")
    assert await ada.js("document.querySelector('main').getAttribute('style')") == "color:#222"
    await ada.page.mouse.move(5, 400)
    await ada.until(cursor, "auto")


OLD = {
    "JSON": "Array.prototype.toJSON = function () { return JSON.stringify([...this].join()) }",
    # As Prototype has them, which were there before the standard's.
    "arrays": """
      Array.prototype.toArray = Array.prototype.entries = function () { return [...this] }
      String.prototype.toArray = function () { return this.split('') }
      Array.prototype.find = function (test) { for (const one of this) if (test(one)) return one }
      Array.from = given => {
        if (!given) return []
        if ('toArray' in Object(given)) return given.toArray()
        const found = new Array(given.length || 0)
        for (let at = 0; at < found.length; at++) found[at] = given[at]
        return found
      }""",
    # As MooTools has it.
    "lists": "Array.from = given => given == null ? [] : Array.isArray(given) ? given : [given]",
}


@pytest.mark.parametrize("what", OLD)
async def test_old_libraries_change_nothing(visit: Visit, what: str) -> None:
    style = "<style>body { background: linear-gradient(#fff, #eee) }</style>"
    old = f"{style}<script>{OLD[what]}</script>"
    ada = await visit("Ada", html=old + PAGE)
    await ada.discuss(FOG, "Has it?")
    await ada.settled()
    bob = await visit("Bob", html=old + PAGE)
    await bob.highlighted(FOG)
    assert (await bob.js("document.querySelector('collab-chat').threads()"))[0]["anchor"][
        "selector"
    ][0]["exact"] == FOG


async def test_what_enter_does_is_what_its_key_says(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await begun(ada, FOG)
    await expect(ada.composer).to_have_attribute("enterkeyhint", "send")
    await ada.composer.fill("霧が晴れた")
    # Safari tells of the end of a conversion first, and then of the key that ended it.
    await ada.composer.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    await ada.threads(0)
    await ada.composer.press("Enter")
    await ada.threads(1)
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    bob = await visit("Bob", html=PAGE, **phone)
    await begun(bob, GULLS)
    await expect(bob.composer).to_have_attribute("enterkeyhint", "enter")
    await bob.composer.press("Enter")
    await expect(bob.composer).to_have_value("\n")


async def test_who_hears_the_page_hears_what_is_new_once(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    bob = await visit("Bob", beside=None, html=PAGE)
    await ada.discuss(FOG, "Has it?")
    await bob.open(FOG)
    await ada.reply("It has.")
    await expect(bob[".hidden[role=status]"]).to_have_text("Ada: It has.")
    await expect(bob[".log"]).to_have_attribute("aria-live", "off")


async def test_a_long_selection_is_not_cut_in_silence(visit: Visit) -> None:
    words = " ".join(f"word{n}" for n in range(600))
    ada = await visit("Ada", html=f"<collab-chat></collab-chat><main><p>{words}</p></main>")
    await begun(ada, words)
    await expect(ada[".card .notice"]).to_contain_text("only its beginning")
    await begun(ada, "word3 word4")
    await expect(ada[".card .notice"]).to_be_hidden()


async def test_two_widgets_do_not_stand_in_each_others_way(visit: Visit) -> None:
    html = (
        "<collab-chat id=a root='#one' page=left></collab-chat><collab-chat id=b root='#two' "
        f"page=right></collab-chat>{PAGE.replace('<collab-chat></collab-chat>', '')}"
    )
    ada = await visit("Ada", html=html, live=False)
    for each, text in (("a", FOG), ("b", GULLS)):
        await ada.until(f"document.querySelector('#{each}').user?.name", "Ada")
        await ada.js(SELECT, text)
        await ada.js("() => document.activeElement.blur()")
        await ada.page.keyboard.press("Alt+Shift+KeyM")
        await expect(ada.page.locator(f"#{each} .card")).to_be_visible()
        await expect(
            ada.page.locator(f"#{'b' if each == 'a' else 'a'} .card:not([hidden])")
        ).to_have_count(0)
        await expect(ada.page.locator(".panel:not([hidden])")).to_have_count(0)
    for each in ("a", "b", "a"):
        await ada.js(f"() => document.querySelector('#{each}').open()")
        await expect(ada.page.locator(f"#{each} .panel")).to_be_visible()
        await expect(ada.page.locator(":is(.panel, .card):not([hidden])")).to_have_count(1)


async def test_the_bar_follows_its_place(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE.replace("<collab-chat>", "<collab-chat bar='#tools'>"))
    bar = """() => document.querySelector('#tools .inline')?.shadowRoot.querySelector('.bar')
      .offsetWidth > 0"""
    for _ in range(2):
        await ada.js("() => document.body.insertAdjacentHTML('beforeend', '<div id=tools></div>')")
        await ada.until(f"({bar})()")
        await ada.js("() => tools.remove()")
        await expect(ada[".bar"]).to_be_visible()


@pytest.mark.parametrize("asked", [False, True])
async def test_paper(visit: Visit, asked: bool) -> None:
    tag = "<collab-chat print>" if asked else "<collab-chat>"
    ada = await visit("Ada", html=PAGE.replace("<collab-chat>", tag))
    for text, body in ((BOATS, "Of *oak*? [No](https://oak.example/)"), (FOG, "Has it?")):
        await ada.js(SELECT, text)
        await ada[".prompt .main"].click()
        await ada.composer.fill(body)
        await ada.composer.press("Enter")
        await expect(ada.bodies.last).to_contain_text(body[:2])
        await ada.composer.press("Escape")
    await ada.page.emulate_media(media="print")
    await expect(ada[".bar"]).to_be_hidden()
    notes = ada[".notes li"]
    if not asked:
        await expect(notes).to_have_count(0)
        return
    await expect(notes).to_contain_text([FOG, BOATS])
    await expect(notes.first).to_contain_text("Ada")
    await expect(notes.first).to_contain_text("Has it?")
    await expect(notes.first).to_be_visible()
    await expect(notes.last.locator(".said em")).to_have_text("oak")  # as on the screen
    await expect(notes.last).to_contain_text("No (https://oak.example/)")
    await ada.js("() => document.querySelector('collab-chat').removeAttribute('print')")
    await expect(notes).to_have_count(0)
