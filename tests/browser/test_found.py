"""What people found who tried to break the widget with their own hands: each is a test."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOG = "the fog has gone"
BOOK = "writes everything down twice"
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}

FOCUS = """() => {
  let element = document.activeElement
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element.dataset.key || element.className || element.tagName
}"""

SELECT = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4)
  for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(text)
    if (at >= 0) document.getSelection().setBaseAndExtent(node, at, node, at + text.length)
  }
}"""

# Blanks do not count: custom properties keep theirs as they stand. What a browser drops does.
RULES = r"""async () => {
  const { highlightSheet, widgetSheet } = await import('/collabchat/styles.js')
  const text = sheet => [...sheet.cssRules].map(rule => rule.cssText.replace(/\s+/g, ''))
  const served = document.querySelector('collab-chat').shadowRoot.adoptedStyleSheets[0]
  return [[highlightSheet(false), document.adoptedStyleSheets[0]], [widgetSheet(), served]]
    .map(pair => pair.map(text))
}"""


async def focus(reader: Reader) -> str:
    found: str = await reader.js(FOCUS)
    return found


async def test_what_is_served_looks_as_it_is_written(visit: Visit) -> None:
    ada = await visit("Ada")
    for written, served in await ada.js(RULES):
        assert served == written
        assert len(served) > 5


async def test_highlights_are_underlined_and_resolved_ones_keep_a_mark(visit: Visit) -> None:
    ada = await visit("Ada")
    styles = """() => ['open', 'resolved', 'draft', 'active', 'hover'].map(name => getComputedStyle(
      document.querySelector('main p'), `::highlight(collabchat-${name})`))
      .map(style => [style.textDecorationLine, style.textDecorationStyle])"""
    lines = ["solid", "dotted", "dashed", "solid", "solid"]
    assert await ada.js(styles) == [["underline", line] for line in lines]


async def test_a_finger_begins_a_discussion(visit: Visit) -> None:
    ada = await visit("Ada", **PHONE)
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].tap()
    await expect(ada[".card"]).to_be_visible()
    await expect(ada.composer).to_be_focused()
    await ada.composer.fill("By hand")
    await ada[".card .send"].tap()
    await expect(ada.bodies).to_have_text(["By hand"])
    await expect(ada[".card"]).to_be_visible()


async def test_a_card_shows_its_own_head_again(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "One")
    await ada.page.keyboard.press("Escape")
    await ada.select(BOOK)
    await ada[".prompt .main"].click()
    await expect(ada[".card h2"]).to_have_text("New discussion")
    await ada.page.keyboard.press("Escape")
    await ada.open(FOG)
    await expect(ada[".card h2"]).to_have_text("Discussion")
    await expect(ada[".card"].get_by_text("Resolve")).to_be_visible()


