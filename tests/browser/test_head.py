"""The head of a discussion is whole, where several are at one place and letters are large."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
CUT = """() => {
  const head = document.querySelector('collab-chat').shadowRoot.querySelector('.card .head')
  const title = head.querySelector('h2'), inside = head.getBoundingClientRect()
  const hidden = getComputedStyle(title).position === 'absolute'
  return [
    ...!hidden && title.scrollWidth > title.clientWidth ? [title.textContent] : [],
    ...[...head.querySelectorAll('button')]
      .filter(each => each.getBoundingClientRect().right > inside.right + .5
        || each.getBoundingClientRect().left < inside.left - .5)
      .map(each => each.getAttribute('aria-label') ?? each.textContent),
  ]
}"""
FIRST = "document.querySelector('collab-chat').threads()[0].id"
OPEN = f"() => document.querySelector('collab-chat').open({FIRST})"
ROWS = """() => new Set([...document.querySelector('collab-chat').shadowRoot
  .querySelectorAll('.card .head button')].map(each => {
    const { top, bottom } = each.getBoundingClientRect()
    return Math.round((top + bottom) / 2)
  })).size"""


async def test_the_title_is_not_cut_where_several_are_at_one_place(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Has it?")
    await ada.page.keyboard.press("Escape")
    await ada.discuss(FOG, "It comes back.")
    await expect(ada[".card .steps"]).to_be_visible()
    for size in ("14px", "18px"):
        await ada.js(
            "size => document.querySelector('collab-chat')"
            ".style.setProperty('--collabchat-font-size', size)",
            size,
        )
        for width in (1200, 360, 320):
            await ada.page.set_viewport_size({"width": width, "height": 760})
            assert await ada.js(CUT) == [], (size, width)
    resolve = ada.page.get_by_role("button", name="Resolve", exact=True)
    await resolve.click()
    await expect(ada[".card .head h2"]).to_have_text("Resolved by Ada")


async def test_who_resolved_it_is_read_in_full(visit: Visit) -> None:
    """Also beside the number of those at the same place, and in languages with long words."""
    name = "Konstantina Papadopoulou-Wetherby von Hohenzollern"
    ada = await visit(name, html=f"<collab-chat></collab-chat><main><p>Today {FOG}.</p></main>")
    for said in ("Has it?", "It comes back."):
        await ada.discuss(FOG, said)
        await ada.page.keyboard.press("Escape")
    await ada.js(OPEN)
    await ada[".card [data-key=resolve]"].click()
    await expect(ada[".card .head h2"]).to_have_text(f"Resolved by {name}")
    for language in ("en", "de", "ar"):
        await ada.js("language => { document.documentElement.lang = language }", language)
        await expect(ada[f".face[lang={language}] .bar .people"]).to_be_visible()
        await ada.js(OPEN)
        await expect(ada[".card .steps"]).to_be_visible()
        await expect(ada[".card .head h2"]).to_contain_text("Hohenzollern")
        for width in (1200, 320):
            await ada.page.set_viewport_size({"width": width, "height": 760})
            assert await ada.js(CUT) == [], (language, width)
            # All in two rows: the words, and what can be done.
            rows = await ada.js(ROWS)
            assert rows == 1, (language, width)
