"""The first scene: two people, one text, and everything that may come between them."""

from __future__ import annotations

import signal

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import FaultProxy, ServerProcess

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_one_discusses_the_other_sees_at_once(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await expect(ada[".bar .people"]).to_have_text("2")
    await ada.select(FOG)
    await expect(ada[".prompt"]).to_be_visible()
    await ada[".prompt .main"].click()
    await ada.highlighted(FOG, kind="draft")
    await ada.composer.fill("Which fog?")
    await ada.composer.press("Enter")

    await ben.threads(1)
    await ben.highlighted(FOG)
    await expect(ben[".bar .discussions"]).to_have_accessible_name("1 discussion, 1 new comment")
    await ben.open(FOG)
    await expect(ben.bodies).to_have_text(["Which fog?"])
    await expect(ben[".card .byline bdi"]).to_have_text("Ada")
    await ben.composer.press_sequentially("The one ")
    await expect(ada[".card .typing"]).to_have_text("Ben is typing…")
    await ben.reply("The one of Tuesday.")
    await expect(ada.bodies).to_have_text(["Which fog?", "The one of Tuesday."])
    await expect(ada[".card .typing"]).to_have_text("")
    await ada[".card"].get_by_text("Resolve").click()
    await ben.highlighted(FOG, kind="resolved")
    await expect(ben[".card h2"]).to_have_text("Resolved by Ada")
    for reader in (ada, ben):
        await reader.clean()


async def test_tabs_of_one_person_are_one_person_with_one_page(visit: Visit) -> None:
    first = await visit("Ada")
    second = await visit("Ada", beside=first)
    third = await visit("Ada", beside=first)
    await first.discuss(FOG, "From the first tab")
    for tab in (second, third):
        await tab.threads(1)
        await expect(tab[".bar .people"]).to_have_text("1")
        await tab.highlighted(FOG)
    await second.page.bring_to_front()
    await second.open(FOG)
    await second.reply("From the second")
    await expect(first.bodies).to_have_text(["From the first tab", "From the second"])


async def test_offline_one_goes_on_and_nothing_is_lost(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Before")
    await ben.threads(1)
    await ada.page.context.set_offline(True)
    await expect(ada[".bar .state"]).to_contain_text("Offline", timeout=15_000)
    await expect(ada[".card .notice"]).to_contain_text("You are offline")
    await ada.reply("Written without a network")
    await expect(ada[".message.pending .byline"]).to_contain_text("Not sent yet")
    await expect(ada[".bar .state"]).to_have_text("Offline · 1 waiting to be sent")
    await ben.open(FOG)
    await ben.reply("Meanwhile")
    await ada.page.context.set_offline(False)
    both = ["Before", "Meanwhile", "Written without a network"]
    await expect(ada.bodies).to_have_text(both, timeout=30_000)
    await expect(ben.bodies).to_have_text(both)
    await ada.settled()
    await expect(ada[".bar .state"]).to_be_hidden()
    await expect(ada[".card .notice"]).to_be_hidden()
    await ada.clean(lost=True)


async def test_a_cut_wire_heals(visit: Visit, shared: ServerProcess) -> None:
    async with FaultProxy("127.0.0.1", shared.port) as proxy:
        ada = await visit("Ada", port=proxy.port)
        await ada.discuss(FOG, "One")
        await ada.settled()
        proxy.refusing = True
        proxy.reset()
        await ada.reply("Two")
        proxy.heal()
        await ada.settled()
        await expect(ada.bodies).to_have_text(["One", "Two"])
        await ada.clean(lost=True)


async def test_what_is_queued_survives_a_reload(visit: Visit, shared: ServerProcess) -> None:
    async with FaultProxy("127.0.0.1", shared.port) as proxy:
        ada = await visit("Ada", port=proxy.port)
        await ada.discuss(FOG, "Sent")
        await ada.settled()
        proxy.to_server.swallows = True  # the page can still be loaded; what is sent goes nowhere
        await ada.reply("Queued")
        proxy.heal()
        proxy.reset()
        await ada.page.reload()
        await ada.live()
        await ada.settled()
        await ada.open(FOG)
        await expect(ada.bodies).to_have_text(["Sent", "Queued"])
        ben = await visit("Ben", port=proxy.port)
        await ben.open(FOG)
        await expect(ben.bodies).to_have_text(["Sent", "Queued"])


@pytest.mark.long
async def test_a_killed_server_comes_back_and_both_carry_on(
    visit: Visit, own: ServerProcess
) -> None:
    ada, ben = await visit("Ada", server=own), await visit("Ben", server=own)
    await ada.discuss(FOG, "Before the fall")
    await ben.threads(1)
    await ben.open(FOG)
    own.kill()
    await ada.reply("From Ada, to nobody")
    await ben.reply("From Ben, to nobody")
    own.start()
    for reader in (ada, ben):
        await reader.live()
        await reader.settled()
        await expect(reader.bodies).to_have_count(3, timeout=30_000)
    assert await ada.bodies.all_inner_texts() == await ben.bodies.all_inner_texts()
    own.restart(how=signal.SIGTERM)
    await ada.reply("After a second one")
    await expect(ben.bodies.last).to_have_text("After a second one", timeout=30_000)
    for reader in (ada, ben):
        await reader.clean(lost=True)


async def test_a_withdrawn_permission_is_shown(visit: Visit, own: ServerProcess) -> None:
    ada = await visit("Ada", server=own)
    await ada.discuss(FOG, "Still allowed")
    await ada.settled()
    await ada.page.request.post(f"http://127.0.0.1:{own.port}/lock?user=Ada")
    await expect(ada[".bar .state"]).to_have_text("No access")
    await expect(ada[".card"]).to_be_hidden()
    await ada.threads(0)
    await ada.highlighted()
    await ada.page.request.post(f"http://127.0.0.1:{own.port}/unlock?user=Ada")
    await ada[".bar"].get_by_text("Try again").click()
    await ada.live()
    await ada.highlighted(FOG)
    await ada.open(FOG)
    await ada.reply("And again")
    await ada.settled()


async def test_two_people_edit_one_thread(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "First")
    await ben.threads(1)
    await ben.open(FOG)
    await ben.reply("Second")
    await expect(ada.bodies).to_have_text(["First", "Second"])
    # Ada rewrites hers while Ben reacts to it and rewrites his own.
    await ada[".message"].first.hover()
    await ada[".message"].first.get_by_label("Edit").click()
    editing = ada[".message .composer textarea"]
    await editing.fill("First, corr")
    await ben[".message"].first.hover()
    await ben[".message"].first.get_by_label("React").click()
    await ben.page.get_by_label("Heart").click()
    await ben[".message"].last.hover()
    await ben[".message"].last.get_by_label("Edit").click()
    await ben[".message .composer textarea"].fill("Second, corrected")
    await ben[".message .composer textarea"].press("Enter")
    await expect(ada.bodies.last).to_have_text("Second, corrected")
    await expect(editing).to_have_value("First, corr")
    await expect(editing).to_be_focused()
    await editing.press_sequentially("ected")
    await editing.press("Enter")
    for reader in (ada, ben):
        await expect(reader.bodies).to_have_text(["First, corrected", "Second, corrected"])
        await expect(reader[".reactions button"]).to_have_text("❤️ 1")
        await reader.clean()


async def test_a_deleted_discussion_says_so_and_keeps_what_was_being_written(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "A thing to regret")
    await ben.threads(1)
    await ben.open(FOG)
    await ben.composer.fill("I was just about to")
    await ada[".message"].hover()
    await ada[".message"].get_by_label("Delete").click()
    await expect(ada[".ask"]).to_contain_text("Delete this discussion?")
    await ada[".ask .danger"].click()
    await expect(ben[".card .notice"]).to_have_text("This discussion was deleted.")
    await expect(ben.composer).to_have_value("I was just about to")
    await ben.highlighted()
    await expect(ben[".bar .discussions span:not(.hidden)"]).to_have_text("0")


async def test_a_refused_text_is_given_back(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("What a swearword")
    await ada.composer.press("Enter")
    await expect(ada[".failed .body"]).to_have_text("What a swearword")
    await expect(ada[".failed"]).to_contain_text("Not sent. Mind your language.")
    await ada.highlighted(FOG, kind="draft")
    await ada.page.reload()
    await ada.live()
    await ada.highlighted(FOG, kind="draft")
    await ada[".bar .discussions"].click()
    await ada[".panel .item"].click()
    await ada[".failed"].get_by_text("Try again").click()
    await expect(ada[".failed .body"]).to_have_text("What a swearword")
    await ada[".failed"].get_by_text("Edit", exact=True).click()
    await expect(ada.composer).to_have_value("What a swearword")
    await ada.composer.press("Enter")
    await expect(ada[".failed .body"]).to_have_text("What a swearword")
    await ada[".failed"].get_by_text("Discard").click()
    await expect(ada[".card"]).to_be_hidden()
    await ada.highlighted(kind="draft")

    await ada.discuss(FOG, "Politely")
    await ada.composer.fill("Another swearword")
    await ada.composer.press("Enter")
    await expect(ada[".failed .body"]).to_have_text("Another swearword")
    await ada[".failed"].get_by_text("Edit", exact=True).click()
    await expect(ada.composer).to_have_value("Another swearword")
    await ada.reply("Another word")
    await ada.settled()
    await expect(ada[".failed"]).to_be_hidden()
    await ada.clean()
