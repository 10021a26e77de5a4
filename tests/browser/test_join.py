"""Whoever may not write is told so, and how to join; a server that lets nobody in is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import FOG, SELECT, Visit, serve
from .test_accessible import AXE, clean

pytestmark = pytest.mark.asyncio(loop_scope="session")
MIDDLES = """() => {
  const prompt = document.querySelector('collab-chat').shadowRoot.querySelector('.prompt')
  const middle = ({ top, height }) => Math.round(top + height / 2)
  const shown = [...prompt.children].filter(each => each.checkVisibility())
  return shown.map(each => middle(each.getBoundingClientRect()))
}"""
SIGN_IN = "value => document.querySelector('collab-chat').setAttribute('signin', value)"


async def test_who_is_not_signed_in_is_told(visit: Visit) -> None:
    stranger = await visit("", live=False)
    await expect(stranger[".bar .state"]).to_have_text("Signed out")
    await stranger.select(FOG)
    await expect(stranger[".prompt .barred"]).to_have_text("Sign in to discuss this text.")
    await expect(stranger[".prompt .main:visible"]).to_have_count(0)
    await expect(stranger.page.get_by_role("button", name="Sign in")).to_have_count(0)


async def test_the_way_in_is_an_address_or_the_pages_own(visit: Visit) -> None:
    stranger = await visit("", live=False)
    await stranger.js(SIGN_IN, "/site.css?login")
    await expect(stranger[".bar .state"]).to_have_text("Signed out")
    await stranger.js(
        """() => document.addEventListener('collabchat:signin', event => {
          document.title = 'asked'
          if (!window.leave) event.preventDefault()
        })"""
    )
    await stranger.select(FOG)
    await stranger[".prompt"].get_by_text("Sign in", exact=True).click()
    await stranger.until("document.title", "asked")
    assert "/p/" in stranger.page.url
    await stranger.js("() => { window.leave = true }")
    await stranger[".bar"].get_by_text("Sign in", exact=True).click()
    await stranger.page.wait_for_url("**/site.css?login")


async def test_a_reader_who_may_not_write_is_told(visit: Visit, own: ServerProcess) -> None:
    ada = await visit("Ada", server=own)
    lock = f"http://127.0.0.1:{own.port}/lock"
    await ada.page.request.post(lock, params={"user": "Ada writes", "now": "false"})
    await ada.page.reload()
    await ada.live()
    await ada.js(SIGN_IN, "/login")
    await ada.select(FOG)
    await expect(ada[".prompt .barred"]).to_have_text(
        "You can read the discussions here, but not write."
    )
    # Beside words of two lines too the buttons keep their form.
    copy = await ada[".prompt"].get_by_text("Copy").bounding_box()
    assert copy is not None
    assert copy["height"] <= 32
    assert len(set(await ada.js(MIDDLES))) == 1
    await expect(ada[".prompt .main:visible"]).to_have_count(0)


PLACED = """() => {
  const prompt = document.querySelector('collab-chat').shadowRoot.querySelector('.prompt')
  const shown = [prompt, ...prompt.querySelectorAll('*')].filter(each => each.checkVisibility() && !each.closest('svg'))
  const [{ left, right }] = shown.map(each => each.getBoundingClientRect())
  const last = shown.at(-1).getBoundingClientRect()
  return {
    inside: left >= 8 && right <= innerWidth - 8,
    whole: shown.every(each => each.scrollWidth <= each.clientWidth || !each.clientWidth),
    within: last.left >= left && last.right <= right,
  }
}"""  # noqa: E501


@pytest.mark.parametrize("who", ["Passer-by", "Ada"])
@pytest.mark.parametrize("lang", ["en", "de", "fr", "ru", "sr"])
async def test_the_offer_is_within_the_narrowest_window(visit: Visit, who: str, lang: str) -> None:
    """Also where it tells in a long language why one may not write, and how to join."""
    page = f"<div lang={lang}><collab-chat root=main signin=/in></collab-chat></div>"
    page += "<main><p>By noon the fog has gone, and the gulls have taken over.</p></main>"
    ada = await visit(who, html=page, viewport={"width": 320, "height": 640})
    for text in ["By noon", "taken over"]:
        await ada.js(SELECT, text)
        await expect(ada[".prompt"]).to_be_visible()
        assert await ada.js(PLACED) == {"inside": True, "whole": True, "within": True}, text
        await ada.page.keyboard.press("Escape")


BAR_INSIDE = """() => {
  const bar = document.querySelector('collab-chat').shadowRoot.querySelector('.bar')
  const { left, right } = bar.getBoundingClientRect()
  const parts = [...bar.children].filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect())
  return left >= 8 && right <= innerWidth - 8 && parts.every(each => each.left >= left && each.right <= right)
}"""  # noqa: E501


@pytest.mark.parametrize("lang", ["en", "ar", "de", "fr", "ru"])
async def test_the_bar_is_within_the_narrowest_window(visit: Visit, lang: str) -> None:
    """Also where it says what is in the way, and how much waits."""
    page = f"<div lang={lang}><collab-chat root=main signin=/in></collab-chat></div>"
    page += "<main><p>By noon the fog has gone, and the gulls have taken over.</p></main>"
    narrow = {"width": 320, "height": 640}
    stranger = await visit("", html=page, viewport=narrow, live=False)
    await expect(stranger[".bar .join"]).to_be_visible()
    assert await stranger.js(BAR_INSIDE)
    ada = await visit("Ada", viewport=narrow)
    await ada.page.context.set_offline(True)
    await ada.discuss("By noon", "Waits")
    await expect(ada[".bar .state"]).to_contain_text(" · ", timeout=15_000)
    assert await ada.js(BAR_INSIDE)


READ_ONLY = "You can read the discussions here, but not write."


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_a_discussion_tells_who_may_not_answer_why_and_how_to_join(
    visit: Visit, phone: bool
) -> None:
    ada = await visit("Ada")
    await ada.discuss(FOG, "One")
    await ada.js("document.querySelector('collab-chat').discussPage()")
    await ada.composer.fill("On the whole")
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text(["On the whole"])
    await ada.settled()
    size = {"viewport": {"width": 390, "height": 780}} if phone else {}
    passer = await visit("Passer-by", reduced_motion="reduce", **size)
    barred = passer[".card #barred"]
    await passer.js(AXE)
    for chat in await passer.js("document.querySelector('collab-chat').threads().map(c => c.id)"):
        await passer.js("id => document.querySelector('collab-chat').open(id)", chat)
        await expect(passer.bodies).to_have_count(1)
        await expect(barred).to_have_text(READ_ONLY)
        await expect(passer.page.get_by_role("dialog")).to_have_accessible_description(
            re.compile(READ_ONLY)
        )
        await expect(passer[".card .composer"]).to_have_count(0)
        await clean(passer, "barred")
    await passer.js(SIGN_IN, "/site.css?login")
    await passer.page.keyboard.press("Escape")
    await expect(passer[".card"]).to_be_hidden()
    await passer.js("id => document.querySelector('collab-chat').open(id)", chat)
    button = barred.get_by_role("button", name="Sign in")
    await expect(button).to_be_in_viewport(ratio=1)
    await clean(passer, "barred, with a way in")
    await button.click()
    await passer.page.wait_for_url("**/site.css?login")


async def test_who_may_write_no_more_is_told_beside_what_was_begun(
    visit: Visit, own: ServerProcess
) -> None:
    ada = await visit("Ada", server=own)
    await ada.discuss(FOG, "One")
    await expect(ada[".card #barred"]).to_be_hidden()
    await ada.composer.fill("Half a")
    origin = f"http://127.0.0.1:{own.port}"
    # Known by her name, she has no other to sign in with.
    await ada.js(SIGN_IN, "/login")
    await ada.page.request.post(f"{origin}/lock", params={"user": "Ada writes", "now": "false"})
    await ada.page.reload()
    await ada.live()
    await ada.open(FOG)
    await expect(ada[".card #barred"]).to_have_text(READ_ONLY)
    await expect(ada[".card .join"]).to_have_count(0)
    await ada.page.request.post(f"{origin}/unlock", params={"user": "Ada writes"})
    await ada.page.reload()
    await ada.live()
    await ada.open(FOG)
    await expect(ada.composer).to_have_value("Half a")
    await expect(ada[".card #barred"]).to_be_hidden()


async def test_a_new_discussion_tells_who_may_not_begin_one(
    visit: Visit, own: ServerProcess
) -> None:
    """As a page of the host's, or what was begun while one might, can open it."""
    ada = await visit("Ada", server=own)
    begin = "document.querySelector('collab-chat').discussPage()"
    await ada.js(begin)
    await expect(ada[".card #barred"]).to_be_hidden()
    await ada.composer.fill("Half a")
    origin = f"http://127.0.0.1:{own.port}"
    await ada.page.request.post(f"{origin}/lock", params={"user": "Ada writes", "now": "false"})
    await ada.page.reload()
    await ada.live()
    await ada.js(begin)
    await expect(ada.composer).to_have_value("Half a")
    await expect(ada.composer).not_to_be_editable()
    await expect(ada[".card #barred"]).to_have_text(READ_ONLY)


