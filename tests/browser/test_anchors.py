"""A page is edited: its discussions stay with their words, or say honestly that these are gone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
OLD = "The new bridge was oppened by the mayor on the twelfth of June, in heavy rain."
NEW = OLD.replace("oppened", "opened")
PASSAGE = "was oppened by the mayor"
PAGE = (
    "<collab-chat></collab-chat><main><h1>Chronicle</h1><p>Work had begun in March.</p>"
    f"<p id=p>{OLD}</p><p id=q>The old one was pulled down in autumn.</p></main>"
)
SPAN = """([from, to]) => {
  const walker = document.createTreeWalker(document.querySelector('main'), 4), ends = []
  for (let node; (node = walker.nextNode());) {
    for (const [n, text] of [from, to].entries()) {
      const at = node.data.indexOf(text)
      if (at >= 0 && !ends[n]) ends[n] = [node, n ? at + text.length : at]
    }
  }
  document.getSelection().setBaseAndExtent(...ends[0], ...ends[1])
}"""


async def edit(reader: Reader, *, to: str, of: str = "p") -> None:
    await reader.js("([id, text]) => { document.getElementById(id).textContent = text }", [of, to])


async def test_a_corrected_word_keeps_its_discussion(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(PASSAGE, "Typo: opened")
    await edit(ada, to=NEW)
    await ada.highlighted("was opened by the mayor")
    await expect(ada[".card .notice"]).to_contain_text("The text was changed since")
    await expect(ada[".card .quote"]).to_contain_text(PASSAGE)
    await expect(ada[".card .quote .badge"]).to_have_text("Changed")
    await expect(ada[".card .quote.gone"]).to_have_count(0)
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .item .badge"]).to_have_text("Changed")
    await expect(ada[".panel .passage"]).to_contain_text(PASSAGE)
    await expect(ada[".panel h3"]).to_have_count(0)
    await edit(ada, to=OLD)
    await expect(ada[".panel .item .badge"]).to_have_count(0)
    await ada.highlighted(PASSAGE)


async def test_a_lost_discussion_gets_another_place(visit: Visit) -> None:
    """From its author or a moderator. The words of the first place are kept: they may come back."""
    ada, ben = await visit("Ada", html=PAGE), await visit("Ben")
    mod = await visit("Mod")
    await ada.discuss(PASSAGE, "Really?")
    for reader in (ada, ben, mod):
        await reader.threads(1)
        await edit(reader, to="Nothing of all this has happened, and nobody was there.")
        await reader.highlighted()
    for reader in (ben, mod):
        await reader[".bar .discussions"].click()
        await expect(reader[".panel h3"]).to_have_text("Text no longer on this page (1)")
        await reader[".panel .item"].click()
        await expect(reader[".card .notice"]).to_contain_text("no longer on this page")
    move = "Select the new place"
    await expect(ben.page.get_by_role("button", name=move)).to_have_count(0)
    await expect(mod[".card .placing"].get_by_role("button", name=move)).to_be_visible()
    await expect(mod.page.get_by_role("button", name=move)).to_have_count(1)
    # One control at a time, and the focus goes with it.
    await ada[".card"].get_by_role("button", name=move).press("Enter")
    await expect(ada[".card .notice"]).to_have_text("Select the new place in the text.")
    await expect(ada.page.get_by_role("button", name=move)).to_have_count(0)
    keep = ada[".card"].get_by_role("button", name="Keep it where it is")
    await expect(keep).to_be_focused()
    await keep.press("Enter")
    await expect(ada[".card"].get_by_role("button", name=move)).to_be_focused()
    await ada[".card"].get_by_role("button", name=move).press("Enter")
    await ada.page.mouse.click(5, 5)
    await ada.select("pulled down in autumn")
    await expect(ada[".prompt .main"]).to_have_text("Move it here")
    await ada[".prompt .main"].click()
    for reader in (ada, ben, mod):
        await reader.highlighted("pulled down in autumn")
        await expect(reader[".card .notice"]).to_be_hidden()
        await expect(reader[".card .quote"]).to_have_text("pulled down in autumn")
    for reader in (ada, ben):
        await edit(reader, of="q", to="It still stands.")
        await edit(reader, to=OLD)
        await reader.highlighted(PASSAGE)


@pytest.mark.parametrize(("width", "height"), [(844, 390), (390, 700)])
async def test_who_looks_for_another_place_has_the_text(
    visit: Visit, width: int, height: int
) -> None:
    """The card is a strip at the lower edge until the place is found, or nothing is moved."""
    viewport = {"width": width, "height": height}
    ada = await visit("Ada", html=PAGE, viewport=viewport)
    await ada.discuss(PASSAGE, "Really?")
    await ada.page.keyboard.press("Escape")
    await ada.discuss("pulled down in autumn", "Which one?")
    await ada.composer.fill("begun")
    await edit(ada, of="q", to="It still stands.")
    await ada.highlighted(PASSAGE)
    move, keep = (
        ada[".card"].get_by_role("button", name=name)
        for name in ("Select the new place", "Keep it where it is")
    )
    await move.click()
    for part in (".log", ".composer", ".card [data-key=resolve]"):
        await expect(ada[part]).to_be_hidden()
    await expect(ada[".card .notice"]).to_have_text("Select the new place in the text.")
    strip = await ada[".card"].bounding_box()
    assert strip
    assert strip["height"] < 110
    assert strip["y"] > height / 2
    # A word of what is discussed already may be it.
    left, top, *_ = await ada.place(PASSAGE)
    await ada.page.mouse.dblclick(left + 10, top)
    await expect(ada[".prompt .main"]).to_have_text("Move it here")
    await expect(keep).to_be_visible()
    await keep.click()
    await expect(ada.composer).to_have_value("begun")
    await expect(ada[".card [data-key=resolve]"]).to_be_visible()
    card = await ada[".card"].bounding_box()
    assert card
    assert card["y"] >= 0
    assert card["y"] + card["height"] <= height


async def test_who_has_looked_for_another_place_has_the_card_where_it_was(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(PASSAGE, "Really?")
    await edit(ada, to="Nothing of all this has happened, and nobody was there.")
    move, keep = (
        ada[".card .placing"].get_by_role("button", name=name)
        for name in ("Select the new place", "Keep it where it is")
    )
    await expect(move).to_be_visible()
    before = await ada[".card"].bounding_box()
    await move.click()
    await expect(ada[".composer"]).to_be_hidden()
    await keep.click()
    await expect(ada.composer).to_be_visible()
    assert await ada[".card"].bounding_box() == before
    # Or closes it, and begins something new: that is no strip.
    await move.click()
    await ada[".card [data-key=close]"].click()
    await ada.discuss("pulled down in autumn", "Which one?")


@pytest.mark.parametrize(
    ("html", "start", "end", "quote"),
    [
        (
            "<pre><code><span class=no>1</span>open the gate\n<span class=no>2</span>feed the hens"
            "\n<span class=no>3</span>close the gate</code></pre>",
            "open the gate",
            "close the gate",
            "open the gate feed the hens close the gate",
        ),
        (
            "<p>Read the <a href=#>guide<span aria-hidden=true>↗</span><svg width=9 height=9>"
            "<title>External</title><rect width=9 height=9 /></svg></a> before "
            "<span style='display:none'>secret </span>you call.</p>"
            "<div style='display:none'>hidden</div><p>Then wait.</p>",
            "Read the",
            "Then wait",
            "Read the guide before you call. Then wait",
        ),
    ],
    ids=["line numbers", "decorations"],
)
async def test_what_others_do_not_read_is_not_in_a_quote(
    visit: Visit, html: str, start: str, end: str, quote: str
) -> None:
    style = "<style>.no{user-select:none;-webkit-user-select:none}</style>"
    ada = await visit("Ada", html=f"<collab-chat></collab-chat>{style}<main>{html}</main>")
    await ada.js(SPAN, [start, end])
    assert await ada.js("document.querySelector('collab-chat').createFromSelection()")
    await expect(ada[".card .quote"]).to_have_text(quote)
    await ada.composer.fill("So")
    await ada[".card .send"].click()
    await ada.settled()
    await ada.page.reload()
    await ada.live()
    await ada.until("CSS.highlights.get('collabchat-open')?.size", 1)
    selectors = "document.querySelector('collab-chat').threads()[0].anchor.selector[0]"
    found = await ada.js(selectors)
    assert "secret" not in str(found)
    assert "External" not in str(found)
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .badge"]).to_have_count(0)


@pytest.mark.parametrize("by", ["an old editor", "a browser"])
async def test_fonts_within_fonts(visit: Visit, by: str) -> None:
    """Where an application owns the root's classes, a browser is known by them alone."""
    font = f"<font {'face=Arial' if by == 'an old editor' else 'style=vertical-align:inherit'}>"
    text = f"<p>{font}{font}The bees are kept.</font></font></p>"
    ada = await visit("Ada", html=f"<collab-chat></collab-chat><main>{text}</main>")
    await ada.select("bees are kept")
    await expect(ada[".prompt .main"]).to_be_visible(visible=by == "an old editor")
    await expect(ada[".prompt .barred"]).to_be_visible(visible=by == "a browser")


async def test_a_translated_page_says_so(visit: Visit) -> None:
    """Nothing is anchored in words that nobody else sees, and nothing is told to be gone."""
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(PASSAGE, "Typo")
    translated = "<font><font>Die neue Brücke wurde vom Bürgermeister eröffnet.</font></font>"
    await ada.js(
        """html => {
          document.documentElement.classList.add('translated-ltr')
          document.querySelector('#p').innerHTML = html
        }""",
        translated,
    )
    await ada.highlighted()
    await expect(ada[".card .notice"]).to_contain_text("The page is machine-translated")
    await expect(ada[".card .placing"]).to_be_hidden()
    await ada.select("pulled down in autumn")
    await expect(ada[".prompt .barred"]).to_contain_text("machine-translated")
    await expect(ada[".prompt .main"]).to_be_hidden()
    await ada[".bar .discussions"].click()
    await expect(ada[".panel h3"]).to_contain_text("translated text (1)")
