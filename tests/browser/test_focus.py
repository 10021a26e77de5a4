"""Where the focus is, and whose a key is."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOCUS = """() => {
  let element = document.activeElement
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element.dataset.key || element.className || element.tagName
}"""


async def focus(reader: Reader) -> str:
    found: str = await reader.js(FOCUS)
    return found


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


SAFARI_ENTER = """area => {
  const key = (type, more) => area.dispatchEvent(new KeyboardEvent(type, {
    key: 'Enter', bubbles: true, composed: true, cancelable: true, ...more }))
  // Safari ends the composition before it tells of the key, whose number alone is the editor's.
  area.dispatchEvent(new CompositionEvent('compositionend', { data: '霧', bubbles: true }))
  const sent = !key('keydown', { keyCode: 229, which: 229 })
  key('keyup', { keyCode: 13 })
  return sent
}"""


async def test_the_enter_of_a_composition_sends_nothing_in_safari(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("霧")
    assert not await ada.composer.evaluate(SAFARI_ENTER)
    await expect(ada.composer).to_have_value("霧")
    await ada.threads(0)
    await ada.composer.press("Enter")
    await expect(ada.bodies).to_have_text(["霧"])


@pytest.mark.parametrize("old", [False, True])
async def test_who_came_by_the_list_is_back_where_it_is_opened(visit: Visit, old: bool) -> None:
    """What was pressed in it is not to be seen any more: the focus was nowhere. Safari before 17.4
    cannot be asked for it."""
    ada = await visit("Ada")
    if old:
        await ada.js("() => { delete Element.prototype.checkVisibility }")
    await ada.discuss(FOG, "One")
    await ada.page.keyboard.press("Escape")
    for key in (".item", "[data-key=whole]"):
        await ada[".bar .discussions"].focus()
        await ada.page.keyboard.press("Enter")
        await ada[f".panel {key}"].press("Enter")
        await expect(ada[".card"]).to_be_visible()
        await ada.page.keyboard.press("Escape")
        await expect(ada[".card"]).to_be_hidden()
        await expect(ada[".bar .discussions"]).to_be_focused()
