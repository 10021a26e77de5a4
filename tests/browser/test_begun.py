"""A discussion that was begun and not sent: it is in the list, and goes on where its text is."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
WORDS = "The fog is ordered for May, and the carpenter is away"
ADD = """() => { document.querySelector('main p').append(' Twelve were there.') }"""
GONE = """() => { document.querySelectorAll('main p')[1].textContent = 'Rewritten.' }"""


async def test_it_is_listed_and_survives_a_reload(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.page.keyboard.type(WORDS)
    await ada.page.mouse.click(*(await ada.place("A short line"))[:2])
    await expect(ada[".card"]).to_be_hidden()
    for change in (None, ADD):
        if change:
            await ada.js(change)
        await ada[".bar .discussions"].click()
        await expect(ada[".panel .item"]).to_contain_text([WORDS])
        await expect(ada[".panel .item .passage"]).to_have_text([FOG])
        await ada[".panel .item"].click()
        await expect(ada.composer).to_have_value(WORDS)
        await ada.page.keyboard.press("Escape")
    await ada.page.reload()
    await ada.live()
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada.composer).to_have_value(WORDS)
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text([WORDS])
    await ada.highlighted(FOG, kind="open")
    await ada.page.keyboard.press("Escape")
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .item"]).to_have_count(1)


async def test_it_goes_on_with_a_word_more_or_less(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.page.keyboard.type(WORDS)
    await ada.page.keyboard.press("Escape")
    await ada.js(ADD)
    for passage in (FOG, "noon " + FOG, "fog has", FOG + ", and"):
        await ada.select(passage)
        await ada[".prompt .main"].click()
        await expect(ada[".card .quote"]).to_have_text(passage)
        await expect(ada.composer).to_have_value(WORDS)
        await ada.page.keyboard.press("Escape")
    await ada.select("A short line")
    await ada[".prompt .main"].click()
    await expect(ada.composer).to_have_value("")


async def test_words_outlive_their_text(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.page.keyboard.type(WORDS)
    await ada.page.keyboard.press("Escape")
    await ada.js(GONE)
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await expect(ada.composer).to_have_value(WORDS)
    await expect(ada[".card .quote.gone"]).to_have_text(FOG)
