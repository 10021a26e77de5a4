"""The widget on a page that is strict, hostile, edited, dark, narrow, or read without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import BOOK, FOG, Reader, Visit, serve

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_hostile_names_bodies_and_links_are_text(visit: Visit) -> None:
    eve, ben = await visit("Hostile"), await visit("Ben")
    body = (
        "<img src=x onerror=alert(1)> javascript:alert(1) https://ok.example/a?b=<script> "
        "data:text/html,x mailto:a@b.example \u202egnp.exe https://x.example/(a)."
    )
    await eve.discuss(FOG, body)
    await ben.threads(1)
    await ben.open(FOG)
    await expect(ben.bodies).to_have_text([body])
    assert await ben["img"].count() == 0
    links = ben[".body a"]
    assert [await link.get_attribute("href") for link in await links.all()] == [
        "https://ok.example/a?b=",
        "mailto:a@b.example",
        "https://x.example/(a)",
    ]
    for link in await links.all():
        assert await link.get_attribute("rel") == "nofollow ugc noopener noreferrer"
    await expect(ben[".card .byline bdi"]).to_have_text("<b onclick=alert(1)>Eve</b>")
    await eve.clean()
    await ben.clean()


async def test_a_thread_without_a_mouse(visit: Visit) -> None:
    ada = await visit("Ada")
    press = ada.page.keyboard.press
    # A caret in the text, as caret browsing or a screen reader puts it.
    await ada.js(
        """() => {
          const { firstChild } = document.querySelector('main p')
          document.getSelection().setBaseAndExtent(firstChild, 4, firstChild, 5)
        }"""
    )
    for _ in range(4):
        await press("Shift+ArrowRight")
    await expect(ada[".prompt"]).to_be_visible()
    await expect(ada["[role=status].hidden"]).to_contain_text("Alt Shift M")
    await press("Alt+Shift+KeyM")
    await expect(ada.composer).to_be_focused()
    await ada.page.keyboard.type("No mouse here")
    await press("Enter")
    await expect(ada.bodies).to_have_text(["No mouse here"])
    await expect(ada.composer).to_be_focused()
    await ada.highlighted("ferry")
    await press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    assert await ada.js("document.getSelection().focusOffset") == 9
    await press("Alt+Shift+KeyJ")
    await expect(ada[".card"]).to_be_visible()
    await expect(ada[".card"]).to_be_focused()
    await press("Escape")
    # The list is the twin of the highlights for those who cannot see them.
    await ada[".bar .discussions"].focus()
    await press("Enter")
    await expect(ada[".panel .item"]).to_be_focused()
    await press("Escape")
    await expect(ada[".bar .discussions"]).to_be_focused()
    await ada.clean()


async def test_escape_and_a_collapsed_selection_take_the_prompt_away(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.select(FOG)
    await expect(ada[".prompt"]).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await expect(ada[".prompt"]).to_be_hidden()
    await ada.select(FOG)
    await expect(ada[".prompt"]).to_be_visible()
    await ada.page.mouse.click(30, 500)
    await expect(ada[".prompt"]).to_be_hidden()
    await ada.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await ada.select(FOG)
    await ada[".prompt"].get_by_text("Copy").click()
    await ada.until("navigator.clipboard.readText()", FOG)


async def test_what_lost_its_text_is_told_so(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "About the fog")
    await ada.page.keyboard.press("Escape")
    await ada.discuss(BOOK, "About the book")
    await ada.settled()
    later = await visit("Ben", query="?without=2")
    await later.threads(2)
    await later.highlighted(BOOK)
    await later[".bar .discussions"].click()
    await expect(later[".panel h3"]).to_have_text("Text no longer on this page (1)")
    await later[".panel .item"].last.click()
    await expect(later[".card .notice"]).to_have_text(
        "The text this was about is no longer on this page."
    )
    await later.reply("A pity")
    await expect(later[".card .quote.gone"]).to_have_text(FOG)


async def test_the_page_changes_under_its_discussions(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "About the fog")
    await ada.js(
        """() => {
          const first = document.querySelector('main p')
          for (let n = 0; n < 40; n++) {
            const p = document.createElement('p')
            p.textContent = 'Something new, number ' + n
            first.before(p)
          }
          const fog = [...document.querySelectorAll('main p')].find(p => /fog/.test(p.textContent))
          fog.replaceWith(fog.cloneNode(true))
        }"""
    )
    await ada.highlighted(FOG)
    await ada.js(
        "() => [...document.querySelectorAll('main p')]"
        ".find(p => p.textContent.includes('fog')).remove()"
    )
    await ada.highlighted()
    await expect(ada[".card .notice"]).to_contain_text("no longer on this page")
    await ada.clean()


async def test_dark_and_light(visit: Visit) -> None:
    auto = await visit("Ada", color_scheme="dark")
    # A white page stays white in a dark system, and so does what lies on it.
    assert not await dark(auto)
    await auto.js("() => { document.body.style.background = '#111' }")
    await auto.until(
        "document.querySelector('collab-chat').shadowRoot.querySelector('.face').classList.contains('dark')"
    )
    forced = await visit("Ben", query="?theme=dark")
    assert await dark(forced)


async def dark(reader: Reader) -> bool:
    return "dark" in (await reader[".face"].get_attribute("class") or "")


async def test_a_narrow_screen_gets_a_sheet(visit: Visit) -> None:
    ada = await visit("Ada", viewport={"width": 390, "height": 780}, has_touch=True)
    await ada.discuss(BOOK, "On the road")
    box = await ada[".card"].bounding_box()
    assert box is not None
    assert box["width"] == 390
    assert round(box["y"] + box["height"]) == 780
    await ada.page.keyboard.press("Escape")
    await ada.open(BOOK)
    await ada.until(
        """() => {
          const [range] = CSS.highlights.get('collabchat-active')
          const card = document.querySelector('collab-chat').shadowRoot.querySelector('.card')
          return range.getBoundingClientRect().bottom <= card.getBoundingClientRect().top
        }"""
    )
    for target in await ada["button:visible"].all():
        size = await target.bounding_box()
        assert size is not None
        assert size["width"] >= 24, await target.get_attribute("class")
        assert size["height"] >= 24, await target.get_attribute("class")


async def test_new_replies_wait_below_for_who_reads_above(visit: Visit) -> None:
    ada, ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Line\n" * 30)
    await ben.threads(1)
    await ben.open(FOG)
    await ada[".log"].evaluate("log => { log.scrollTop = 0 }")
    await ben.reply("One")
    await ben.reply("Two")
    await expect(ada[".fresh"]).to_have_text("2 new replies")
    assert await ada[".log"].evaluate("log => log.scrollTop") == 0
    await ada[".fresh"].click()
    await expect(ada[".fresh"]).to_be_hidden()
    await expect(ada.bodies.last).to_be_in_viewport()


async def test_overlapping_passages_are_stepped_through(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss("By noon the fog has gone, and the gulls", "The longer")
    await ada.page.keyboard.press("Escape")
    await ada.js("() => document.activeElement.blur()")
    await ada.select(FOG)
    await ada[".prompt .main"].click()
    await ada.composer.fill("The shorter")
    await ada.composer.press("Enter")
    await ada.page.keyboard.press("Escape")
    await ada.open("fog has")
    await expect(ada.bodies).to_have_text(["The shorter"])
    await expect(ada[".steps"]).to_have_text("1 of 2")
    await ada.page.get_by_label("Next discussion here").click()
    await expect(ada.bodies).to_have_text(["The longer"])


async def test_a_card_that_waits_for_its_place_ends_with_its_widget(visit: Visit) -> None:
    """Also where it was placed meanwhile: a frame later it has no shadow root any more."""
    ada = await visit("Ada")
    await ada.discuss(FOG, "Here for now")
    await ada.js(
        """async () => {
          const chat = document.querySelector('collab-chat')
          dispatchEvent(new Event('resize'))
          chat.discussPage()
          chat.destroy()
          for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame)
        }"""
    )
    await ada.clean()


async def test_nothing_stays_behind(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Here for now")
    await ada.js("() => document.querySelector('collab-chat').destroy()")
    assert await ada.js("[...CSS.highlights.keys()]") == []
    assert await ada.js("document.adoptedStyleSheets.length") == 0
    assert await ada.js("document.querySelector('main').style.cursor") == ""
    await ada.select(BOOK)
    await ada.js(
        """async () => {
          const { mount } = await import('/collabchat/widget.js')
          mount(document.querySelector('main'))
        }"""
    )
    await ada.live()
    await ada.highlighted(FOG)
    await ada.clean()


async def test_without_custom_highlights_rectangles_are_laid_over(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Old browser")
    ben = await visit("Ben", live=False)
    await ben.page.context.add_init_script("delete window.Highlight")
    await ben.page.reload()
    await ben.live()
    await expect(ben[".overlay .open"]).to_have_count(1)
    left, top, *_ = await ben.place(FOG)
    # In one turn: a rectangle lives until the next redraw.
    box = await ben.js(
        """() => document.querySelector('collab-chat').shadowRoot
          .querySelector('.overlay .open').getBoundingClientRect().toJSON()"""
    )
    assert abs(box["x"] - left) < 3
    assert box["y"] <= top <= box["y"] + box["height"]
    await ben.open(FOG)


async def test_events_tell_the_host(visit: Visit) -> None:
    ada = await visit("Ada", live=False)
    await ada.page.context.add_init_script(
        """window.heard = []
        for (const name of ['ready', 'thread-open', 'thread-created', 'count', 'status'])
          document.addEventListener('collabchat:' + name, event =>
            heard.push([name, event.detail]))"""
    )
    await ada.page.reload()
    await ada.live()
    await ada.discuss(FOG, "Hello")
    names = await ada.js("heard.map(([name]) => name)")
    assert {"ready", "status", "count", "thread-created", "thread-open"} <= set(names)
    assert ["count", {"users": 1, "chats": 1}] in await ada.js("heard")


async def test_an_act_without_words_that_is_refused_is_told(
    visit: Visit, own: ServerProcess
) -> None:
    ada = await visit("Ada", server=own)
    await ada.discuss(FOG, "Are we done here?")
    await ada.settled()
    await ada.page.request.post(
        f"http://127.0.0.1:{own.port}/lock", params={"user": "Ada writes", "now": "false"}
    )
    await ada[".card"].get_by_text("Resolve").click()
    await expect(ada[".card .notice"]).to_have_text("You may not do this here.")
    await expect(ada[".card h2"]).to_have_text("Discussion")
    await ada.highlighted(FOG)


async def test_earlier_messages_are_brought_on_request(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "Message 1")
    for n in range(2, 9):
        await ada.reply(f"Message {n}")
    await ada.settled()
    ben = await visit("Ben")
    await ben.open(FOG)
    await expect(ben.bodies).to_have_text([f"Message {n}" for n in range(4, 9)])
    await ben[".older"].click()
    await expect(ben.bodies).to_have_text([f"Message {n}" for n in range(1, 9)])
    await expect(ben[".older"]).to_have_count(0)


async def test_words_outlive_a_closed_card(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "One")
    await ada.composer.fill("Half a thou")
    await ada.page.keyboard.press("Escape")
    await expect(ada[".card"]).to_be_hidden()
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("Half a thou")


async def test_the_text_may_come_later_and_the_page_may_be_another(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "On the first page")
    await ada.settled()
    await ada.js(
        """() => {
          const main = document.querySelector('main'), chat = document.querySelector('collab-chat')
          main.remove()
          chat.setAttribute('root', 'article')
          window.arrive = () => {
            const article = document.createElement('article')
            article.append(...main.childNodes)
            document.body.append(article)
          }
        }"""
    )
    await ada.threads(1)
    await ada.highlighted()
    await ada.js("arrive()")
    await ada.highlighted(FOG)
    await ada.js("document.querySelector('collab-chat').setPage(location.href + '/two')")
    await ada.threads(0)
    await ada.highlighted()
    await ada.js("document.querySelector('collab-chat').removeAttribute('page')")
    await ada.threads(1)
    await ada.highlighted(FOG)
    await ada.clean()


async def test_a_key_right_behind_the_escape_counts(visit: Visit) -> None:
    """A browser takes the focus out of what is hidden when it draws next, but keys come sooner."""
    ada = await visit("Ada")
    await ada.discuss(FOG, "Hello")
    await expect(ada.composer).to_be_focused()
    shown = await ada.js(
        """() => {
          const face = document.querySelector('collab-chat').shadowRoot
          const press = (key, more) => {
            const init = { key, bubbles: true, composed: true, cancelable: true, ...more }
            const deepest = face.activeElement ?? document.activeElement
            deepest.dispatchEvent(new KeyboardEvent('keydown', init))
          }
          press('Escape')
          press('J', { code: 'KeyJ', altKey: true, shiftKey: true })
          return !face.querySelector('.card').hidden
        }"""
    )
    assert shown


async def test_a_comment_is_as_long_as_the_server_says(visit: Visit, tmp_path: Path) -> None:
    with serve(tmp_path, BODY_CHARS="5000") as generous:
        ada = await visit("Ada", server=generous)
        await long_comments(ada)


async def long_comments(ada: Reader) -> None:
    await ada.discuss(FOG, "Hello")
    await ada.composer.fill("x" * 4_990)
    await expect(ada[".card .count"]).to_have_text("10")
    await expect(ada[".card .send"]).to_be_enabled()
    await ada.composer.fill("x" * 5_001)
    await expect(ada[".card .send"]).to_be_disabled()


async def test_two_widgets_do_not_cover_each_other(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.js(
        """() => {
          const second = document.createElement('collab-chat')
          second.id = 'second'
          second.setAttribute('root', 'h1')
          second.setAttribute('page', location.href + '#title')
          document.body.append(second)
        }"""
    )
    second = ada.page.locator("#second .bar")
    await expect(second.locator(".people")).to_be_visible()
    one = await ada.page.locator("collab-chat:not(#second) .bar").bounding_box()
    other = await second.bounding_box()
    assert one is not None
    assert other is not None
    assert other["y"] >= one["y"] + one["height"]
    await ada.js("document.querySelector('collab-chat:not(#second)').remove()")
    await expect(ada.page.locator(".bar")).to_have_count(1)
    moved = await second.bounding_box()
    assert moved is not None
    assert moved["y"] == one["y"]


async def test_forced_colours_and_no_motion(visit: Visit) -> None:
    ada = await visit("Ada", forced_colors="active", reduced_motion="reduce")
    await ada.discuss(FOG, "In high contrast")
    borders = "card => getComputedStyle(card).borderTopWidth"
    assert await ada[".card"].evaluate(borders) == "1px"
    await ada.clean()
