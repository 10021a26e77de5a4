"""Little height: much zoom on a laptop, a phone on its side, and a phone's keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
# A phone's keyboard makes only the visual viewport smaller, and there is none here.
KEYBOARD = """const fake = Object.assign(new EventTarget(), {
  height: innerHeight, width: innerWidth, offsetTop: 0, offsetLeft: 0, scale: 1 })
Object.defineProperty(globalThis, 'visualViewport', { get: () => fake })"""
LINES = 3 * 21


async def test_three_lines_of_messages_are_seen(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Third of how many?")
    for n in range(4):
        await ada.reply(f"Reply {n}, with enough words to fill a line or two on a phone's screen.")
    for width, height in ((320, 256), (341, 192), (640, 360), (740, 360)):
        await ada.page.set_viewport_size({"width": width, "height": height})
        await ada.until(
            f"""(() => {{ const inside = css => document.querySelector('collab-chat').shadowRoot
              .querySelector(css).getBoundingClientRect(), card = inside('.card')
              return inside('.log').height >= {LINES} && card.top >= 0
                && card.bottom <= {height} && inside('.composer').bottom <= {height} }})()"""
        )


async def test_a_discussion_is_opened_from_the_list(visit: Visit) -> None:
    """Where its head and its filters take all the height, the list is scrolled with them."""
    ada = await visit("Ada")
    await ada.discuss(FOG, "Third of how many?")
    await ada.page.keyboard.press("Escape")
    for width, height in ((341, 192), (320, 256)):
        await ada.page.set_viewport_size({"width": width, "height": height})
        await ada[".bar .discussions"].click()
        await ada[".panel .item"].first.click()
        await expect(ada[".card .log"]).to_be_visible()
        await ada.page.keyboard.press("Escape")


async def test_a_keyboard_hides_nothing_of_it(visit: Visit) -> None:
    phone = {"width": 390, "height": 780}
    ada = await visit("Ada", viewport=phone, has_touch=True, is_mobile=True, live=False)
    await ada.page.context.add_init_script(KEYBOARD)
    await ada.page.reload()
    await ada.live()
    await ada.discuss(FOG, "Third of how many?")
    for n in range(6):
        await ada.composer.fill(f"Reply {n}, with enough words to fill a line or two.")
        await ada[".card .send"].click()
        await expect(ada.bodies.last).to_contain_text(f"Reply {n}")
    await ada.js(
        """() => {
          visualViewport.height = 330
          visualViewport.dispatchEvent(new Event('resize'))
        }"""
    )
    await ada.until(
        f"""(() => {{ const inside = css => document.querySelector('collab-chat').shadowRoot
          .querySelector(css).getBoundingClientRect(), card = inside('.card')
          return inside('.log').height >= {LINES} && card.top >= 0 && card.bottom <= 330 }})()"""
    )
