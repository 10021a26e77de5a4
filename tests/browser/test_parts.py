"""What is loaded when it is needed comes at last, however often it did not come."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

import pytest

from .conftest import FOG, SELECT, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = """<collab-chat root=main lang=de print></collab-chat>
<main><details open><summary>The morning</summary><p>By noon the fog has gone.</p></details></main>
"""
ELEMENT = "<collab-chat root=main></collab-chat>"
LABEL = "() => shadow().querySelector('.bar').getAttribute('aria-label')"


class Somebody(Protocol):
    """At a tab of whichever browser."""

    async def js(self, function: str, argument: Any = ..., /) -> Any: ...
    async def until(self, function: str, wanted: Any = ..., /) -> Any: ...


async def all_that_came_later(ada: Somebody) -> None:
    """The server gives each part at the third time."""
    await ada.js("() => { window.widget = document.querySelector('collab-chat') }")
    await ada.js("() => { window.shadow = () => widget.shadowRoot }")
    # The language; and what it waits for: card and list, with all that they are made of.
    await ada.until(LABEL, "Diskussionen auf dieser Seite")
    await ada.js(SELECT, FOG)
    field = "!!shadow().querySelector('.card .composer textarea')"
    await ada.until(f"() => {field} || (widget.createFromSelection(), {field})")
    await ada.js(
        """() => {
          const field = shadow().querySelector('.card .composer textarea')
          field.value = '**Which** fog?'
          field.dispatchEvent(new Event('input'))
          shadow().querySelector('.card .send').click()
        }"""
    )
    await ada.until("() => shadow().querySelector('.card .body strong')?.textContent", "Which")
    await ada.until("() => widget.threads().length === 1 && !widget.threads()[0].pending")
    # A passage in what is closed, with the next opening; the search, with the next list.
    await ada.js("() => { document.querySelector('details').open = false }")
    opened = """() => {
      widget.open(widget.threads()[0].id)
      return document.querySelector('details').open
    }"""
    await ada.until(opened)
    await ada.until("() => (widget.open(), !!shadow().querySelector('[data-key=search]'))")
    # By themselves: the notes on paper, what finds passages that were changed, and the marks at
    # the scroll bar.
    await ada.js("() => { document.querySelector('p').textContent = 'By noon the fogs had gone.' }")
    await ada.until("() => !!shadow().querySelector('.notes')")
    await ada.until("() => widget.anchorState(widget.threads()[0].id)", "changed")
    await ada.until("() => !!shadow().querySelector('.markers')")


async def test_every_part_that_did_not_come_at_first_comes_later(visit: Visit) -> None:
    # Nothing of it may lie in the browser's cache.
    ada = await visit("Ada", html="", head="", live=False)
    await ada.js("value => { document.cookie = `falters=${value}; path=/` }", uuid.uuid4().hex)
    ada = await visit("Ada", beside=ada, html=PAGE)
    await all_that_came_later(ada)


async def test_what_asks_again_for_a_part_breaks_off_no_reading_of_the_page(visit: Visit) -> None:
    other = "<p>The ferry leaves at seven, and nobody on the quay believes the timetable.</p>"
    ada = await visit("Ada", html=f"<main><p>{FOG}</p>{other * 8000}</main>{ELEMENT}")
    await ada.discuss(FOG, "Which?")
    await ada.settled()
    await ada.page.route("**/seek.js*", lambda route: route.abort())
    await ada.js(
        """() => {
          const real = setTimeout
          window.setTimeout = (act, pause, ...more) =>
            pause === 2000 ? (window.again = act, 0) : real(act, pause, ...more)
          document.querySelector('p').textContent = 'The fog had gone'
        }"""
    )
    await ada.until("!!window.again")
    await ada.js(
        """text => new Promise(done => {
          document.querySelector('p').textContent = text
          const asks = setInterval(again, 1)
          setTimeout(() => done(clearInterval(asks)), 1500)
        })""",
        FOG,
    )
    await ada.highlighted(FOG)
