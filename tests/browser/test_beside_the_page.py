"""The page's own controls, keys and looks, and that the widget leaves them alone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
BAR = "value => document.querySelector('collab-chat').setAttribute('bar', value)"
HOTKEYS = """() => {
  window.acts = []
  const field = /^(INPUT|TEXTAREA|SELECT)$/
  for (const type of ['keydown', 'keypress', 'keyup']) addEventListener(type, event => {
    if (!field.test(event.target.tagName)) acts.push(type + ' ' + event.key)
    if (event.key === '/') event.preventDefault()
  })
}"""


async def test_what_is_typed_is_no_shortcut_of_the_page(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(HOTKEYS)
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.js("() => { acts.length = 0 }")
    await ada.page.keyboard.type("no, see a/b [c]")
    await expect(ada.composer).to_have_value("no, see a/b [c]")
    await ada.page.keyboard.press("ArrowLeft")
    await ada.page.keyboard.press("Enter")
    await expect(ada.bodies).to_have_text(["no, see a/b [c]"])
    await ada[".message"].get_by_label("Edit").click()
    await ada.page.keyboard.type("!/")
    assert await ada.js("acts") == []
    await ada.page.keyboard.press("Escape")
    await expect(ada[".message textarea"]).to_have_count(0)
    await ada.page.keyboard.press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    await ada.page.keyboard.press("c")
    assert "keydown c" in await ada.js("acts")


DECK = """() => {
  window.slides = 0
  window.seen = []
  document.addEventListener('keydown', event => {
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return
    if (event.key === ' ' || event.key === 'Enter' || event.key === 'ArrowDown') {
      event.preventDefault()
      slides++
    }
    if (event.key === 'Escape') slides = 'overview'
  })
  for (const type of ['paste', 'copy', 'cut', 'beforeinput', 'input'])
    document.addEventListener(type, () => seen.push(type))
}"""


@pytest.mark.parametrize("bar", ["", "h1"])
async def test_keys_that_press_what_is_ours_move_no_slide(visit: Visit, bar: str) -> None:
    ada = await visit("Ada")
    if bar:
        await ada.js(BAR, bar)
    await ada.discuss(FOG, "On a slide")
    await ada.settled()
    await ada.js(DECK)
    await ada[".card [data-key=resolve]"].press(" ")
    await expect(ada[".card [data-key=resolve]"]).to_have_text("Reopen")
    await ada[".card [data-key=resolve]"].press("Enter")
    await expect(ada[".card [data-key=resolve]"]).to_have_text("Resolve")
    await ada.page.keyboard.press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    await ada.page.locator(".discussions").press(" ")
    await expect(ada[".panel"]).to_be_visible()
    await ada.page.keyboard.press("ArrowDown")
    await ada.js("() => document.querySelector('collab-chat').shadowRoot.activeElement.blur()")
    await ada.page.keyboard.press("Escape")
    await expect(ada[".panel"]).to_be_hidden()
    assert await ada.js("slides") == 0
    # Nothing of ours wants these.
    await ada.page.mouse.click(600, 700)
    await ada.page.keyboard.press(" ")
    await ada.page.keyboard.press("Escape")
    assert await ada.js("slides") == "overview"


async def test_what_is_pasted_into_a_field_is_not_the_pages(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "One")
    await ada.js(DECK)
    for field in (ada.composer, ada[".panel input"]):
        await field.press_sequentially("words")
        for key in ("a", "c", "x", "v"):
            await field.press(f"Control+{key}")
        assert await ada.js("seen") == []
        await ada[".bar .discussions"].click()


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
async def test_the_bar_is_in_the_corner_that_the_page_leaves(visit: Visit, corner: str) -> None:
    ada = await visit("Ada")
    await ada.js(BAR, corner)
    box = await ada[".bar"].bounding_box()
    assert box is not None
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert ("left" in corner) == (across < 300)
    assert ("right" in corner) == (across > 900)
    assert ("top" in corner) == (down < 60)
    assert ("bottom" in corner) == (down > 700)
    await ada[".bar .discussions"].click()
    await expect(ada[".panel"]).to_be_visible()


async def test_the_bar_is_in_an_element_of_the_page_or_nowhere(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js("() => { document.querySelector('h1').id = 'here' }")
    await ada.js(BAR, "#here")
    inside = ada.page.locator("#here .bar")
    await expect(inside.locator(".people")).to_be_visible()
    heading = await ada.page.locator("#here").bounding_box()
    box = await inside.bounding_box()
    assert heading is not None
    assert box is not None
    assert heading["y"] <= box["y"] < heading["y"] + heading["height"]
    await inside.locator(".discussions").click()
    await expect(ada[".panel"]).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await ada.js(BAR, "none")
    await expect(ada.page.locator(".bar:visible")).to_have_count(0)
    await ada.js(BAR, "#nothing")
    assert any("#nothing" in fault for fault in ada.faults)
    await expect(ada[".bar"]).to_be_visible()


async def test_rules_of_the_page_for_everything_leave_it_in_its_place(visit: Visit) -> None:
    css = (
        "body>*{position:relative!important;padding:30px;display:block!important}"
        "#tools *{display:none!important}"
    )
    html = f"<style>{css}</style><collab-chat></collab-chat><main id=tools>{FOG}</main>"
    ada = await visit("Ada", html=html)
    top = "document.querySelector('main').getBoundingClientRect().top"
    assert await ada.js(top) == 64
    await ada.js(BAR, "#tools")
    await expect(ada.page.locator("#tools .bar .people")).to_be_visible()


async def test_everything_is_in_a_landmark(visit: Visit) -> None:
    ada = await visit("Ada")
    region = ada.page.get_by_role("region", name="Discussions", exact=True)
    await expect(region.locator(".bar")).to_be_visible()


async def test_people_are_told_apart(visit: Visit) -> None:
    ada = await visit("Ada")
    looks = await ada.js(
        """async () => {
          const { avatar } = await import('/collabchat/avatar.js')
          const { nameOf } = await import('/collabchat/dom.js')
          const { Words } = await import('/collabchat/words.js')
          const words = new Words()
          const hue = id => Number(avatar(words, { id, name: 'A' }).style.getPropertyValue('--hue'))
          const guests = ['anon:Zx81aaaa', 'anon:Zx81aaab'].map(id => ({ id, name: 'Anonymous' }))
          return {
            ids: [1, 2, 3].map(n => hue(String(n))),
            names: guests.map(guest => nameOf(words, guest)),
            letters: guests.map(guest => avatar(words, guest).textContent),
            named: nameOf(words, { id: 'anon:x', name: 'Visitor' }),
          }
        }"""
    )
    one, two, three = looks["ids"]
    gaps = [min(abs(a - b), 360 - abs(a - b)) for a, b in ((one, two), (two, three), (one, three))]
    assert min(gaps) > 60
    assert len(set(looks["names"])) == len(set(looks["letters"])) == 2
    assert all(
        name == "Guest " + letters
        for name, letters in zip(looks["names"], looks["letters"], strict=True)
    )
    assert looks["named"] == "Visitor"
