"""The card of a discussion, and the list of all."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


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


IN_SIGHT = """element => {
  const { top, bottom } = element.getBoundingClientRect(), log = element.closest('.log').getBoundingClientRect()
  return top >= log.top - 1 && bottom <= log.bottom + 1
}"""  # noqa: E501


@pytest.mark.parametrize("width", [1200, 320])
async def test_what_the_last_message_asks_is_in_sight(visit: Visit, width: int) -> None:
    """It stands below the words, which may end where the card does."""
    ada = await visit("Ada", viewport={"width": width, "height": 700})
    await ada.discuss(FOG, "Line\n" * 40)
    await ada.reply("One more")
    message = ada[".message"].last
    for act, asked in [
        ("React", ".picker"),
        ("Delete", ".ask .danger"),
        ("Edit", ".composer .main"),
    ]:
        await ada[".log"].evaluate("log => { log.scrollTop = log.scrollHeight }")
        await message.get_by_label(act).click()
        assert await message.locator(asked).evaluate(IN_SIGHT), act
        await ada.page.keyboard.press("Escape")
        await expect(message.get_by_label(act)).to_be_focused()


# Its own end of scrolling is told before anything else is scrolled.
TO_THE_TOP = """() => new Promise(resolve => {
  scrollTo({ top: 0, behavior: 'instant' })
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)))
})"""
SCROLLED = """() => new Promise(resolve => {
  addEventListener('scroll', () => {
    const key = new KeyboardEvent('keydown', { key: 'a', bubbles: true, composed: true })
    document.body.dispatchEvent(key)
    let at = -1, still = 0
    const look = () => {
      still = at === scrollY ? still + 1 : 0
      at = scrollY
      if (still < 10) requestAnimationFrame(look)
      else resolve()
    }
    look()
  }, { once: true })
  const widget = document.querySelector('collab-chat')
  widget.open(widget.threads()[0].id)
})"""


async def test_who_presses_a_key_while_the_page_is_scrolled_has_the_whole_sheet(
    visit: Visit,
) -> None:
    """Where the passage was on the way says nothing of where it comes to stand."""
    ada = await visit("Ada", viewport={"width": 320, "height": 700})
    await ada.discuss(FOG, "Line\n" * 40)
    await ada.page.keyboard.press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    await ada.page.evaluate(TO_THE_TOP)
    _, top, *_ = await ada.place(FOG)
    await ada.page.evaluate(SCROLLED)
    await ada.until(f"""(() => {{
      const card = document.querySelector('collab-chat').shadowRoot.querySelector('.card')
      const {{ top, height }} = card.getBoundingClientRect()
      return !card.hidden && height > 320 && scrollY + top > {top}
    }})()""")


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
    await expect(ada[".bar .discussions"]).to_have_accessible_name("Discussions")
    await expect(ada[".bar .discussions span:not(.hidden)"]).to_have_count(0)


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


async def test_what_was_not_sent_takes_the_last_message_out_of_nobodys_sight(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Line\n" * 40)
    await ada.reply("The last one")
    await ada.composer.fill("swearword")
    await ada.composer.press("Enter")
    await expect(ada[".card .failed"]).to_be_visible()
    assert await ada.bodies.last.evaluate(IN_SIGHT)
