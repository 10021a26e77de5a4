"""What a page may set reaches all of the widget, and nothing becomes unreadable."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, SELECT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

SCROLL = """at => scrollBy({
  top: document.getSelection().getRangeAt(0).getBoundingClientRect().top - at, behavior: 'instant',
})"""

DRESS = """properties => {
  const { style } = document.querySelector('collab-chat')
  for (const [name, value] of Object.entries(properties)) style.setProperty('--collabchat-' + name, value)
}"""  # noqa: E501

# All text and icons that are seen, with a contrast under that of WCAG's AA.
UNREADABLE = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data].map(part => part / 255)
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a))
  const ground = element => element
    ? over(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement)) : [1, 1, 1]
  const light = colour => colour
    .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [.2126, .7152, .0722][at], 0)
  const face = document.querySelector('collab-chat').shadowRoot.querySelector('.face')
  const seen = [...face.querySelectorAll('*')].filter(element => element.checkVisibility()
    && !element.closest('.hidden') && (element.matches('svg, textarea')
      || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())))
  if (seen.length < 5) return 'nothing to see'
  return seen.flatMap(element => {
    const under = ground(element), text = over(rgba(getComputedStyle(element).color), under)
    const [more, less] = [light(under), light(text)].sort((a, b) => b - a)
    const contrast = (more + .05) / (less + .05)
    const name = `${element.parentElement.className} > ${element.className.baseVal ?? element.className}`
    return contrast < 4.5 ? [`${name} ${element.textContent}: ${contrast.toFixed(2)}`] : []
  })
}"""  # noqa: E501

BOX = """([widget, selector]) => {
  const { left, top, right, bottom } = selector === 'h1' ? (() => {
    const range = document.createRange()
    range.selectNodeContents(document.querySelector('h1'))
    return range.getBoundingClientRect()
  })() : (document.querySelector(widget).shadowRoot.querySelector(selector)).getBoundingClientRect()
  return [left, top, right, bottom]
}"""


async def box(reader: Reader, selector: str, widget: str = "collab-chat") -> list[float]:
    found: list[float] = await reader.js(BOX, [widget, selector])
    return found


