"""Text of web components: of a shadow root that is discussed, and of one that is only in it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import FOG, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPONENT = """() => {
  customElements.define('my-note', class extends HTMLElement {
    connectedCallback() {
      const shadow = this.attachShadow({ mode: 'open' })
      shadow.innerHTML = '<article><p>By noon the fog has gone, and the gulls are here.</p></article><slot></slot>'
    }
  })
}"""  # noqa: E501
PLACE = """() => {
  const text = document.querySelector('my-note').shadowRoot.querySelector('p').firstChild
  const range = document.createRange(), at = text.data.indexOf('the fog has gone')
  range.setStart(text, at)
  range.setEnd(text, at + 16)
  const { left, right, top, height } = range.getBoundingClientRect()
  return [left + 1, top + height / 2, right - 1, top + height / 2]
}"""


async def drag(reader: Reader) -> None:
    found: Any = await reader.js(PLACE)
    left, top, right, bottom = found
    mouse = reader.page.mouse
    await mouse.move(left, top)
    await mouse.down()
    await mouse.move(right, bottom, steps=4)
    await mouse.up()


async def test_a_components_own_text_says_why_not(visit: Visit) -> None:
    ada = await visit(
        "Ada",
        html="<collab-chat root=main></collab-chat><main><p>Before.</p>"
        "<my-note>A slot is the page's.</my-note></main>",
    )
    await ada.js(COMPONENT)
    await drag(ada)
    words = "Text in this part of the page cannot be discussed."
    await expect(ada[".prompt .barred"]).to_have_text(words)
    await expect(ada[".prompt .main"]).to_be_hidden()
    await expect(ada[".face > .hidden[role=status]"]).to_have_text(words)
    await ada.select("A slot is")
    await expect(ada[".prompt .main"]).to_be_visible()
    await expect(ada[".prompt .barred"]).to_be_hidden()


@pytest.mark.parametrize("inside", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_a_shadow_root_that_is_discussed(visit: Visit, inside: bool) -> None:
    """By `mount`, or with the element in it."""
    readers = []
    for name in ("Ada", "Ben"):
        reader = await visit(name, html="<main><my-note></my-note></main>", live=False)
        await reader.js(COMPONENT)
        await reader.js(
            """async inside => {
              const { mount } = await import('/collabchat/widget.js')
              const { shadowRoot } = document.querySelector('my-note')
              if (!inside) return void mount(shadowRoot.querySelector('article'))
              const element = document.createElement('collab-chat')
              element.setAttribute('root', 'article')
              shadowRoot.append(element)
            }""",
            inside,
        )
        await reader.live()
        readers.append(reader)
    ada, ben = readers
    await drag(ada)
    await ada[".prompt .main"].click()
    await ada.highlighted(FOG, kind="draft")
    await ada.composer.fill("Within")
    await ada[".card .send"].click()
    await expect(ada.bodies).to_have_text(["Within"])
    await ben.highlighted(FOG)
    found: Any = await ben.js(PLACE)
    await ben.page.mouse.click(found[0] + 20, found[1])
    await expect(ben.bodies).to_have_text(["Within"])
