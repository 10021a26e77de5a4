"""What the widget does beside the page's own work is in turns that hold up nobody."""

from __future__ import annotations

import pytest

from .conftest import HEAD, Visit

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
