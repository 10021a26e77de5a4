"""What it looks like, and what it covers."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND = """async () => {
  const { mount } = await import('/collabchat/widget.js')
  mount(document.querySelector('main'), { page: 'second' }).id = 'second'
}"""

# Blanks do not count: custom properties keep theirs as they stand. What a browser drops does.
RULES = r"""async () => {
  const { highlightSheet, widgetSheet } = await import('/collabchat/styles.js')
  const { talkSheet } = await import('/collabchat/talkstyles.js')
  const rules = ({ cssRules }) => [...cssRules]
    .flatMap(rule => rule instanceof CSSLayerBlockRule || rule.media?.mediaText === 'screen'
      ? rules(rule) : [rule])
  const text = sheet => rules(sheet).map(rule => rule.cssText.replace(/\s+/g, ''))
  const served = document.querySelector('collab-chat').shadowRoot.adoptedStyleSheets
  const highlights = [highlightSheet(false), document.adoptedStyleSheets[0]]
  return [highlights, [widgetSheet(), served[0]], [talkSheet(), served[1]]]
    .map(pair => pair.map(text))
}"""


async def test_what_is_served_looks_as_it_is_written(visit: Visit) -> None:
    ada = await visit("Ada")
    await expect(ada[".panel"]).to_be_attached()
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
