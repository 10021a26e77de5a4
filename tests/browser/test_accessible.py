"""axe-core finds nothing in any state of the widget, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, ROOT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = (ROOT / "tests/client/node_modules/axe-core/axe.min.js").read_text()
PAGE = (
    "<collab-chat root=main></collab-chat><main><h1>Harbour</h1><p>By noon the fog has gone.</p>"
    "<p>The harbour master writes everything down twice.</p></main>"
)
RUN = """async () => {
  // What fades in is looked at when it is there. The document does not tell of a shadow root's.
  const moving = [document, document.querySelector('collab-chat').shadowRoot]
    .flatMap(each => each.getAnimations())
  await Promise.all(moving.map(each => each.finished.catch(() => {})))
  const { violations, passes } = await axe.run({ include: [['collab-chat']] })
  return [passes.length, violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => [id, String(target), failureSummary]))]
}"""


async def clean(reader: Reader, state: str) -> None:
    found: Any = await reader.js(RUN)
    passed, violations = found
    assert violations == [], state
    assert passed > 3, f"{state}: axe looked at nothing"


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
async def test_no_state_has_a_violation(visit: Visit, scheme: str) -> None:
    style = "<style>html{color-scheme:light dark;background:Canvas;color:CanvasText}</style>"
    ada = await visit("Ada", html=style + PAGE, color_scheme=scheme, reduced_motion="reduce")
    await ada.js(AXE)
    await clean(ada, "bar")
    await ada[".bar .discussions"].click()
    await clean(ada, "empty list")
    await ada.page.keyboard.press("Escape")
    await ada.select(FOG)
    await expect(ada[".prompt .main"]).to_be_visible()
    await clean(ada, "prompt")
    await ada[".prompt .main"].click()
    await clean(ada, "new discussion")
    await ada.composer.fill("One *thing*\n> and\n```\ncode\n```\nhttps://example.com/")
    await ada[".card .send"].click()
    await expect(ada[".message pre"]).to_be_visible()
    await ada.settled()
    await clean(ada, "discussion")
    await ada.composer.fill("a swearword")
    await ada.composer.press("Enter")
    await expect(ada[".failed"]).to_be_visible()
    await clean(ada, "not sent")
    for key in ("react", "edit", "delete"):
        await ada[".message"].first.hover()
        await ada[f".message [data-key={key}]"].first.click()
        await clean(ada, key)
        await ada.page.keyboard.press("Escape")
    await ada[".head [data-key=resolve]"].click()
    await expect(ada[".head h2"].first).to_contain_text("Ada")
    await clean(ada, "resolved")
    await ada.discuss(BOOK, "Two")
    await ada[".bar .discussions"].click()
    await clean(ada, "list")
    await ada[".panel [data-key=resolved]"].click()
    await clean(ada, "list of resolved ones")
    await ada[".panel [data-key=search]"].fill("nowhere")
    await ada[".panel .switch"].click()
    await clean(ada, "nothing found, highlights hidden")
    await ada[".panel .switch"].click()
    await ada[".panel [data-key=search]"].fill("")
    await ada[".panel [data-key=open]"].click()
    await ada.js("document.querySelectorAll('p')[1].textContent = 'All of it was rewritten today.'")
    lost = ada[".panel .item:has(.gone)"]
    await expect(lost).to_have_count(1)
    await clean(ada, "list with a lost one")
    await lost.click()
    await expect(ada[".placing button"]).to_have_text("Select the new place")
    await clean(ada, "lost")
    await ada[".placing button"].click()
    await ada.select("rewritten today")
    await expect(ada[".prompt .main"]).to_have_text("Move it here")
    await clean(ada, "being given another place")
    await ada[".prompt .main"].click()
    await expect(ada[".card .quote"]).to_have_text("rewritten today")
    await clean(ada, "in its new place")


async def test_what_is_new_is_named_as_it_is_seen(visit: Visit) -> None:
    """Whoever speaks to a browser names a button by what is seen on it."""
    ada, ben = await visit("Ada", html=PAGE), await visit("Ben")
    await ben.discuss(FOG, "One")
    await expect(ada[".bar .new"]).to_have_text("1")
    await ada.js(AXE)
    await clean(ada, "something new")
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .fresh-item"]).to_have_count(1)
    await clean(ada, "list of what is new")


async def test_the_keyboard_alone(visit: Visit) -> None:
    """Begin a discussion, answer, react, resolve, find it again: nothing is pointed at."""
    ada = await visit("Ada", html=PAGE)
    press = ada.page.keyboard.press
    active = """() => {
      let element = document.activeElement
      while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
      return element.dataset.key ?? element.className
    }"""

    async def go(key: str, way: str = "Tab") -> None:
        for _ in range(40):
            if key in str(await ada.js(active)):
                return
            await press(way)
        raise AssertionError(f"{key} cannot be reached: {await ada.js(active)}")

    await ada.js(
        """() => {
          const text = document.querySelector('main p').firstChild
          document.getSelection().setBaseAndExtent(text, 8, text, 24)
        }"""
    )
    await press("Alt+Shift+KeyM")
    await expect(ada.composer).to_be_focused()
    await ada.page.keyboard.type("One")
    await press("Enter")
    await expect(ada.bodies).to_have_text(["One"])
    await ada.settled()
    await ada.page.keyboard.type("Two")
    await press("Enter")
    await expect(ada.bodies).to_have_text(["One", "Two"])
    await ada.settled()
    await go("react", "Shift+Tab")
    await press("Enter")
    await press("Enter")
    await expect(ada[".reactions button"]).to_have_text("👍 1")
    await ada.settled()
    await go("resolve", "Shift+Tab")
    await press("Enter")
    await expect(ada[".head h2"].first).to_have_text("Resolved by Ada")
    await press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    await press("Alt+Shift+KeyM")
    await expect(ada[".panel"]).to_be_visible()
    await go("resolved", "Shift+Tab")
    await press("Enter")
    await press("ArrowDown")
    await press("Enter")
    await expect(ada.bodies).to_have_text(["One", "Two"])


async def test_what_is_merely_drawn_again_is_not_announced(visit: Visit) -> None:
    """A live region speaks what is added to it: a reaction, an edit, a minute add no message."""
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "One")
    await ada.settled()
    await ada.js(
        """() => {
          window.added = []
          const log = document.querySelector('collab-chat').shadowRoot.querySelector('[role=log]')
          new MutationObserver(records => {
            for (const { target, addedNodes } of records) {
              if (!target.closest('[aria-live=off]')) added.push(...[...addedNodes].map(String))
            }
          }).observe(log, { childList: true, subtree: true })
        }"""
    )
    await ada[".message"].first.hover()
    await ada[".message [data-key=react]"].click()
    await ada[".picker button"].first.click()
    await expect(ada[".reactions button"]).to_have_text("👍 1")
    await ada.settled()
    assert await ada.js("window.added") == []
    ben = await visit("Ben", html=PAGE)
    await ben.open(FOG)
    await ben.reply("Two")
    await expect(ada[".face > .hidden[role=status]"]).to_have_text("Ben: Two")
