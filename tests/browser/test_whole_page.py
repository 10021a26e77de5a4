"""Discussions of the page as a whole: begun from the list, never lost, first in every order."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_as_a_whole_is_discussed(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "about a passage")
    await ada.page.keyboard.press("Escape")
    await ada[".bar .discussions"].click()
    await ada[".panel .whole"].click()
    await expect(ada[".card .quote"]).to_have_text("The page as a whole")
    await ada.composer.fill("about everything")
    await ada.page.keyboard.press("Escape")
    # What was begun is kept, and named.
    await ada[".bar .discussions"].click()
    begun = ada[".panel .item"].first
    await expect(begun.locator(".passage")).to_have_text("The page as a whole")
    await begun.click()
    await expect(ada.composer).to_have_value("about everything")
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text(["about everything"])
    await ada.settled()

    await ben.threads(2)
    await ben[".bar .discussions"].click()
    await expect(ben[".panel .item .passage"]).to_have_text(["The page as a whole", FOG])
    await expect(ben[".panel h3"]).to_have_count(0)
    await expect(ben[".panel .gone"]).to_have_count(0)
    await ben[".panel .item"].first.click()
    await expect(ben[".card .quote"]).to_have_text("The page as a whole")
    await expect(ben[".card .quote.gone"]).to_have_count(0)
    await expect(ben[".card .notice"]).to_be_hidden()
    await ben.reply("agreed")
    await expect(ada.bodies).to_have_text(["about everything", "agreed"])
    # It keeps what it is about where the whole text goes.
    await ben.js("document.querySelector('main').textContent = 'All is new.'")
    await expect(ben[".card .notice"]).to_be_hidden()
    await ben[".bar .discussions"].click()
    await expect(ben[".panel .passage.gone"]).to_have_text([FOG])
    await ada.clean()
    await ben.clean()


async def test_who_may_not_write_is_not_offered_it(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js("fetch('/lock?user=Rita%20writes&now=false', { method: 'POST' }).then(String)")
    rita = await visit("Rita")
    await ada.js("document.querySelector('collab-chat').discussPage()")
    await ada.composer.fill("for all to read")
    await ada[".card .send"].click()
    await rita.threads(1)
    await rita[".bar .discussions"].click()
    await expect(rita[".panel .item"]).to_have_count(1)
    await expect(rita[".panel .whole"]).to_have_count(0)
