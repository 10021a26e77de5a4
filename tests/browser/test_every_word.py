"""Nothing that is seen or heard is said beside the catalogues: a language of our own shows it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import FOG, ROOT, Reader, Visit

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
