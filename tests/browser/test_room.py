"""What is discussed stays in sight beside its card, in windows of every kind."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, HEAD, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
TURNED = {"width": 844, "height": 390}
WHOLE = HEAD.replace("max-width:36rem;margin:4rem 2rem", "margin:1rem")
"""The text takes all the width."""

APART = """() => {
  const { shadowRoot } = document.querySelector('collab-chat')
  const card = shadowRoot.querySelector('.card').getBoundingClientRect()
  const of = name => [...CSS.highlights.get('collabchat-' + name) ?? []][0]
  const lines = [...(of('active') ?? of('draft')).getClientRects()].filter(line => line.width)
  const { left, top, right, bottom } = card
  if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) {
    return `the card is at ${left}, ${top} to ${right}, ${bottom}`
  }
  const over = line =>
    line.left < right && left < line.right && line.top < bottom && top < line.bottom
  const [first] = lines
  if (first.top < 0 || first.bottom > innerHeight || over(first)) return 'its first line is hidden'
  return lines.some(over) ? 'covered' : 'apart'
}"""


def paragraphs(count: int, at: int, text: str) -> str:
    other = "<p>The ferry leaves at seven, and nobody on the quay believes the timetable.</p>"
    story = f"{other * at}<p>{text}</p>{other * (count - at - 1)}"
    return f"<main>{story}</main><collab-chat></collab-chat>"


@pytest.mark.parametrize("at", [0, 3, 11])
@pytest.mark.parametrize(
    "size", [(560, 760), (560, 420), (844, 390), (1024, 560), (700, 500), (390, 780)]
)
async def test_a_card_leaves_its_passage_in_sight(
    visit: Visit, size: tuple[int, int], at: int
) -> None:
    width, height = size
    ada = await visit(
        "Ada",
        viewport={"width": width, "height": height},
        head=WHOLE,
        html=paragraphs(12, at, f"By noon {FOG}, and the gulls have taken over."),
    )
    await ada.discuss(FOG, "Really?")
    for n in range(4):
        await ada.reply(f"Reply {n}, with enough words to fill a line or two.")
        await ada.until(f"({APART})()", "apart")


async def test_who_types_while_the_page_moves_sees_the_passage_at_its_end(visit: Visit) -> None:
    ada = await visit("Ada", viewport={"width": 320, "height": 700})
    await ada.js("""() => addEventListener('scroll', () => {
      const { shadowRoot } = document.querySelector('collab-chat')
      const key = new KeyboardEvent('keydown', { key: 'a', bubbles: true, composed: true })
      shadowRoot.querySelector('.card textarea')?.dispatchEvent(key)
    })""")
    await ada.discuss(FOG, "Line\n" * 40)
    await ada.until("scrollY > 0")
    await ada.until(f"({APART})()", "apart")


TALL = "By noon the fog has gone, and the gulls have taken over the ticket office. " * 40


@pytest.mark.parametrize("size", [(560, 760), (844, 390), (1024, 560)])
async def test_of_a_passage_that_fills_the_window_its_first_line_is_seen(
    visit: Visit, size: tuple[int, int]
) -> None:
    width, height = size
    ada = await visit(
        "Ada",
        viewport={"width": width, "height": height},
        head=WHOLE,
        html=f"<main><p>Begin.</p><p>{TALL}</p></main><collab-chat></collab-chat>",
    )
    await ada.js(
        "() => document.getSelection().selectAllChildren(document.querySelectorAll('main p')[1])"
    )
    await ada.page.keyboard.press("Alt+Shift+KeyM")
    await ada.until(f"({APART})()", "covered")
    await ada.composer.fill("All of it")
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text("All of it")
    for n in range(3):
        await ada.until(f"({APART})()", "covered")
        await ada.reply(f"Reply {n}, with enough words to fill a line or two.")
    await ada.until(f"({APART})()", "covered")


async def test_where_nothing_scrolls_a_card_is_beside_its_passage(visit: Visit) -> None:
    """A slide of a deck on a phone's side."""
    slide = f"<main style='height:300px;display:grid;place-items:center'><p>{FOG}</p></main>"
    html = f"{slide}<collab-chat></collab-chat>"
    ada = await visit("Ada", viewport=TURNED, head=WHOLE, html=html)
    await ada.discuss(FOG, "Really?")
    for n in range(4):
        await ada.reply(f"Reply {n}, with enough words to fill a line or two.")
        await ada.until(f"({APART})()", "apart")


