"""What is heard at each step of the first scene, as static/README.md writes it down."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import ROOT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "<collab-chat root=main></collab-chat><main><h1>Harbour</h1><p>By noon the fog has gone.</p>"
WORDS = "fog has gone"
# Set by the keyboard's selection, not by a pointer.
SELECT = """() => {
  const text = document.querySelector('main p').firstChild
  document.getSelection().setBaseAndExtent(text, 12, text, 24)
}"""
SECTION = (
    (ROOT / "collabchat_asgi/static/README.md")
    .read_text()
    .split("\n## For those who hear the page\n")[1]
    .split("\n## ")[0]
)
WRITTEN_DOWN = [
    *("Discussions on this page", "2 people here", "1 discussion, 1 new comment"),
    "Text selected. Press Alt Shift M to discuss it.",
    *("New discussion", "Say something about this…", "Reply…", "Ben: The one of Tuesday."),
    *("A message was not sent", "Not sent", "Discard", "Try again"),
]


async def tree(reader: Reader) -> list[str]:
    """What assistive technology is given: role and name, and what is open or has the focus."""
    session = await reader.page.context.new_cdp_session(reader.page)
    found: Any = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    lines = []
    for node in found["nodes"]:
        if node.get("ignored"):
            continue
        states = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        shown = [name for name in ("expanded", "focused") if states.get(name) in (True, "true")]
        name = node.get("name", {}).get("value", "")
        lines.append(" ".join([node["role"]["value"], f'"{name}"', *shown]))
    return lines


async def heard(reader: Reader, *wanted: str) -> list[str]:
    """Once all of it is in the tree."""
    for _ in range(100):
        found = await tree(reader)
        if all(any(line.startswith(each) for line in found) for each in wanted):
            return found
        await reader.js("new Promise(done => requestAnimationFrame(done))")
    missing = [each for each in wanted if not any(line.startswith(each) for line in found)]
    raise AssertionError(f"{missing} not in {found}")


async def said(reader: Reader, words: str) -> None:
    """By the one live region."""
    await expect(reader[".face > .hidden[role=status]"]).to_have_text(words)


async def test_the_first_scene_is_heard(visit: Visit) -> None:
    ada, ben = await visit("Ada", html=PAGE), await visit("Ben", html=PAGE)
    await heard(ada, 'region "Discussions"', 'group "Discussions on this page"')
    await heard(ada, 'image "2 people here"', 'button "0 discussions"')
    assert not [line for line in await tree(ada) if line.startswith("dialog")]

    await ada.js(SELECT)
    await said(ada, "Text selected. Press Alt Shift M to discuss it.")
    await heard(ada, 'toolbar "Discuss this text"', 'button "Discuss this text"', 'button "Copy"')

    await ada.page.keyboard.press("Alt+Shift+KeyM")
    await heard(ada, 'dialog "New discussion"', 'heading "New discussion"')
    await heard(ada, 'textbox "Say something about this…" focused', 'button "Send"')
    described = ada[".card[aria-describedby=quote]"]
    await expect(described.locator("#quote")).to_have_text(WORDS)

    await ada.page.keyboard.type("Which fog?")
    await ada.page.keyboard.press("Enter")
    await heard(ada, 'dialog "Discussion"', 'log "Messages"', 'article "Ada"')
    await heard(ada, 'textbox "Reply…" focused')
    await ada.settled()

    await heard(ben, 'button "1 discussion, 1 new comment"')
    await ben.page.keyboard.press("Alt+Shift+KeyM")
    await heard(ben, 'dialog "Discussions"', 'button "1 discussion, 1 new comment" expanded')
    await heard(ben, f'button "{WORDS} Which fog? Ada')
    await ben.page.keyboard.press("Escape")
    await heard(ben, 'button "1 discussion, 1 new comment" focused')
    await ben.page.keyboard.press("Alt+Shift+KeyJ")
    await heard(ben, 'dialog "Discussion" focused')
    await ben.composer.fill("The one of Tuesday.")
    await ben.composer.press("Enter")
    await said(ada, "Ben: The one of Tuesday.")
    await heard(ada, 'article "Ben"')

    await ben.settled()
    await ben.composer.fill("a swearword")
    await ben.composer.press("Enter")
    await expect(ben[".failed"]).to_be_visible()
    await said(ben, "A message was not sent")
    await heard(ben, 'group "Not sent"', 'button "Discard"', 'button "Try again"')

    for words in WRITTEN_DOWN:
        assert words in SECTION, words


async def test_messages_that_are_only_old_are_no_news(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(WORDS, "Message 1")
    for n in range(2, 9):
        await ada.reply(f"Message {n}")
    await ada.settled()
    ben = await visit("Ben", html=PAGE)
    await ben.open(WORDS)
    await ben[".older"].click()
    await expect(ben.bodies).to_have_text([f"Message {n}" for n in range(1, 9)])
    await said(ben, "")
    await ada.reply("Message 9")
    await said(ben, "Ada: Message 9")


async def test_what_was_written_before_ones_own_was_committed_is_news(visit: Visit) -> None:
    ada = await visit("Ada", html=PAGE)
    await ada.discuss(WORDS, "Message 1")
    ben = await visit("Ben", html=PAGE)
    await ben.open(WORDS)
    await ben.page.context.set_offline(True)
    await ben.reply("Message 3")
    await ada.reply("Message 2")
    await ada.settled()
    await ben.page.context.set_offline(False)
    await said(ben, "Ada: Message 2")
    await ben.settled()
    await expect(ben.bodies).to_have_text([f"Message {n}" for n in range(1, 4)])
