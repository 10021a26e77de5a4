"""Nothing that is seen or heard is said beside the catalogues: a language of our own shows it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import FOG, ROOT, SELECT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = (
    "<collab-chat root=main></collab-chat><main><p>By noon the fog has gone.</p>"
    "<p>The harbour master writes everything down twice.</p></main>"
)

# All that is said: texts and what stands for them, but nothing that a person wrote.
HEARD = r"""() => {
  const heard = [], face = document.querySelector('collab-chat').shadowRoot.firstElementChild
  const theirs = '.body, bdi, .avatar, .passage, textarea, .quote:not(.whole), ' +
    'option[value]:not([value=""])'
  const walker = document.createTreeWalker(face, 5)
  for (let node = face; node; node = walker.nextNode()) {
    if (node instanceof Text) {
      if (!node.parentElement.closest(theirs)) heard.push(node.data)
      continue
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
      // A name, and the moments, which are of Intl.
      if (node.matches('.message, .byline *, .markers *')) continue
      if (node.hasAttribute(name)) heard.push(node.getAttribute(name))
    }
  }
  return heard
}"""


@pytest.fixture(scope="module")
def said() -> list[str]:
    script = (ROOT / "tests/client/texts.js").as_uri()
    code = f"import('{script}').then(({{ said }}) => console.log(JSON.stringify([...said.keys()])))"
    done = subprocess.run(["node", "--eval", code], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def foreign(heard: list[str]) -> list[str]:
    """Letters that stand outside of our brackets."""
    found = []
    for text in heard:
        depth, outside = 0, ""
        for letter in text:
            depth += {"⟦": 1, "⟧": -1}.get(letter, 0)
            outside += "" if depth else letter
        # Emoji, numbers and dates are of no catalogue; the shortcut's keys have their names.
        outside = outside.replace("Alt+Shift+M", "")
        if any(letter.isalpha() for letter in outside):
            found.append(text)
    return found


async def pseudo(ada: Reader, said: list[str]) -> None:
    words = {text: f"⟦{text}⟧" for text in said}
    await ada.js("words => { document.querySelector('collab-chat').words = words }", words)
    await ada.live()


async def heard(reader: Reader) -> list[str]:
    found: Any = await reader.js(HEARD)
    return list(found)


async def test_every_word_is_of_the_catalogue(visit: Visit, said: list[str]) -> None:
    ada = await visit("Ada", html=PAGE)
    await pseudo(ada, said)
    seen = await heard(ada)
    await ada.select(FOG)
    await expect(ada[".prompt .main"]).to_be_visible()
    seen += await heard(ada)
    await ada[".prompt .main"].click()
    seen += await heard(ada)
    await ada.composer.fill("One")
    await ada[".card .send"].click()
    await expect(ada.bodies.last).to_have_text("One")
    await ada.settled()
    seen += await heard(ada)
    await ada.composer.fill("a swearword")
    await ada.composer.press("Enter")
    await expect(ada[".failed"]).to_be_visible()
    seen += await heard(ada)
    for key in ("react", "edit", "delete"):
        await ada[".message"].first.hover()
        await ada[f".message [data-key={key}]"].first.click()
        seen += await heard(ada)
        await ada.page.keyboard.press("Escape")
    await ada[".head [data-key=resolve]"].click()
    await expect(ada[".head h2"].first).to_contain_text("Ada")
    seen += await heard(ada)
    await ada[".bar .discussions"].click()
    seen += await heard(ada)
    await ada[".panel [data-key=resolved]"].click()
    seen += await heard(ada)
    assert len(set(seen)) > 40
    # A host's refusal is in its own words.
    assert foreign([text for text in seen if text != "Mind your language."]) == []


@pytest.mark.parametrize("lang", ["ar", "he"])
async def test_from_right_to_left(visit: Visit, lang: str, tmp_path: Path) -> None:
    """Words, sides and arrows: the bar at the left, the card left of the text."""
    ada = await visit("Ada", html=PAGE)
    await ada.js("lang => Object.assign(document.documentElement, { lang, dir: 'rtl' })", lang)
    await expect(ada[".face"]).to_have_attribute("dir", "rtl")
    await ada.discuss(FOG, "שלום")
    await ada.settled()
    await ada.page.screenshot(path=tmp_path / "card.png")
    bar = await ada[".bar"].bounding_box()
    card = await ada[".card"].bounding_box()
    text = await ada.page.locator("main").bounding_box()
    assert bar
    assert card
    assert text
    assert bar["x"] < 40
    assert card["x"] + card["width"] <= text["x"]
    direction = "document.querySelector('collab-chat').shadowRoot.querySelector('textarea')"
    assert await ada.js(f"getComputedStyle({direction}).direction") == "rtl", "the placeholder's"
    avatar = await ada[".message .avatar"].first.bounding_box()
    body = await ada.bodies.first.bounding_box()
    assert avatar
    assert body
    assert avatar["x"] > body["x"]
    await ada[".bar .discussions"].click()
    panel = await ada[".panel"].bounding_box()
    assert panel
    assert panel["x"] < 40
    await ada.page.screenshot(path=tmp_path / "panel.png")


INNER = """([selector, side]) => {
  const { shadowRoot } = document.querySelector('collab-chat')
  return parseFloat(getComputedStyle(shadowRoot.querySelector(selector))['padding-' + side])
}"""


async def test_words_keep_away_from_the_line_that_they_stand_beside(visit: Visit) -> None:
    """Of the quote, and of the field: from whichever side they go."""
    text = "<main><p>The ferry leaves at seven.</p><p>הספינה יוצאת בשבע בבוקר.</p></main>"
    ada = await visit("Ada", html=f"{text}<collab-chat root=main lang=he></collab-chat>")
    for words, side in [("הספינה", "right"), ("The ferry", "left")]:
        await ada.js(SELECT, words)
        await ada.page.keyboard.press("Alt+Shift+M")
        assert await ada.js(INNER, [".quote", side]) >= 8
        for written, begins in [("", "right"), (words, side)]:
            await ada.composer.fill(written)
            assert await ada.js(INNER, [".card textarea", begins]) >= 8
        await ada.composer.fill("")
        await ada.page.keyboard.press("Escape")


# What of the parts between the dots stands in more than one line.
TORN = """() => {
  const { shadowRoot } = document.querySelector('collab-chat')
  return [...shadowRoot.querySelectorAll('.panel .item .meta')].flatMap(meta => {
    const walker = document.createTreeWalker(meta, NodeFilter.SHOW_TEXT), parts = [[]]
    for (let node; (node = walker.nextNode());) {
      for (let at = 0; at < node.length; at++) {
        if (node.data[at] === '·') parts.push([])
        else if (node.data[at].trim()) parts.at(-1).push([node, at])
      }
    }
    return parts.filter(letters => {
      const range = document.createRange(), lines = new Set()
      for (const [node, at] of letters) {
        range.setStart(node, at)
        range.setEnd(node, at + 1)
        lines.add(Math.round(range.getBoundingClientRect().bottom / 8))
      }
      return lines.size > 1
    }).map(letters => letters.map(([node, at]) => node.data[at]).join(''))
  })
}"""
SAY = """async ([count, said]) => {
  const { CollabClient } = await import('/collabchat/client.js')
  const element = document.querySelector('collab-chat'), [{ id }] = element.threads()
  const page = CollabClient.shared().page(element.urlId)
  await Promise.all(Array.from({ length: count }, () => page.addComment(id, said).settled))
  page.close()
}"""


@pytest.mark.parametrize("lang", ["de", "ru", "ar"])
async def test_what_is_told_of_a_discussion_is_not_torn(visit: Visit, lang: str) -> None:
    """In the list of a phone: a line ends between two of the things that are told."""
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(FOG, "Really?")
    ben = await visit("Ben", viewport={"width": 360, "height": 740})
    await ben.threads(1)
    other = await visit("Friedrich-Wilhelm-von-Hohenstaufen")
    await other.threads(1)
    await other.js(SAY, [13, "Yes"])
    await ben.js("lang => { document.documentElement.lang = lang }", lang)
    await ben.until("document.querySelector('collab-chat').threads()[0]?.commentCount", 14)
    await ben[".bar .discussions"].click()
    await expect(ben[".panel .item .meta"]).to_contain_text("13")
    assert await ben.js(TORN) == []
    meta = await ben[".panel .item .meta"].bounding_box()
    assert meta
    assert meta["x"] + meta["width"] <= 360


async def test_what_has_no_letters_goes_as_all_around_it(visit: Visit) -> None:
    """A thumb stands beside its avatar, from whatever side a page is read."""
    ada = await visit("Ada", html=PAGE)
    await ada.js("Object.assign(document.documentElement, { lang: 'he', dir: 'rtl' })")
    await expect(ada[".face"]).to_have_attribute("dir", "rtl")
    await ada.discuss(FOG, "\U0001f44d 12:30")
    way = "getComputedStyle(document.querySelector('collab-chat').shadowRoot.querySelector('{}'))"
    assert await ada.js(f"{way}.direction".replace("{}", ".log .body")) == "rtl"
    await ada.reply("Good")
    assert await ada.js(f"{way}.direction".replace("{}", ".message:nth-child(2) .body")) == "ltr"
    await ada.js(SAY, [1, "\U0001f44d"])
    await ada[".bar .discussions"].click()
    assert await ada.js(f"{way}.direction".replace("{}", ".panel .item .body")) == "rtl"