async def test_an_empty_list_asks_nobody_to_write_who_may_not(visit: Visit) -> None:
    passer = await visit("Passer-by")
    await passer[".bar .discussions"].click()
    await expect(passer[".panel .empty"]).to_contain_text(READ_ONLY)


@pytest.mark.long  # words.test.js has every language
async def test_a_quota_that_lets_nobody_in_is_told_with_its_end(
    visit: Visit, tmp_path: Path
) -> None:
    with serve(tmp_path, USED_UP="yes") as server:
        ada = await visit("Ada", server=server, live=False)
        await expect(ada[".bar .state"]).to_have_text("Limit reached")
        told = "The limit of these discussions is reached until "
        await ada.until(
            f"""document.querySelector('collab-chat').shadowRoot.querySelector('.state')
              .title.startsWith({told!r})"""
        )
        await ada.select(FOG)
        await expect(ada[".prompt .barred"]).to_contain_text(told)
        await expect(ada[".prompt .main:visible"]).to_have_count(0)
        await ada.page.keyboard.press("Escape")
        await ada[".bar .discussions"].click()
        await expect(ada[".panel .empty"]).to_contain_text(told)


async def test_a_hook_that_fails_is_named_in_the_console_once(visit: Visit) -> None:
    ada = await visit("Broken", live=False)
    await expect(ada[".bar .state"]).to_have_text("Offline", timeout=20_000)
    told = [fault for fault in ada.faults if "authenticate hook" in fault]
    assert len(told) == 1
    assert "log" in told[0]


