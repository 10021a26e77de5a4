"""The bar looks for a corner where nothing of the page's own is to be pressed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import HEAD, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINES = "<p>The ferry leaves at seven, and nobody believes the timetable.</p>" * 60
STORY = f"<main>{LINES}</main>"
TAG = "<collab-chat></collab-chat>"
AT = """() => {
  const bar = document.querySelector('collab-chat').shadowRoot.querySelector('.bar')
  const { left, top, right, bottom } = bar.getBoundingClientRect()
  if (getComputedStyle(bar).visibility !== 'visible') return 'nowhere'
  return (top < innerHeight - bottom ? 'top' : 'bottom')
    + (left < innerWidth - right ? '-left' : '-right')
}"""
BELOW = """(() => {
  const { shadowRoot } = document.querySelector('collab-chat')
  const rect = css => shadowRoot.querySelector(css).getBoundingClientRect()
  const bar = rect('.bar'), panel = rect('.panel')
  return panel.top >= bar.bottom && Math.abs(panel.right - bar.right) < 2
})()"""


def fixed(where: str, what: str = "<button>Search</button>") -> str:
    return f"<div style='position:fixed;{where}'>{what}</div>"


def header(position: str, what: str = "<button>Search</button>") -> str:
    style = f"position:{position};top:0;height:56px;display:flex;justify-content:space-between"
    return f"<header style='{style}'><b>Harbour</b><nav>{what}</nav></header>"


TOP = fixed("top:10px;right:10px")
BOTTOM = fixed("bottom:10px;right:10px", "<a href='#help'>Help</a>")
LEFT = fixed("bottom:10px;left:10px", "<select><option>en</select>")
LAST = fixed("top:10px;left:10px", "<label><input type=checkbox> Menu</label>")
COMPONENT = """<script>
  customElements.define('site-header', class extends HTMLElement {
    connectedCallback() {
      this.attachShadow({ mode: 'open' }).innerHTML =
        '<div style="position:fixed;top:10px;right:10px"><button>Search</button></div>'
    }
  })