def apart(one: list[float], other: list[float]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


async def talk(ada: Reader) -> None:
    """Of everything that has a look of its own, one."""
    await ada.discuss(FOG, "See https://example.com/a for the timetable")
    await ada.reply("Second")
    await ada.composer.fill("swearword")
    await ada.composer.press("Enter")
    await expect(ada[".card .failed"]).to_be_visible()
    await ada.js(
        """async () => {
          const { CollabClient } = await import('/collabchat/client.js')
          const element = document.querySelector('collab-chat')
          const page = CollabClient.shared().page(element.urlId)
          const [{ id, comments }] = element.threads()
          page.addReaction(id, comments[0].id, '👍')
        }"""
    )
    await expect(ada[".card .reactions [aria-pressed=true]"].first).to_be_visible()


@pytest.mark.parametrize(
    ("theme", "own"),
    [
        pytest.param("light", {}, marks=pytest.mark.long),
        ("dark", {}),
        pytest.param("auto", {"bg": "#024", "fg": "#fe8"}, marks=pytest.mark.long),
        ("auto", {"bg": "#fbf1d9", "fg": "#4a3419", "accent": "#ffd24a"}),
        pytest.param("auto", {"bg": "#012"}, marks=pytest.mark.long),
    ],
    ids=["light", "dark", "night", "paper", "ground-only"],
)
async def test_everything_can_be_read(visit: Visit, theme: str, own: dict[str, str]) -> None:
    ada = await visit("Ada", query=f"?theme={theme}")
    await ada.js(DRESS, own)
    await talk(ada)
    assert await ada.js(UNREADABLE) == []
    await ada.page.keyboard.press("Escape")
    await ada.page.mouse.move(1, 1)
    await ada[".bar .discussions"].click()
    for name in ("Open 1", "Resolved 0"):
        await ada[".filters button"].get_by_text(name).click()
        await ada.page.mouse.move(1, 1)
        await expect(ada[".filters [aria-pressed=true]"]).to_have_text(name)
        assert await ada.js(UNREADABLE) == []
    await ada.page.keyboard.press("Escape")
    await ada.select(BOOK)
    await expect(ada[".prompt"]).to_be_visible()
    await ada.page.mouse.move(1, 1)
    assert await ada.js(UNREADABLE) == []


async def test_one_radius_and_one_size_for_all(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(DRESS, {"radius": "0", "font-size": "20px"})
    await talk(ada)
    round_ones = """() => {
      const face = document.querySelector('collab-chat').shadowRoot.querySelector('.face')
      return [...face.querySelectorAll('*')].filter(element =>
          getComputedStyle(element).borderRadius !== '0px' && !element.matches('.avatar'))
        .map(element => element.className)
    }"""
    assert await ada.js(round_ones) == []
    await expect(ada[".card .body"].first).to_have_css("font-size", "20px")
    await expect(ada[".byline time"].first).to_have_css("font-size", "18px")
    await ada.page.keyboard.press("Escape")
    await ada[".bar .discussions"].click()
    assert await ada.js(round_ones) == []


async def test_the_mark_is_one_colour(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(DRESS, {"mark": "rgb(1, 2, 3)"})
    await ada.discuss(FOG, "Hello")
    await expect(ada[".card .quote"]).to_have_css("border-left-color", "rgb(1, 2, 3)")
    mark = """() => getComputedStyle(
      document.querySelector('collab-chat').shadowRoot.querySelector('.markers span'), '::before'
    ).backgroundColor"""
    await expect(ada[".markers span"]).to_have_count(1)
    assert await ada.js(mark) == "rgb(1, 2, 3)"


async def test_what_is_well_and_what_is_not_and_people_and_shadows_have_the_pages_colours(
    visit: Visit,
) -> None:
    ada = await visit("Ada")
    red, green, amber = "rgb(200, 0, 10)", "rgb(0, 100, 20)", "rgb(150, 90, 0)"
    shadow = "rgb(1, 2, 3) 0px 0px 0px 1px"
    own = {"good": green, "bad": red, "warn": amber, "shadow": "0 0 0 1px rgb(1, 2, 3)"}
    await ada.js(DRESS, own | {"avatar": "rgb(4, 5, 6)", "avatar-fg": "rgb(250, 251, 252)"})
    await ada.discuss(FOG, "Hello")
    await ada.composer.fill("swearword")
    await ada.composer.press("Enter")
    await expect(ada[".card .failed strong"]).to_have_css("color", red)
    for part in ("bar", "card"):
        await expect(ada[f".{part}"]).to_have_css("box-shadow", shadow)
    await expect(ada[".card .avatar"].first).to_have_css("background-color", "rgb(4, 5, 6)")
    await expect(ada[".card .avatar"].first).to_have_css("color", "rgb(250, 251, 252)")
    dot = """selector => getComputedStyle(
      document.querySelector('collab-chat').shadowRoot.querySelector(selector), '::before'
    ).backgroundColor"""
    assert await ada.js(dot, ".bar .people") == green
    assert await ada.js(dot, ".bar .state") == amber


async def test_highlights_are_the_pages_to_change(visit: Visit) -> None:
    """By a rule that is no stronger than the widget's own, and stands before it."""
    ada = await visit("Ada")
    await ada.js(
        """() => {
          const sheet = new CSSStyleSheet()
          sheet.replaceSync('::highlight(collabchat-open) { background-color: rgb(1, 2, 3) }')
          document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets]
        }"""
    )
    ground = """() => getComputedStyle(
      document.querySelector('main p'), '::highlight(collabchat-open)').backgroundColor"""
    assert await ada.js(ground) == "rgb(1, 2, 3)"


PLACES: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("", {"top": "120px", "end": "90px"}),
    ("top-left", {"top": "72px"}),
    ("bottom-right", {"bottom": "72px"}),
    ("bottom-left", {}),
    ("#toolbar", {}),
]


@pytest.mark.parametrize(("bar", "own"), PLACES)
async def test_the_list_stands_beside_the_bar(visit: Visit, bar: str, own: dict[str, str]) -> None:
    ada = await visit("Ada")
    await ada.js(
        """bar => {
          const toolbar = document.createElement('div')
          toolbar.id = 'toolbar'
          document.body.append(toolbar)
          Object.assign(toolbar.style, { position: 'fixed', top: '90px', left: '300px' })
          if (bar) document.querySelector('collab-chat').setAttribute('bar', bar)
        }""",
        bar,
    )
    await ada.js(DRESS, own)
    button = ada.page.locator(".bar .discussions")
    for width in (1200, 1000):
        await ada.page.set_viewport_size({"width": width, "height": 760})
        await button.click()
        await expect(ada[".panel"]).to_be_visible()
        of_bar = await box(ada, ".bar", f"{bar} .inline" if bar.startswith("#") else "collab-chat")
        # The animation moves it by some pixels.
        await ada.js(
            "Promise.all(document.querySelector('collab-chat').shadowRoot.querySelector('.panel')"
            ".getAnimations().map(animation => animation.finished))"
        )
        panel = await box(ada, ".panel")
        assert apart(of_bar, panel)
        gap = min(abs(panel[1] - of_bar[3]), abs(of_bar[1] - panel[3]))
        assert gap <= 10, (of_bar, panel)
        assert of_bar[0] == panel[0] or of_bar[2] == panel[2], (of_bar, panel)
        assert panel[0] >= 0
        assert panel[1] >= 0
        assert panel[2] <= width
        assert panel[3] <= 760
        await button.click()
        await expect(ada[".panel"]).to_be_hidden()


async def test_without_a_bar_the_list_has_its_place(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js("document.querySelector('collab-chat').setAttribute('bar', 'none')")
    await ada.js("document.querySelector('collab-chat').open()")
    await expect(ada[".panel"]).to_be_in_viewport(ratio=1)


async def test_a_phones_bar_covers_no_heading(visit: Visit) -> None:
    ada = await visit("Ada", **PHONE)
    assert apart(await box(ada, ".bar"), [0, 0, 390, (await box(ada, "h1"))[3]])


@pytest.mark.parametrize("bar", ["", "top-right", "bottom-left"])
async def test_what_a_phone_offers_and_the_bar_are_apart(visit: Visit, bar: str) -> None:
    ada = await visit("Ada", query="?paragraphs=60", **PHONE)
    if bar:
        await ada.js("bar => document.querySelector('collab-chat').setAttribute('bar', bar)", bar)
    await ada.js(SELECT, "Paragraph 20 of a longer story")
    await ada.js(SCROLL, 400)
    await expect(ada[".prompt"]).to_be_visible()
    near = 0
    for at in (10, 40, 70, 100, 400, 700, 740, 780, 810):
        await ada.js(SCROLL, at)
        await ada.js(FRAMES)
        await expect(ada[".prompt"]).to_be_in_viewport(ratio=1)
        of_bar, prompt = await box(ada, ".bar"), await box(ada, ".prompt")
        assert apart(of_bar, prompt), (at, of_bar, prompt)
        near += abs(of_bar[1] - prompt[1]) < 70
    assert near, "the bar was never in the way"
