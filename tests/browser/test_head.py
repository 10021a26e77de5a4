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
