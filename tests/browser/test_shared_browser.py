"""Several people, one after another, in the same browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, SELECT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
AWAY = """() => {
  for (const type of ['pagehide', 'pageshow']) window.dispatchEvent(new Event(type))
}"""
"""As if the page had been in the back/forward cache: it connects anew."""
AUTHORS = """document.querySelector('collab-chat').threads()
  .map(chat => [chat.createdBy.id, chat.comments[0].body]).sort()"""
WITHIN = "document.querySelector('collab-chat').shadowRoot.querySelector('.face').textContent"


async def become(reader: Reader, name: str | None) -> None:
    context, origin = reader.page.context, reader.page.url.partition("/p/")[0]
    await context.clear_cookies()
    if name:
        await context.add_cookies([{"name": "name", "value": name, "url": origin}])


async def sign_out(reader: Reader) -> None:
    """The session ends, and the open connection with it."""
    await become(reader, None)
    await reader.js(AWAY)
    await expect(reader[".bar .state"]).to_have_text("Signed out")


async def test_sign_out_empties_what_is_on_screen(visit: Visit) -> None:
    ann = await visit("Ann")
    await ann.discuss(FOG, "Said by Ann")
    await ann.settled()
    await ann.composer.fill("Half a thou")
    await sign_out(ann)
    await expect(ann[".card"]).to_be_hidden()
    await ann.highlighted()
    await ann.threads(0)
    within = await ann.js(WITHIN)
    values = await ann.js(
        "[...document.querySelector('collab-chat').shadowRoot.querySelectorAll('textarea')]"
        ".map(each => each.value)"
    )
    assert "Ann" not in within
    assert "fog" not in within
    assert values == []
    await become(ann, "Ann")
    await ann[".bar"].get_by_text("Try again").click()
    await ann.live()
    await ann.highlighted(FOG)
    await ann.open(FOG)
    await expect(ann.composer).to_have_value("Half a thou")


async def test_words_are_never_committed_as_another_persons(visit: Visit) -> None:
    """One signs out, another writes in the widget, the first signs in again."""
    ann = await visit("Ann")
    await ann.discuss(FOG, "Said by Ann")
    await ann.settled()
    await become(ann, None)
    await ann.page.reload()
    # Before the server has said a word, and after.
    await ann.js(SELECT, BOOK)
    await expect(ann[".bar .state"]).to_have_text("Signed out")
    await ann.js(SELECT, BOOK)
    await ann.page.keyboard.press("Alt+Shift+KeyM")
    await expect(ann[".prompt .barred"]).to_have_text("Sign in to discuss this text.")
    await expect(ann[".card .composer"]).to_have_count(0)
    refused = await ann.js(
        """async () => {
          const { CollabClient } = await import('/collabchat/client.js')
          const client = CollabClient.shared(), { urlId } = document.querySelector('collab-chat')
          const page = client.page(urlId)
          const anchor = { selector: [{ type: 'TextQuoteSelector', exact: 'x' }], length: 1 }
          try { page.createChat(anchor, 'Said by Bob') } catch ({ code }) { return code }
        }"""
    )
    assert refused == "unauthenticated"
    assert "Said by Bob" not in await ann.js("JSON.stringify({ ...localStorage })")
    await become(ann, "Ann")
    await ann.page.reload()
    await ann.live()
    await ann.threads(1)
    await ann.settled()
    await ann.open(FOG)
    await expect(ann.bodies).to_have_text(["Said by Ann"])


async def test_the_next_person_finds_nothing_of_the_one_before(visit: Visit) -> None:
    ann = await visit("Ann")
    await ann.js("() => { window.dispatchEvent(new Event('pagehide')) }")
    await ann.discuss(FOG, "Not sent yet, by Ann")
    await ann.composer.fill("Half a thou")
    await become(ann, "Bob")
    await ann.js("() => { window.dispatchEvent(new Event('pageshow')) }")
    await ann.until("document.querySelector('collab-chat').user?.id", "Bob")
    await expect(ann[".card"]).to_be_hidden()
    await ann.threads(0)
    assert "Ann" not in await ann.js(WITHIN)
    await ann.discuss(FOG, "Said by Bob")
    await ann.settled()
    await become(ann, "Ann")
    await ann.page.reload()
    await ann.threads(2)
    await ann.settled()
    assert await ann.js(AUTHORS) == [["Ann", "Not sent yet, by Ann"], ["Bob", "Said by Bob"]]