async def test_without_a_selection_the_keyboard_opens_the_list(visit: Visit) -> None:
    ada = await visit("Ada")
    await ada.page.keyboard.press("Alt+Shift+KeyM")
    await expect(ada[".panel"]).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await expect(ada[".panel"]).to_be_hidden()
    await ada.js(SELECT, FOG)
    await ada.page.keyboard.press("Alt+Shift+KeyM")
    await expect(ada.composer).to_be_focused()


async def test_a_sign_in_without_a_load_is_noticed(visit: Visit) -> None:
    stranger = await visit("", live=False)
    await expect(stranger[".bar .state"]).to_have_text("Signed out")
    await stranger.js("() => { document.cookie = 'name=Ada; path=/' }")
    await stranger.js("() => { window.dispatchEvent(new Event('focus')) }")
    await stranger.live()
    await stranger.until("document.querySelector('collab-chat').user?.id", "Ada")


async def test_an_application_that_navigates_after_its_sign_in(visit: Visit) -> None:
    """With a cookie that no script may see."""
    stranger = await visit("", live=False)
    await expect(stranger[".bar .state"]).to_have_text("Signed out")
    origin = stranger.page.url.partition("/p/")[0]
    cookie = {"name": "name", "value": "Ada", "url": origin, "httpOnly": True}
    await stranger.page.context.add_cookies([cookie])  # type: ignore[list-item]
    await stranger.js("() => history.pushState({}, '', location.pathname + '?welcome')")
    await stranger.live()
