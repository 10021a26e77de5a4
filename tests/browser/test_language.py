"""The widget speaks its reader's language."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "<collab-chat root=main></collab-chat><main><p>By noon the fog has gone.</p></main>"
LANG = "lang => document.documentElement.lang = lang"


async def test_the_language_of_the_page_and_of_the_element(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Indeed")
    await ada.settled()
    people = ada[".bar .people"]
    await expect(people).to_have_attribute("title", "1 person here")
    await ada.js(LANG, "de-AT")
    await expect(people).to_have_attribute("title", "1 Person hier")
    await ada.open(FOG)
    await expect(ada[".card .head h2"]).to_have_text("Diskussion")
    await expect(ada[".card time"]).to_have_text("gerade eben")
    await expect(ada[".face"]).to_have_attribute("lang", "de-AT")
    await ada.js("() => document.querySelector('collab-chat').lang = 'en'")
    await expect(people).to_have_attribute("title", "1 person here")
    assert not [fault for fault in ada.faults if "collabchat" in fault]


async def test_a_host_says_it_in_other_words(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.js(
        """() => {
          document.querySelector('collab-chat').words = {
            'Discuss this text': 'Note on this', '{n} people here': { other: '{n} of us' } }
        }"""
    )
    await expect(ada[".bar .people"]).to_have_attribute("title", "1 of us")
    await ada.select(FOG)
    await expect(ada[".prompt .main"]).to_have_text("Note on this")


async def test_words_that_do_not_come_are_said_in_english(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.page.route("**/lang/de.js*", lambda route: route.abort())
    await ada.js(LANG, "de")
    await expect(ada[".bar .people"]).to_have_attribute("title", "1 person here")
    await ada.until("document.querySelector('collab-chat').shadowRoot.children.length")
    assert any("failed to load" in fault for fault in ada.faults)


async def test_words_that_come_at_last_leave_open_what_is_open(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.page.route("**/lang/de.js*", lambda route: route.abort())
    await ada.js(LANG, "de")
    await ada.discuss(FOG, "Indeed")
    await ada.page.unroute("**/lang/de.js*")
    async with ada.page.expect_response("**/lang/de.js*"):
        pass
    await expect(ada[".card .head h2"]).to_have_text("Discussion")
    await ada[".card .head [data-key=close]"].click()
    await expect(ada[".bar .people"]).to_have_attribute("title", "1 Person hier")