async def test_a_long_thread_leaves_the_quote_its_room(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Line\n" * 60)
    height = "element => element.clientHeight - element.scrollHeight"
    assert await ada[".card .quote"].evaluate(height) == 0
    assert await ada[".card .typing"].evaluate("element => element.offsetHeight") == 20


async def test_words_of_an_edit_outlive_what_others_do(visit: Visit) -> None:
    ada, mod = await visit("Ada"), await visit("Mod")
    await ada.discuss(FOG, "First")
    await ada.reply("Second")
    await mod.threads(1)
    await mod.open(FOG)
    await ada[".message"].last.get_by_label("Edit").click()
    await ada[".message textarea"].fill("Second, and better")
    # The card is closed by accident, and opened again.
    await ada[".card"].get_by_label("Close").click()
    await ada.open(FOG)
    await expect(ada[".message textarea"]).to_have_value("Second, and better")
    await mod[".message"].last.get_by_label("Delete").click()
    await mod[".ask .danger"].click()
    await expect(ada[".message"]).to_have_count(1)
    await expect(ada.composer).to_have_value("Second, and better")


async def test_half_a_reply_outlives_a_reload_and_belongs_to_its_writer(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "First")
    await ada.composer.fill("Half a thou")
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("Half a thou")
    origin = ada.page.url.partition("/p/")[0]
    await ada.page.context.add_cookies([{"name": "name", "value": "Ben", "url": origin}])
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("")


async def test_a_discussion_that_is_deleted_while_it_is_looked_at(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Short-lived")
    await ben.threads(1)
    await ben.open(FOG)
    place = "card => [card.style.left, card.style.top]"
    before = await ben[".card"].evaluate(place)
    await ada[".message"].get_by_label("Delete").click()
    await ada[".ask .danger"].click()
    await expect(ada[".card"]).to_be_hidden()
    await expect(ben[".card .notice"]).to_have_text("This discussion was deleted.")
    await expect(ben[".card h2"]).to_have_text("Discussion")
    assert await ben[".card"].evaluate(place) == before
    # The pointer still rests on it.
    await ben.highlighted(kind="hover")
    await ben.highlighted(kind="open")


async def test_the_focus_stays_where_something_is_drawn_anew(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "First")
    await ada.settled()
    await ben.threads(1)
    await ben.open(FOG)
    message = ada[".message"].first
    await message.get_by_label("React").focus()
    await ada.page.keyboard.press("Enter")
    await expect(ada[".picker button"].first).to_be_focused()
    await ben.reply("Meanwhile")
    await ben[".message"].first.get_by_label("React").click()
    await ben[".picker button"].nth(1).click()
    await expect(ada[".reactions:not(.picker) button"]).to_have_count(1)
    assert await focus(ada) == "pick 👍"
    await ada.page.keyboard.press("Enter")
    await expect(ada[".reactions:not(.picker) button"]).to_have_count(2)
    assert await focus(ada) == "react"
    # A reaction that is taken back.
    await ada[".reactions button[aria-pressed=true]"].focus()
    await ada.page.keyboard.press("Enter")
    await expect(ada[".reactions button"]).to_have_count(1)
    assert await focus(ada) == "react"
    # A text that was refused, and is sent again, and is thrown away.
    await ada.composer.fill("a swearword")
    await ada.composer.press("Enter")
    again = ada[".failed"].get_by_text("Try again")
    await again.focus()
    await ben.reply("Again meanwhile")
    await expect(ada.bodies).to_contain_text(["First", "Meanwhile", "Again meanwhile"])
    await expect(again).to_be_focused()
    await ada[".failed"].get_by_text("Discard").focus()
    await ada.page.keyboard.press("Enter")
    await expect(ada[".failed"]).to_have_count(0)
    await expect(ada.composer).to_be_focused()


async def test_the_focus_stays_in_the_log_when_all_is_loaded(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Message 1")
    for n in range(2, 9):
        await ada.reply(f"Message {n}")
    await ada.settled()
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await ada[".older"].focus()
    await ada.page.keyboard.press("Enter")
    await expect(ada.bodies).to_have_count(8)
    assert await focus(ada) == "log"


async def test_all_new_replies_are_counted(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Line\n" * 30)
    await ben.threads(1)
    await ben.open(FOG)
    await ada[".log"].evaluate("log => { log.scrollTop = 0 }")
    await ada.page.context.set_offline(True)
    await expect(ada[".bar .state"]).to_be_visible()
    for n in range(4):
        await ben.reply(f"Reply {n}")
    await ben.settled()
    await ada.page.context.set_offline(False)
    await expect(ada[".fresh"]).to_have_text("4 new replies", timeout=30_000)


async def test_the_list_makes_room_for_a_card(visit: Visit) -> None:
    ada = await visit("Ada", viewport={"width": 1024, "height": 700})
    await ada.discuss(FOG, "One")
    await ada.page.keyboard.press("Escape")
    await ada[".bar .discussions"].click()
    await expect(ada[".panel"]).to_be_visible()
    await ada.open(FOG)
    await expect(ada[".panel"]).to_be_hidden()
    await expect(ada[".card"]).to_be_focused()
    await ada[".bar .discussions"].click()
    await expect(ada[".card"]).to_be_hidden()


async def test_not_loaded_is_not_empty(visit: Visit) -> None:
    ada = await visit("Ada", live=False)
    await ada.page.context.add_init_script("window.WebSocket = class { close() {} }")
    await ada.page.reload()
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .empty strong"]).to_have_text("Not loaded yet")
    await expect(ada[".bar .discussions"]).to_have_text("")


async def test_the_next_one_is_the_open_one(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "The only one")
    await ada.js("() => document.querySelector('collab-chat').shadowRoot.activeElement.blur()")
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await expect(ada[".card"]).to_be_focused()
    # With the focus nowhere, Escape is the card's all the same.
    await ada.js("() => document.activeElement.blur()")
    await ada.page.keyboard.press("Escape")
    await expect(ada[".card"]).to_be_hidden()


async def test_a_page_that_keeps_its_events_to_itself(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(
        """() => {
          for (const type of ['click', 'keydown', 'pointermove'])
            document.body.addEventListener(type, event => event.stopPropagation())
        }"""
    )
    await ada.discuss(FOG, "Hello")
    await ada.page.keyboard.press("Escape")
    await ada.open(FOG)
    await ada.page.keyboard.press("Escape")
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await expect(ada[".card"]).to_be_visible()


async def test_a_click_that_the_page_wants_is_the_pages(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Hello")
    await ada.page.keyboard.press("Escape")
    await ada.js(
        "() => document.querySelector('main').addEventListener('click', "
        "event => { event.preventDefault(); document.title = 'taken' })"
    )
    left, top, *_ = await ada.place(FOG)
    await ada.page.mouse.click(left + 4, top)
    await ada.until("document.title", "taken")
    await ada.js("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    await expect(ada[".card"]).to_be_hidden()


async def test_one_of_two_widgets_takes_a_key(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "In the first")
    await ada.page.keyboard.press("Escape")
    await ada.js(
        """async () => {
          const { mount } = await import('/collabchat/widget.js')
          mount(document.querySelector('main')).id = 'second'
        }"""
    )
    await ada.until("document.querySelector('#second').threads().length", 1)
    await ada.js("() => document.activeElement.blur()")
    await ada.page.keyboard.press("Alt+Shift+KeyJ")
    await expect(ada.page.locator(".card:not([hidden])")).to_have_count(1)


async def test_it_is_not_printed(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.page.emulate_media(media="print")
    await expect(ada[".bar"]).to_be_hidden()


async def test_styles_for_everything_do_not_reach_in(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(
        """() => {
          const sheet = new CSSStyleSheet()
          sheet.replaceSync(
            '* { letter-spacing: 9px !important; text-transform: uppercase !important }')
          document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
        }"""
    )
    look = """element => [
      getComputedStyle(element).letterSpacing, getComputedStyle(element).textTransform]"""
    assert await ada[".bar .discussions"].evaluate(look) == ["normal", "none"]


async def test_a_long_selection_ends_with_a_word(visit: Visit) -> None:
    ada = await visit("Ada", query="?paragraphs=80")
    await ada.js("() => document.getSelection().selectAllChildren(document.querySelector('main'))")
    await ada[".prompt .main"].click()
    quote = await ada[".card .quote"].text_content()
    assert quote is not None
    assert quote.startswith("Harbour The ferry")
    last = quote.split()[-1]
    assert last.isdigit() or f" {last} " in " Paragraph of a longer story about ferries. "


SECOND = """async () => {
  const { mount } = await import('/collabchat/widget.js')
  mount(document.querySelector('main'), { page: 'second' }).id = 'second'
}"""


async def test_the_bar_of_a_second_widget_covers_nothing(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(SECOND)
    second = ada.page.locator("#second")
    await expect(second.locator(".bar .people")).to_be_visible()
    first = ada.page.locator("collab-chat").first
    for one in (first, second):
        await one.locator(".bar .discussions").click()
        await one.locator(".panel").get_by_label("Close").click()
        await expect(one.locator(".panel")).to_be_hidden()
        await one.locator(".bar .discussions").click()
        await one.locator(".bar .discussions").click()
        await expect(one.locator(".panel")).to_be_hidden()


async def test_rectangles_lie_under_the_card(visit: Visit) -> None:
    ada = await visit("Ada", live=False)
    await ada.page.context.add_init_script("delete window.Highlight")
    await ada.page.reload()
    await ada.live()
    await ada.discuss(FOG, "Old browser")
    await expect(ada[".overlay .open"]).to_have_count(1)
    order = await ada.js(
        """() => [...document.querySelector('collab-chat').shadowRoot.firstChild.children]
          .map(element => element.className)"""
    )
    assert order.index("overlay") < order.index("card")


async def test_words_written_before_anybody_is_known(visit: Visit) -> None:
    ada = await visit("Ada", live=False)
    await ada.page.context.add_init_script(
        """const Real = window.WebSocket
        window.WebSocket = class {
          constructor(...given) { if (window.reachable) return new Real(...given) }
          close() {}
        }"""
    )
    await ada.page.reload()
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("Precious words")
    await ada.js(
        """() => {
          window.reachable = true
          for (const type of ['pagehide', 'pageshow']) window.dispatchEvent(new Event(type))
        }"""
    )
    await ada.live()
    await ada[".card"].get_by_label("Close").click()
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].click()
    await expect(ada.composer).to_have_value("Precious words")


@pytest.mark.parametrize("act", ["Edit", "Discard"])
async def test_replies_to_a_discussion_that_was_refused(visit: Visit, act: str) -> None:
    ada = await visit("Ada")
    await ada.page.context.set_offline(True)
    await ada.discuss(FOG, "a swearword")
    await ada.reply("Precious reply")
    await ada.page.context.set_offline(False)
    await expect(ada[".failed"]).to_have_count(2, timeout=30_000)
    await ada[".failed"].first.get_by_text(act).click()
    if act == "Edit":
        await ada.composer.fill("a kind word")
        await ada.composer.press("Enter")
        await expect(ada.bodies.first).to_have_text("a kind word")
        await ada[".failed"].get_by_text("Try again").click()
        await expect(ada.bodies).to_have_text(["a kind word", "Precious reply"])
        await ada.settled()
    else:
        await ada[".bar .discussions"].click()
        await expect(ada[".panel .item .body"]).to_have_text("Precious reply")


async def test_words_that_came_back_stay_where_one_may_not_write(
    visit: Visit, own: ServerProcess
) -> None:
    ada = await visit("Ada", server=own)
    await ada.discuss(FOG, "Hello")
    await ada.settled()
    await ada.composer.fill("a swearword, and much more")
    await ada.composer.press("Enter")
    await expect(ada[".failed"]).to_have_count(1)
    lock = f"http://127.0.0.1:{own.port}/lock?user=Ada%20writes"
    await ada.page.request.post(lock)
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada[".failed .body"]).to_have_text("a swearword, and much more")
    await expect(ada[".failed"].get_by_text("Edit")).to_have_count(0)


async def test_an_edit_that_came_back_beside_one_that_is_written(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "First")
    await ada.settled()
    for words in ("a swearword", "Written since"):
        if words == "Written since":
            await expect(ada[".failed"]).to_have_count(1)
        await ada[".message"].first.get_by_label("Edit").click()
        await ada[".message textarea"].fill(words)
        if words == "a swearword":
            await ada[".message .main"].click()
    await ada[".failed"].get_by_text("Edit").click()
    await expect(ada[".message textarea"]).to_have_value("Written since\na swearword")


async def test_the_escape_of_a_composition_is_its_own(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "First")
    await ada.settled()
    await ada[".message"].first.get_by_label("Edit").click()
    await ada[".message textarea"].fill("Half written")
    await ada[".message textarea"].dispatch_event(
        "keydown", {"key": "Escape", "isComposing": True, "bubbles": True, "composed": True}
    )
    await expect(ada[".message textarea"]).to_have_value("Half written")
    await expect(ada[".card"]).to_be_visible()


async def test_another_page_takes_no_focus(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(
        """() => {
          const button = document.createElement('button')
          button.id = 'next'
          button.onclick = () => document.querySelector('collab-chat').setPage('another')
          document.body.prepend(button)
        }"""
    )
    await ada[".bar .discussions"].click()
    await ada.page.locator("#next").click()
    await expect(ada[".panel"]).to_be_hidden()
    await expect(ada.page.locator("#next")).to_be_focused()


async def test_a_client_that_comes_later_takes_the_place_of_our_own(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(
        """async () => {
          const { CollabClient } = await import('/collabchat/client.js')
          window.shared = CollabClient.shared()
          shared.destroy()
          const element = document.querySelector('collab-chat')
          window.own = element.client = new CollabClient()
          element.restart()
        }"""
    )
    await ada.until("own.status.status", "live")
    await ada.until("shared.status.status", "closed")


async def test_a_name_that_is_too_long_can_be_mended(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js("() => document.querySelector('collab-chat').remove()")
    await ada.js(
        """async () => {
          const { mount } = await import('/collabchat/widget.js')
          mount(document.querySelector('main'), { page: 'x'.repeat(600) })
        }"""
    )
    await expect(ada[".bar"]).to_have_count(0)
    assert any("512" in fault for fault in ada.faults)
    await ada.js("() => document.querySelector('collab-chat').setPage('short')")
    await ada.live()


async def test_older_messages_move_nothing_that_is_read(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Message 1")
    for n in range(2, 9):
        await ada.reply(f"Message {n}" + "\nand so on" * 9)
    await ada.settled()
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await ada[".log"].evaluate("log => { log.scrollTop = 0 }")
    top = "element => element.getBoundingClientRect().top"
    first = await ada[".message"].first.element_handle()
    assert first is not None
    before = await first.evaluate(top)
    await ada[".older"].click()
    await expect(ada[".message"]).to_have_count(8)
    assert abs(await first.evaluate(top) - before) < 40


async def test_what_lost_its_text_opens_in_its_corner(visit: Visit) -> None:
    ada = await visit("Ada")
    for text in (FOG, BOOK):
        await ada.discuss(text, "About " + text)
        await ada.page.keyboard.press("Escape")
    await ada.settled()
    later = await visit("Ben", query="?without=2")
    await later.threads(2)
    await later.highlighted(BOOK)
    await later.open(BOOK)
    await later[".bar .discussions"].click()
    await later[".panel .item"].last.click()
    await expect(later[".card .notice"]).to_contain_text("no longer on this page")
    assert await later[".card"].evaluate("card => card.style.top") == "60px"
