"""What is new since somebody was here, on every device of theirs; and links to discussions."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import BOOK, FOG, SELECT, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_new_since_somebody_was_here(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Ben sees this")
    await ben.threads(1)
    await ben.open(FOG)
    await expect(ben[".bar .new"]).to_have_count(0)
    # Nobody is new to what they have never seen, and what is read is known elsewhere.
    await ben.until("document.querySelector('collab-chat').threads().length", 1)
    await ben.page.close()
    await ada.reply("This is new to Ben")
    await ada.page.keyboard.press("Escape")
    await ada.discuss(BOOK, "And so is this")
    await ada.settled()

    back = await visit("Ben")
    tab = await visit("Ben", beside=back)
    for each in (back, tab):
        await expect(each[".bar .new"]).to_have_text("2")
    await back[".bar .discussions"].click()
    await expect(back[".panel .fresh-item .passage"]).to_have_text([FOG, BOOK])
    await back.page.get_by_role("button", name="New 2").click()
    await back[".panel .item"].first.click()
    await expect(back[".card [data-new]"]).to_contain_text("This is new to Ben")
    await expect(back[".card [data-new]"]).to_have_count(1)
    for each in (back, tab):
        await expect(each[".bar .new"]).to_have_text("1")
    await tab[".bar .discussions"].click()
    await tab.page.get_by_role("button", name="New 1").click()
    await tab.page.get_by_role("button", name="Mark all as read").click()
    for each in (back, tab):
        await expect(each[".bar .new"]).to_have_count(0)
    await expect(ada[".bar .new"]).to_have_count(0)
    await back.clean()


async def test_what_was_not_opened_is_new_the_next_time_too(visit: Visit) -> None:
    """Also the first discussion of a page that was empty."""
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "The first")
    await expect(ben[".bar .new"]).to_have_text("1")
    await ben.page.close()
    back = await visit("Ben")
    await expect(back[".bar .new"]).to_have_text("1")


async def test_what_was_read_in_the_last_second_is_read(visit: Visit) -> None:
    """How far somebody has read is told once a second; a tab that is closed tells the rest."""
    ada, ben = await visit("Ada"), await visit("Ben")
    for passage in (FOG, BOOK):
        await ada.discuss(passage, f"About {passage}")
        await ada.page.keyboard.press("Escape")
    await expect(ben[".bar .new"]).to_have_text("2")
    await ben.js("""() => {
      const chat = document.querySelector('collab-chat')
      for (const { id } of chat.threads()) chat.open(id)
    }""")
    await expect(ben[".bar .new"]).to_have_count(0)
    await ben.page.close()
    back = await visit("Ben")
    await ada.discuss("nobody on the quay", "New")
    await expect(back[".bar .new"]).to_have_text("1")


async def test_a_link_opens_its_discussion_after_an_edit_too(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(BOOK, "Look at this")
    await ada.settled()
    chat = await ada.js("document.querySelector('collab-chat').threads()[0].id")
    await ada.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await ada[".card [data-key=link]"].click()
    await expect(ada[".card .notice"]).to_have_text("Copied")
    link = await ada.js("navigator.clipboard.readText()")
    assert link == f"{ada.page.url}#collabchat={chat}"
    ben = await visit("Ben", query=f"?without=1&paragraphs=40#collabchat={chat}")
    await expect(ben.bodies).to_have_text(["Look at this"])
    await expect(ben[".card .quote"]).to_have_text(BOOK)
    await ben[".card"].press("Escape")
    await expect(ben[".card"]).to_be_hidden()
    # Also where the page is open already.
    await ben.js(f"location.hash = ''; location.hash = 'collabchat={chat}'")
    await expect(ben[".card"]).to_be_visible()
    await ben.clean()


IN_WINDOW = """() => {
  const [range] = CSS.highlights.get('collabchat-active') ?? []
  const { top, bottom } = range?.getBoundingClientRect() ?? { top: -1, bottom: 0 }
  return top >= 0 && bottom <= innerHeight
}"""


@pytest.mark.parametrize("later", [False, True])
async def test_a_link_leads_to_a_passage_that_is_not_found_at_once(
    visit: Visit, later: bool
) -> None:
    """It says other words since, or an application brings its text when the page is there."""
    many = "".join(f"<p>Paragraph {n} of a long story about ferries.</p>" for n in range(60))
    text = many + "<p>By noon the fog has gone, and the gulls have taken over.</p>" + many
    widget = "<collab-chat root=main></collab-chat>"
    ada = await visit("Ada", html=f"{widget}<main>{text}</main>")
    await ada.js(SELECT, FOG)
    await ada.page.keyboard.press("Alt+Shift+M")
    await ada.composer.fill("Look at this")
    await ada[".card .send"].click()
    await ada.settled()
    chat = await ada.js("document.querySelector('collab-chat').threads()[0].id")
    now = text.replace("the fog has gone", "the fog had all gone")
    page = (
        f"{widget}<main></main><template>{text}</template>"
        if later
        else f"{widget}<main>{now}</main>"
    )
    ben = await visit("Ben", html=page, query=f"#collabchat={chat}")
    await expect(ben.bodies).to_have_text(["Look at this"])
    if later:
        await expect(ben[".card .notice"]).to_be_visible()
        await ben.js(
            "document.querySelector('main').append(document.querySelector('template').content)"
        )
    await ben.until(IN_WINDOW)
    await ben.clean()


async def test_a_link_to_what_was_deleted_says_so(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(BOOK, "Short-lived")
    await ada.settled()
    chat = await ada.js("document.querySelector('collab-chat').threads()[0].id")
    await ada[".message"].get_by_label("Delete").click()
    await ada[".ask .danger"].click()
    await ada.threads(0)
    ben = await visit("Ben", query=f"#collabchat={chat}")
    await expect(ben[".card .notice"]).to_have_text("This discussion was deleted.")
    await expect(ben[".card h2"]).to_have_text("Discussion")
    await ben[".card"].press("Escape")
    await ben.clean()
    # What another widget of the page has is not deleted.
    two = "<main>One</main><aside>Two</aside><collab-chat root=main></collab-chat>"
    two += "<collab-chat root=aside page=/elsewhere></collab-chat>"
    cleo = await visit("Cleo", html=two, query=f"#collabchat={chat}", live=False)
    await expect(cleo.page.locator(".bar .people")).to_have_count(2)
    await expect(cleo.page.locator(".bar .discussions").first).to_have_attribute(
        "title", "0 discussions"
    )
    await expect(cleo.page.locator(".card:visible")).to_have_count(0)