CLEAR = """() => {
  const { shadowRoot } = document.querySelector('collab-chat')
  const rect = css => shadowRoot.querySelector(css).getBoundingClientRect()
  const card = rect('.card'), bar = rect('.bar')
  if (card.top < 0 || card.bottom > innerHeight) return `from ${card.top} to ${card.bottom}`
  return card.left >= bar.right || bar.left >= card.right
    || card.top >= bar.bottom || bar.top >= card.bottom || 'over the bar'
}"""


@pytest.mark.parametrize("root", ["main", "aside"])
@pytest.mark.parametrize("bar", ["top-right", "bottom-right", "bottom-left"])
async def test_a_card_leaves_the_bar_in_sight(visit: Visit, bar: str, root: str) -> None:
    """Under its passage, and beside its column."""
    narrow = "<style>main{margin:1rem}main.aside{max-width:780px}</style>"
    story = paragraphs(12, 6, f"By noon {FOG}, and the gulls have taken over.")
    html = narrow + story.replace("<collab-chat>", f"<collab-chat bar={bar}>")
    ada = await visit("Ada", head=WHOLE, html=html.replace("<main>", f"<main class={root}>"))
    await ada.discuss(FOG, "Really?")
    for n in range(6):
        await ada.until(f"({CLEAR})()")
        await ada.reply(f"Reply {n}, " + "with enough words to fill a line or two. " * 3)
    await ada.until(f"({CLEAR})()")


@pytest.mark.parametrize("bar", ["top-right", "bottom-right"])
async def test_what_lost_its_text_is_in_the_window(visit: Visit, bar: str) -> None:
    ada = await visit("Ada", viewport={"width": 844, "height": 500})
    await ada.js("bar => document.querySelector('collab-chat').setAttribute('bar', bar)", bar)
    await ada.discuss(FOG, "Really?\n" * 12)
    await ada.page.keyboard.press("Escape")
    await ada.settled()
    await ada.js("() => document.querySelectorAll('main p')[1].remove()")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].first.click()
    await expect(ada[".card .notice"]).to_contain_text("no longer on this page")
    await ada.until(f"({CLEAR})()")


@pytest.mark.parametrize("below", [150, 195, 240, 285])
async def test_a_sheet_that_grows_over_the_end_of_a_page_comes_to_the_top(
    visit: Visit, below: int
) -> None:
    story = paragraphs(24, 23, f"By noon {FOG}, and the gulls have taken over.")
    html = story.replace("<main>", f"<main style='padding-bottom:{below}px'>")
    ada = await visit("Ada", viewport={"width": 390, "height": 700}, head=WHOLE, html=html)
    await ada.js("() => scrollTo(0, 1e6)")
    await ada.discuss(FOG, "Really?")
    for n in range(4):
        await ada.reply(f"Reply {n} and a few words more than that, to fill it")
        await ada.until(f"({APART})()", "apart")


HEIGHT = """() => new Promise(resolve => {
  dispatchEvent(new Event('resize'))
  const { shadowRoot } = document.querySelector('collab-chat')
  requestAnimationFrame(() => requestAnimationFrame(() =>
    resolve(shadowRoot.querySelector('.card').offsetHeight)))
})"""


async def test_a_bar_in_the_page_itself_takes_no_room_of_a_card(visit: Visit) -> None:
    """It may stand anywhere, and goes where the page is scrolled."""
    tools = "<div id=tools style='position:absolute;top:45vh;left:700px'></div>"
    ada = await visit("Ada", html=tools + paragraphs(2, 1, FOG), head=HEAD)
    await ada.js("() => document.querySelector('collab-chat').setAttribute('bar', '#tools')")
    await ada.discuss(FOG, "Really?\n" * 12)
    for n in range(4):
        await ada.reply(f"Reply {n}, " + "with enough words to fill a line or two. " * 3)
    squeezed = await ada.js(HEIGHT)
    await ada.js("() => document.querySelector('collab-chat').setAttribute('bar', 'none')")
    assert await ada.js(HEIGHT) == squeezed
