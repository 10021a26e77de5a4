"""What the widget does beside the page's own work is in turns that hold up nobody."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing import operations as op

from .conftest import HEAD, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
PARAGRAPHS = 3_000
PAGE = "<collab-chat></collab-chat><main>" + "".join(
    f"<p>Paragraph {n} of a story.</p>" for n in range(PARAGRAPHS)
)
# Each look at the clock takes a millisecond; how many paragraphs are read in each turn.
READ = """<script>
  let ms = 0, turn = 0
  performance.now = () => ms++
  window.turns = []
  const style = getComputedStyle
  window.getComputedStyle = element => {
    if (element.localName === 'p') {
      if (!turn) queueMicrotask(() => {
        turns.push(turn)
        turn = 0
      })
      turn++
    }
    return style(element)
  }
</script>"""
# The same of what finds passages: how many before there was a turn, in its first, and in the end.
FOUND = """async () => {
  const { Places } = await import('/collabchat/places.js')
  const { describe, trimmed } = await import('/collabchat/anchor.js')
  const { CanonicalText } = await import('/collabchat/text.js')
  const main = document.querySelector('main'), { text } = new CanonicalText(main), counted = []
  const chats = Array.from({ length: 500 }, (_, n) => {
    const start = text.indexOf(`Paragraph ${n} `)
    return { id: String(n), anchor: describe(text, trimmed(text, start, start + 20)) }
  })
  const placed = places => chats.filter(({ id }) => places.get(id)).length
  let done, moved = () => {}
  const places = new Places(() => main, () => moved(), () => done?.())
  counted.push(places.text.text.length)
  await new Promise(resolve => { done = resolve })
  places.follow(chats)
  counted.push(placed(places))
  await new Promise(resolve => { moved = () => { if (placed(places) === 500) resolve() } })
  counted.push(placed(places))
  places.destroy()
  return counted
}"""

DISCUSSIONS = 120
# How many lines the turn draws that opens the list; all of them are marked later, once they are.
OPENED = """() => {
  const chat = document.querySelector('collab-chat')
  chat.open()
  return chat.shadowRoot.querySelectorAll('.panel .item').length
}"""
MARKED = """() => {
  const items = document.querySelector('collab-chat').shadowRoot.querySelectorAll('.panel .item')
  const anew = [...items].filter(each => !each.drawn)
  for (const each of items) each.drawn = true
  return [items.length, anew.length]
}"""
# An hour later every line says so: how many are there in the turn that draws that.
LATER = """() => {
  const { shadowRoot } = document.querySelector('collab-chat'), { now } = Date
  Date.now = () => now() + 3_600_000
  shadowRoot.querySelector('.panel [data-key=open]').click()
  return shadowRoot.querySelectorAll('.panel .item').length
}"""
AGED = """() => {
  const { shadowRoot } = document.querySelector('collab-chat')
  const metas = [...shadowRoot.querySelectorAll('.panel .item .meta')]
  return metas.length && metas.every(each => /1 h/.test(each.textContent))
}"""


async def beside(reader: Reader) -> SocketClient:
    """Somebody else, without a browser."""
    at = urlsplit(reader.page.url)
    origin = f"{at.scheme}://{at.netloc}"
    cookie = {"cookie": "name=Cho"}
    return await SocketClient.join(f"{origin}/collabchat", at.path, headers=cookie, origin=origin)


async def test_the_text_is_read_in_turns_of_which_the_first_is_the_shortest(visit: Visit) -> None:
    """That one finds code that never ran, and waits until the page has the element's own work."""
    ada = await visit("Ada", html=PAGE, head=HEAD.replace("<script", READ + "<script", 1))
    await ada.until(f"turns.reduce((sum, n) => sum + n, 0) >= {PARAGRAPHS}")
    turns: list[int] = await ada.js("turns")
    assert sum(turns) == PARAGRAPHS
    assert turns[0] <= 50, turns
    assert max(turns) <= 250, turns


async def test_of_many_new_discussions_few_are_placed_beside_what_else_they_make(
    visit: Visit,
) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.js("() => { let ms = 0; performance.now = () => ms++ }")
    read, at_once, in_the_end = await ada.js(FOUND)
    assert read == 0
    assert 1 <= at_once <= 3
    assert in_the_end == 500


async def test_a_list_of_hundreds_is_drawn_in_turns_and_then_only_what_changed(
    visit: Visit,
) -> None:
    ada = await visit("Ada")
    cho = await beside(ada)
    made = [await cho.do(op.create_chat(f"Discussion {n}")) for n in range(DISCUSSIONS)]
    await ada.threads(DISCUSSIONS)
    await expect(ada[".panel"]).to_have_count(1)
    assert 20 <= await ada.js(OPENED) <= 60
    await expect(ada[".panel .item"]).to_have_count(DISCUSSIONS)
    await expect(ada[".panel .item .body"]).to_have_text(
        [f"Discussion {n}" for n in range(DISCUSSIONS)]
    )
    assert await ada.js(MARKED) == [DISCUSSIONS, DISCUSSIONS]
    await ada[".panel .item"].nth(70).focus()
    await cho.do(op.add_comment(made[70]["chatId"], "Another word"))
    await expect(ada[".panel .item .body"].nth(70)).to_have_text("Another word")
    assert await ada.js(MARKED) == [DISCUSSIONS, 1]
    await expect(ada[".panel .item"].nth(70)).to_be_focused()
    await cho.do(op.resolve_chat(made[3]["chatId"]))
    await expect(ada[".panel .item"]).to_have_count(DISCUSSIONS - 1)
    assert await ada.js(MARKED) == [DISCUSSIONS - 1, 0]
    await expect(ada[".panel .item .body"].nth(3)).to_have_text("Discussion 4")
    await cho.close()


async def test_a_list_that_is_drawn_anew_in_turns_stays_whole_meanwhile(visit: Visit) -> None:
    """Nothing moves away from under a pointer, and the focus stays where it was."""
    ada = await visit("Ada")
    cho = await beside(ada)
    for n in range(DISCUSSIONS):
        await cho.do(op.create_chat(f"Discussion {n}"))
    await ada.threads(DISCUSSIONS)
    await expect(ada[".panel"]).to_have_count(1)
    await ada.js(OPENED)
    await expect(ada[".panel .item"]).to_have_count(DISCUSSIONS)
    await ada[".panel .item"].nth(70).focus()
    assert await ada.js(LATER) == DISCUSSIONS
    await ada.until(f"({AGED})()")
    await expect(ada[".panel .item"]).to_have_count(DISCUSSIONS)
    await expect(ada[".panel .item"].nth(70)).to_be_focused()
    await cho.close()
