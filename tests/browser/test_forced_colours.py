"""Where a system sets the colours, what a ground tells has a line; and what moves can rest."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, Reader, Visit
from .test_theming import UNREADABLE, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What is seen and told from what is around it by its ground alone: that ground is the system's now.
GROUNDLESS = """() => {
  const face = document.querySelector('collab-chat').shadowRoot.querySelector('.face')
  const told = '.bar, .prompt, .card, .panel, .composer, .failed, .notice, .badge, .bar .new, .send, .fresh, .main, '
    + '.join, [aria-pressed=true], [aria-expanded=true]'
  const seen = [...face.querySelectorAll(told)].filter(element => element.checkVisibility())
  const line = (width, style) => style !== 'none' && parseFloat(width) > 0
  return [seen.length, seen.filter(element => {
    const style = getComputedStyle(element)
    return !line(style.borderTopWidth, style.borderTopStyle) && !line(style.outlineWidth, style.outlineStyle)
  }).map(element => element.className)]
}"""  # noqa: E501

# The colours of a highlight, and the system's for what is marked and what is selected.
MARKED = """name => {
  const text = document.querySelector('main p')
  const system = (ground, letters) => {
    const probe = document.createElement('i')
    probe.style.cssText = `forced-color-adjust: none; background: ${ground}; color: ${letters}`
    document.body.append(probe)
    const { backgroundColor, color } = getComputedStyle(probe), found = [backgroundColor, color]
    probe.remove()
    return String(found)
  }
  const { backgroundColor, color } = getComputedStyle(text, `::highlight(collabchat-${name})`)
  const all = { mark: system('Mark', 'MarkText'), selected: system('Highlight', 'HighlightText') }
  return Object.keys(all).find(each => all[each] === String([backgroundColor, color])) ?? String([backgroundColor, color])
}"""  # noqa: E501

# The longest that anything takes to move, in seconds.
MOVING = """() => {
  const face = document.querySelector('collab-chat').shadowRoot.querySelector('.face')
  const lengths = [...face.querySelectorAll('*')].flatMap(element => {
    const { animationDuration, transitionDuration } = getComputedStyle(element)
    return [animationDuration, transitionDuration].map(parseFloat)
  })
  return Math.max(...lengths)
}"""


async def outlined(reader: Reader, state: str) -> None:
    found: Any = await reader.js(GROUNDLESS)
    seen, groundless = found
    assert groundless == [], state
    assert seen, f"{state}: nothing was looked at"
    if state != "bar":  # too little to be sure that anything was read
        assert await reader.js(UNREADABLE) == [], state


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.long)])
async def test_where_the_system_sets_the_colours(visit: Visit, scheme: str) -> None:
    ada = await visit("Ada", forced_colors="active", color_scheme=scheme)
    await outlined(ada, "bar")
    await ada.select(BOOK)
    await expect(ada[".prompt"]).to_be_visible()
    await outlined(ada, "prompt")
    await ada.page.keyboard.press("Escape")
    await talk(ada)
    await ada.page.mouse.move(1, 1)
    await outlined(ada, "discussion")
    assert await ada.js(MARKED, "open") == "mark"
    assert await ada.js(MARKED, "active") == "selected"
    await ada.page.keyboard.press("Escape")
    ben = await visit("Ben", forced_colors="active", color_scheme=scheme)
    await ben.open(FOG)
    await ben.reply("Three")
    await expect(ada[".bar .new"]).to_be_visible()
    await ada[".bar .discussions"].click()
    await outlined(ada, "list")


async def test_nothing_moves_for_who_wants_none_of_it(visit: Visit) -> None:
    ada = await visit("Ada", query="?paragraphs=60", reduced_motion="reduce")
    await ada.js(
        """() => {
          window.ways = []
          for (const name of ['scrollBy', 'scrollTo', 'scrollIntoView']) {
            const usual = Element.prototype[name]
            Element.prototype[name] = function (way) {
              ways.push(way?.behavior)
              return usual.call(this, way)
            }
          }
        }"""
    )
    await ada.discuss("Paragraph 50", "Far below")
    await ada.settled()
    assert 0 < await ada.js(MOVING) <= 0.001
    await ada.page.keyboard.press("Escape")
    await ada.js("scrollTo(0, 0)")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await ada.until("scrollY > 400")
    assert set(await ada.js("window.ways")) == {"instant"}


async def test_what_moves_for_everybody_else(visit: Visit) -> None:
    """Otherwise the test above could not fail."""
    ada = await visit("Ada")
    await ada[".bar .discussions"].click()
    assert await ada.js(MOVING) > 0.1