</script><site-header></site-header>"""
APP = """<style>html,body{height:100%}body{display:grid;grid-template-rows:auto 1fr}
  section{overflow:auto}</style>
  <header style='display:flex;justify-content:end;height:56px'><button>Search</button></header>"""
PAGES: dict[str, tuple[str, str]] = {
    "nothing": (STORY, "top-right"),
    "words": (fixed("top:10px;right:10px", "Harbour"), "top-right"),
    "header that stays": (header("sticky") + STORY, "bottom-right"),
    "header that scrolls away": (header("static") + STORY, "bottom-right"),
    "header of a component": (COMPONENT + STORY, "bottom-right"),
    "app": (APP + f"<section>{STORY}</section>", "bottom-right"),
    "two": (TOP + BOTTOM + STORY, "bottom-left"),
    "three": (TOP + BOTTOM + LEFT + STORY, "top-left"),
    "all": (TOP + BOTTOM + LEFT + LAST + STORY, "top-right"),
    "another's bubble": (TOP + fixed("bottom:0;right:0", "<iframe></iframe>"), "bottom-left"),
    "links in the text": (
        f"{TOP}<div style='text-align:right'>{'<p><a href=/>A link</a></p>' * 60}</div>{STORY}",
        "bottom-right",
    ),
    "a foot": (
        f"{TOP}{STORY}<footer style='text-align:right'><p><a href=/>Next</a></p></footer>",
        "bottom-left",
    ),
    "what cannot be seen": (
        fixed("top:10px;right:10px", "<button style='visibility:hidden'>Search</button>"),
        "top-right",
    ),
    "a page that has the focus": (f"<div tabindex=0>{STORY}</div>", "top-right"),
}


async def at(reader: Reader, corner: str) -> None:
    await reader.until(f"({AT})()", corner)


@pytest.mark.parametrize("page", PAGES)
async def test_the_first_corner_that_is_free(visit: Visit, page: str) -> None:
    html, corner = PAGES[page]
    ada = await visit("Ada", html=html + TAG)
    await at(ada, corner)


async def test_from_right_to_left_it_looks_the_other_way_round(visit: Visit) -> None:
    head = HEAD.replace("lang=en", "lang=ar dir=rtl")
    ada = await visit("Ada", head=head, html=STORY + TAG)
    await at(ada, "top-left")
    ben = await visit("Ben", beside=ada, head=head, html=fixed("top:10px;left:10px") + STORY + TAG)
    await at(ben, "bottom-left")


@pytest.mark.parametrize(
    ("html", "corner"),
    [(STORY, "bottom-right"), (BOTTOM + STORY, "bottom-left"), (BOTTOM + LEFT, "top-right")],
)
async def test_a_phone_begins_at_the_bottom(visit: Visit, html: str, corner: str) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "is_mobile": True}
    ada = await visit("Ada", **phone, html=html + TAG)
    await at(ada, corner)


async def test_the_attribute_wins(visit: Visit) -> None:
    ada = await visit("Ada", html=TOP + STORY + "<collab-chat bar=top-right></collab-chat>")
    await at(ada, "top-right")
    await ada.js("() => document.querySelector('collab-chat').removeAttribute('bar')")
    await at(ada, "bottom-right")
    await ada.js("() => document.querySelector('collab-chat').setAttribute('bar', 'bottom-right')")
    await ada.page.set_viewport_size({"width": 600, "height": 700})
    await at(ada, "bottom-right")
    await ada.js("() => document.querySelector('collab-chat').setAttribute('bar', 'top-left')")
    await at(ada, "top-left")


async def test_another_window_is_another_page(visit: Visit) -> None:
    menu = (
        "<style>.m{position:fixed;bottom:10px;right:10px}"
        "@media(min-width:640px){.m{top:10px;bottom:auto}}</style>"
    )
    ada = await visit("Ada", html=menu + "<div class=m><button>Menu</button></div>" + STORY + TAG)
    await at(ada, "bottom-right")
    await ada.page.set_viewport_size({"width": 390, "height": 700})
    await at(ada, "bottom-left")
    # Not under a list that stands beside it.
    await ada[".bar .discussions"].click()
    await ada.page.set_viewport_size({"width": 1200, "height": 760})
    await expect(ada[".panel"]).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await at(ada, "bottom-right")


async def test_another_view_of_an_application_too(visit: Visit) -> None:
    ada = await visit("Ada", html=STORY + TAG)
    await at(ada, "top-right")
    await ada.js(
        """html => {
          history.pushState({}, '', location.pathname + '/more')
          setTimeout(() => document.body.insertAdjacentHTML('afterbegin', html), 30)
        }""",
        TOP,
    )
    await at(ada, "bottom-right")


async def test_scrolling_moves_it_nowhere(visit: Visit) -> None:
    links = "<div style='text-align:right'>" + "<p><a href=/>A link</a></p>" * 60 + "</div>"
    ada = await visit("Ada", html=STORY + links + STORY + TAG)
    await at(ada, "top-right")
    await ada.js("() => document.querySelector('div').scrollIntoView()")
    await ada.until("new Promise(requestAnimationFrame).then(() => scrollY > 0)")
    await at(ada, "top-right")


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "is_mobile": True}


@pytest.mark.parametrize(
    ("html", "act"),
    [
        ("", "document.body.append(document.querySelector('template').content.cloneNode(true))"),
        (
            "<style>body:not(.down) .up{display:none}</style><script>addEventListener('scroll', "
            "() => document.body.classList.toggle('down', scrollY > 200))</script>"
            + fixed("bottom:10px;right:10px", "<button class=up>Up</button>"),
            "scrollTo(0, 600)",
        ),
        (
            "<style>.chat{position:fixed;right:10px;bottom:-90px;transition:bottom .1s}</style>"
            "<button class=chat onclick='1'>Chat</button>",
            "setTimeout(() => { document.querySelector('.chat').style.bottom = '8px' })",
        ),
    ],
    ids=["a banner", "back to the top", "what slides in"],
)
async def test_what_comes_under_it_later_and_stays(visit: Visit, html: str, act: str) -> None:
    template = f"<template>{BOTTOM}</template>"
    ada = await visit("Ada", **PHONE, html=template + html + STORY + TAG)
    await at(ada, "bottom-right")
    await ada.js(f"() => {{ {act} }}")
    await at(ada, "bottom-left")
    # And no way back: it would go to and fro.
    await ada.js("() => scrollTo(0, 0)")
    await ada.until("new Promise(requestAnimationFrame).then(() => scrollY)", 0)
    await at(ada, "bottom-left")


# What is there when the page stands at last is no newcomer. Each decision puts the bar into all
# corners, and with a later frame into one.
DECIDED = """() => new Promise(resolve => {
  const bar = document.querySelector('collab-chat').shadowRoot.querySelector('.bar')
  let times = 0
  const puts = new MutationObserver(() => {
    if (++times < 2) return
    puts.disconnect()
    resolve()
  })
  puts.observe(bar, { attributeFilter: ['data-at'] })
  dispatchEvent(new Event('resize'))
})"""


TOAST = "html => document.querySelector('#toasts').insertAdjacentHTML('afterbegin', html)"
NO_TOAST = "() => document.querySelector('#toasts').replaceChildren()"


async def test_it_comes_back_when_what_it_made_way_for_has_gone(visit: Visit) -> None:
    """A toast that stays for some seconds; where the next one comes, there are more of them."""
    ada = await visit("Ada", html=STORY + "<div><div id=toasts></div></div>" + TAG)
    await at(ada, "top-right")
    await ada.js(DECIDED)
    # Nobody tells of what comes there by itself.
    await ada.js(TOAST, TOP)
    await ada.js("() => scrollTo(0, 600)")
    await at(ada, "bottom-right")
    await ada.js("() => scrollTo(0, 900)")
    await ada.js(NO_TOAST)
    await at(ada, "top-right")
    await ada.js(TOAST, TOP)
    await ada.js("() => scrollTo(0, 600)")
    await at(ada, "bottom-right")
    await ada.js(NO_TOAST)
    await ada.js("() => scrollTo(0, 900)")
    await ada.js("new Promise(done => setTimeout(done, 1600))")
    await at(ada, "bottom-right")
    # Another page of the application is looked at anew.
    await ada.js("() => history.pushState(null, '', '/p/another')")
    await at(ada, "top-right")


async def test_it_comes_back_when_a_banner_is_closed(visit: Visit) -> None:
    """That stays in the page, unseen; not while the list is open beside it."""
    banner = TOP.replace("<div", "<div id=banner hidden onclick='hidden = true'")
    ada = await visit("Ada", html=banner + STORY + TAG)
    await at(ada, "top-right")
    await ada.js(DECIDED)
    await ada.js("() => { document.querySelector('#banner').hidden = false; scrollTo(0, 300) }")
    await at(ada, "bottom-right")
    await ada[".bar .discussions"].click()
    await ada.page.locator("#banner button").click()
    await ada.js("new Promise(done => setTimeout(done, 1600))")
    await at(ada, "bottom-right")
    await ada.page.keyboard.press("Escape")
    await ada.page.mouse.click(300, 400)
    await at(ada, "top-right")


async def test_it_does_not_go_away_under_a_pointer(visit: Visit) -> None:
    ada = await visit("Ada", html=STORY + TAG)
    await at(ada, "top-right")
    await ada[".bar .people"].hover()
    await ada.js("html => document.body.insertAdjacentHTML('afterbegin', html)", TOP)
    # By then it was looked at twice.
    await ada.js("new Promise(done => setTimeout(done, 1600))")
    await at(ada, "top-right")
    await ada.page.mouse.move(300, 400)
    await at(ada, "bottom-right")


@pytest.mark.parametrize("by", ["pointer", "focus"])
async def test_nor_from_who_comes_to_it_meanwhile(visit: Visit, by: str) -> None:
    """On a page that is never at rest it takes a second more until it goes."""
    ada = await visit("Ada", html=STORY + TAG)
    clock = ada.page.clock
    await clock.install()
    await ada.page.reload()
    await ada.live()
    await at(ada, "top-right")
    await clock.pause_at(await ada.js("Date.now() + 10_000"))
    await ada.js(
        """html => {
          document.body.insertAdjacentHTML('afterbegin', html)
          setInterval(() => document.querySelector('main').append(' '), 20)
        }""",
        TOP,
    )
    # By now it was looked at twice.
    await clock.run_for(1800)
    await at(ada, "top-right")
    if by == "pointer":
        await ada[".bar .people"].hover()
    else:
        await ada[".bar .discussions"].focus()
    await clock.run_for(2000)
    await at(ada, "top-right")
    if by == "pointer":
        await ada.page.mouse.move(300, 400)
    else:
        await ada[".bar .discussions"].blur()
    await clock.run_for(4000)
    await at(ada, "bottom-right")


async def test_a_look_that_is_cut_short_stops_no_timer_of_the_page(visit: Visit) -> None:
    """Between two pieces of it."""
    timers = """<script>
      setTimeout(() => {})
      const known = new Set([0, undefined]), set = setTimeout, clear = clearTimeout
      window.looks = []
      window.cleared = []
      window.requestIdleCallback = act => looks.push(act)
      window.setTimeout = (...all) => (known.add(set(...all)), [...known].at(-1))
      window.clearTimeout = id => { known.has(id) || cleared.push(id); clear(id) }
    </script>"""
    ada = await visit("Ada", html=timers + STORY + TAG)
    await at(ada, "top-right")
    await ada.js("() => { looks.length = 0; document.body.append(document.createElement('i')) }")
    await ada.until("looks.length", 1)
    await ada.js(
        """() => {
          let now = performance.now()
          performance.now = () => now += 5
          looks.shift()()
        }"""
    )
    assert await ada.js("looks.length") == 1
    await ada.js("() => document.querySelector('collab-chat').remove()")
    await ada.until("document.querySelector('collab-chat') === null")
    assert await ada.js("cleared.filter(id => id > 0)") == []


async def test_a_card_that_is_open_goes_out_of_its_way(visit: Visit) -> None:
    story = "<main>" + "<p>The ferry leaves at seven.</p>" * 5 + "<p>The last page.</p></main>"
    ada = await visit("Ada", html=story + TAG, viewport={"width": 1000, "height": 480})
    await at(ada, "top-right")
    await ada.discuss("last page", "Torn out")
    await ada.page.mouse.move(5, 5)
    await ada.js("html => document.body.insertAdjacentHTML('afterbegin', html)", TOP)
    await at(ada, "bottom-right")
    await ada.until(
        """(() => {
          const { shadowRoot } = document.querySelector('collab-chat')
          const box = css => shadowRoot.querySelector(css).getBoundingClientRect()
          const bar = box('.bar'), card = box('.card')
          return card.right > bar.left && card.bottom < bar.top
        })()"""
    )


async def test_it_is_seen_at_one_place_only(visit: Visit) -> None:
    """Of an application that draws its header after the widget is there."""
    header = TOP.replace("'", "")
    late = f"""<script>
      const draw = () => document.body.insertAdjacentHTML('afterbegin', "{header}")
      window.seen = new Set()
      const look = () => {{
        requestAnimationFrame(look)
        const bar = document.querySelector('collab-chat').shadowRoot?.querySelector('.bar')
        if (bar && getComputedStyle(bar).visibility === 'visible') {{
          const {{ top }} = bar.getBoundingClientRect()
          seen.add(top < innerHeight / 2 ? 'top' : 'bottom')
        }}
      }}
      const wait = setInterval(() => {{
        if (!document.querySelector('collab-chat').shadowRoot?.querySelector('.card')) return
        clearInterval(wait)
        setTimeout(draw, 60)
      }}, 5)
      look()
    </script>"""
    ada = await visit("Ada", html=STORY + TAG + late)
    await at(ada, "bottom-right")
    # The frame in which it is seen first may be yet to come.
    await ada.until("[...seen].join()", "bottom")


async def test_it_is_seen_where_the_rest_of_the_widget_is_out_of_reach(visit: Visit) -> None:
    ada = await visit("Ada", html=STORY + TAG)
    await ada.page.route("**/talk.js*", lambda route: route.abort())
    await ada.page.reload()
    await ada.live()
    await at(ada, "top-right")


async def test_what_did_not_come_at_first_comes_later(visit: Visit) -> None:
    """Until then the bar is seen, whatever the page says of it; then it finds its corner, and
    who selects something is offered to discuss it."""
    ada = await visit("Ada", html=TOP + STORY + TAG)
    await ada.page.route("**/talk.js*", lambda route: route.abort())
    await ada.page.reload()
    await ada.live()
    for corner in ("bottom-left", "top-left"):
        set_it = "corner => document.querySelector('collab-chat').setAttribute('bar', corner)"
        await ada.js(set_it, corner)
        await at(ada, corner)
    await ada.js("() => document.querySelector('collab-chat').removeAttribute('bar')")
    await at(ada, "top-right")
    await ada.page.unroute("**/talk.js*")
    await at(ada, "bottom-right")
    await ada.select("The ferry leaves")
    await expect(ada[".prompt .main"]).to_be_visible()


async def test_who_asks_for_what_did_not_come_again_and_again_waits_no_longer_for_it(
    visit: Visit,
) -> None:
    ada = await visit("Ada", html=TOP + STORY + TAG)
    await ada.page.route("**/talk.js*", lambda route: route.abort())
    await ada.page.reload()
    await ada.live()
    await ada.js("() => { window.failed = 0 }")
    await ada.js("() => addEventListener('collabchat:error', () => { window.failed++ })")
    for times in range(1, 7):
        await ada[".bar .discussions"].click()
        await ada.until("window.failed", times)
    await ada.page.unroute("**/talk.js*")
    await at(ada, "bottom-right")


async def test_a_list_that_is_opened_before_the_bar_has_its_corner_stands_beside_it(
    visit: Visit,
) -> None:
    opens = "<script>document.addEventListener('collabchat:ready', event => event.target.open())"
    ada = await visit("Ada", html=TAG + opens + "</script>" + STORY)
    await expect(ada[".panel"]).to_be_visible()
    await ada.until(f"({AT})()", "top-right")
    await ada.until(BELOW)
    await ada.page.keyboard.press("Escape")
    await expect(ada[".bar .discussions"]).to_be_focused()
