"""The page around the widget: its events, its selection, its client."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, SELECT, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}


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


async def test_a_long_selection_ends_with_a_word(visit: Visit) -> None:
    ada = await visit("Ada", query="?paragraphs=80")
    await ada.js("() => document.getSelection().selectAllChildren(document.querySelector('main'))")
    await ada[".prompt .main"].click()
    quote = await ada[".card .quote"].text_content()
    assert quote is not None
    assert quote.startswith("Harbour The ferry")
    last = quote.split()[-1]
    assert last.isdigit() or f" {last} " in " Paragraph of a longer story about ferries. "


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


async def test_what_is_set_before_the_module_has_arrived_is_kept(visit: Visit) -> None:
    html = "<main><p>By noon the fog has gone.</p></main><aside>At sea it stays.</aside>"
    ada = await visit("Ada", html=html, head="<!doctype html><meta charset=utf-8>", live=False)
    await ada.js(
        """async () => {
          const { CollabClient } = await import('/collabchat/client.js')
          const element = document.createElement('collab-chat')
          const pageId = () => 'the-sea', rootElement = document.querySelector('aside')
          window.own = new CollabClient({ prefix: '/collabchat' })
          document.body.append(Object.assign(element, { client: own, pageId, rootElement }))
          await import('/collabchat/widget.js')
        }"""
    )
    await ada.live()
    assert await ada.js("[own.status.status, document.querySelector('collab-chat').urlId]") == [
        "live",
        "the-sea",
    ]
    await ada.js("() => document.getSelection().selectAllChildren(document.querySelector('aside'))")
    await expect(ada[".prompt .main"]).to_be_visible()


async def test_every_attribute_can_be_given_as_a_property(visit: Visit) -> None:
    """React and Vue do so wherever an element has a property of that name: `prefix`, `lang`."""
    ada = await visit("Ada")
    assert await ada.js(
        """() => {
          'use strict'
          const { observedAttributes } = customElements.get('collab-chat')
          const element = document.createElement('collab-chat')
          for (const name of [...observedAttributes, 'lang']) {
            if (name in element) element[name] = 'x'; else element.setAttribute(name, 'x')
          }
          const given = element.getAttributeNames()
          element.prefix = undefined
          return [given.length - observedAttributes.length, element.hasAttribute('prefix')]
        }"""
    ) == [1, False]


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
