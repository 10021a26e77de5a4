"""What the reader wrote, and nobody else may take away."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import FOG, SELECT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def unreachable(reader: Reader, until: str = "window.reachable") -> None:
    """Pages that are loaded from now on get no connection until this is true."""
    await reader.page.context.add_init_script(
        f"""const Real = window.WebSocket
        window.WebSocket = class {{
          constructor(...given) {{ if ({until}) return new Real(...given) }}
          close() {{}}
        }}"""
    )


async def reached(reader: Reader) -> None:
    """Until the page that is shown is live."""
    await reader.js(
        """() => {
          window.reachable = true
          for (const type of ['pagehide', 'pageshow']) window.dispatchEvent(new Event(type))
        }"""
    )
    await reader.live()


async def test_words_of_an_edit_outlive_what_others_do(visit: Visit) -> None:
    ada, mod = await visit("Ada"), await visit("Mod")
    await ada.discuss(FOG, "First")
    await ada.reply("Second")
    await mod.threads(1)
    await mod.open(FOG)
    await ada[".message"].last.get_by_label("Edit").click()
    await ada[".message textarea"].fill("Second, and better")
    # The card is closed by accident, and opened again.
    await ada[".card"].get_by_label("Close").click()
    await ada.open(FOG)
    await expect(ada[".message textarea"]).to_have_value("Second, and better")
    await mod[".message"].last.get_by_label("Delete").click()
    await mod[".ask .danger"].click()
    await expect(ada[".message"]).to_have_count(1)
    await expect(ada.composer).to_have_value("Second, and better")


async def test_half_a_reply_outlives_a_reload_and_belongs_to_its_writer(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "First")
    await ada.composer.fill("Half a thou")
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("Half a thou")
    origin = ada.page.url.partition("/p/")[0]
    await ada.page.context.add_cookies([{"name": "name", "value": "Ben", "url": origin}])
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("")


async def test_words_written_before_anybody_is_known(visit: Visit) -> None:
    ada = await visit("Ada", live=False)
    await unreachable(ada)
    await ada.page.reload()
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("Precious words")
    await reached(ada)
    await ada[".card"].get_by_label("Close").click()
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].click()
    await expect(ada.composer).to_have_value("Precious words")


async def test_words_that_are_being_written_at_the_welcome_join_what_was_begun(
    visit: Visit,
) -> None:
    """What is typed after it overwrites neither."""
    ada = await visit("Ada")
    await ada.js("document.querySelector('collab-chat').discussPage()")
    await ada.composer.fill("On Monday")
    await unreachable(ada)
    await ada.page.reload()
    await ada.js("document.querySelector('collab-chat').discussPage()")
    await ada.composer.press_sequentially("On Tues")
    await reached(ada)
    await ada.page.keyboard.type("day")
    await expect(ada.composer).to_have_value("On Monday\nOn Tuesday")
    await ada.page.reload()
    await ada.js("document.querySelector('collab-chat').discussPage()")
    await reached(ada)
    await expect(ada.composer).to_have_value("On Monday\nOn Tuesday")


async def test_words_sent_before_anybody_is_known_outlive_a_reload(visit: Visit) -> None:
    ada = await visit("Ada")
    await unreachable(ada, until="sessionStorage.getItem('reachable')")
    await ada.page.reload()
    await ada.js(SELECT, FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("Precious words")
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text(["Precious words"])
    assert "Precious" not in await ada.js("JSON.stringify({ ...localStorage })")
    # While nobody can say who sits there, and after.
    for reachable in (False, True):
        if reachable:
            await ada.js("sessionStorage.setItem('reachable', 'yes')")
        await ada.page.reload()
        if reachable:
            await ada.live()
        await ada[".bar .discussions"].click()
        await expect(ada[".panel .item .body"]).to_have_text("Precious words")
    await ada[".panel .item"].get_by_text("Precious words").click()
    await ada[".failed"].get_by_text("Try again").click()
    await expect(ada.bodies).to_have_text(["Precious words"])
    await ada.settled()
    await expect(ada[".failed"]).to_have_count(0)
    assert "Precious" not in await ada.js("JSON.stringify({ ...sessionStorage })")


@pytest.mark.parametrize("act", ["Edit", "Discard"])
async def test_replies_to_a_discussion_that_was_refused(visit: Visit, act: str) -> None:
    ada = await visit("Ada")
    await ada.page.context.set_offline(True)
    await ada.discuss(FOG, "a swearword")
    await ada.reply("Precious reply")
    await ada.page.context.set_offline(False)
    await expect(ada[".failed"]).to_have_count(2, timeout=30_000)
    await ada[".failed"].first.get_by_text(act).click()
    if act == "Edit":
        await ada.composer.fill("a kind word")
        await ada.composer.press("Enter")
        await expect(ada.bodies.first).to_have_text("a kind word")
        await ada[".failed"].get_by_text("Try again").click()
        await expect(ada.bodies).to_have_text(["a kind word", "Precious reply"])
        await ada.settled()
    else:
        await ada[".bar .discussions"].click()
        await expect(ada[".panel .item .body"]).to_have_text("Precious reply")


async def test_words_that_came_back_stay_where_one_may_not_write(
    visit: Visit, own: ServerProcess
) -> None:
    ada = await visit("Ada", server=own)
    await ada.discuss(FOG, "Hello")
    await ada.settled()
    await ada.composer.fill("a swearword, and much more")
    await ada.composer.press("Enter")
    await expect(ada[".failed"]).to_have_count(1)
    lock = f"http://127.0.0.1:{own.port}/lock?user=Ada%20writes"
    await ada.page.request.post(lock)
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await expect(ada[".failed .body"]).to_have_text("a swearword, and much more")
    await expect(ada[".failed"].get_by_text("Edit")).to_have_count(0)


async def test_an_edit_that_came_back_beside_one_that_is_written(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "First")
    await ada.settled()
    for words in ("a swearword", "Written since"):
        if words == "Written since":
            await expect(ada[".failed"]).to_have_count(1)
        await ada[".message"].first.get_by_label("Edit").click()
        await ada[".message textarea"].fill(words)
        if words == "a swearword":
            await ada[".message .main"].click()
    await ada[".failed"].get_by_text("Edit").click()
    await expect(ada[".message textarea"]).to_have_value("Written since\na swearword")
