"""The widget is as dark as the page, however that writes its colours, and when they change."""

from __future__ import annotations

import pytest

from .conftest import Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
FACE = (
    "document.querySelector('collab-chat').shadowRoot.querySelector('.face')"
    ".classList.contains('dark')"
)
BODY = "<collab-chat></collab-chat><input type=checkbox id=box><main><p>Night watch.</p></main>"
GROUNDS = {
    "background:#111827": True,
    "background:oklch(0.21 0.034 264.665)": True,
    "background:lab(8% 0 -6)": True,
    "background:color-mix(in oklab, black 85%, white)": True,
    "background:color(srgb 0.07 0.09 0.15)": True,
    "background:linear-gradient(#0b1020,oklch(0.3 0.03 260))": True,
    "background:url('data:image/gif;base64,') ;color:#eee": True,
    "background:rgb(0 0 0 / .8)": True,
    "background:rgb(0 0 0 / .2)": False,
    "background:oklch(0.97 0.01 264)": False,
    "background:linear-gradient(#fff,#eee 40%,#ddd)": False,
    "background:#fff;filter:invert(1) hue-rotate(180deg)": True,
    "background:#fff;color:#555": False,
    "background:url('data:image/gif;base64,') ;color:#222": False,
}


async def dark(visit: Visit, css: str, head: str = "", **options: str) -> Reader:
    return await visit("Ada", html=f"{head}<style>{css}</style>{BODY}", **options)


async def test_every_way_to_write_a_colour(visit: Visit) -> None:
    ada = await dark(visit, "")
    for css, expected in GROUNDS.items():
        await ada.js("css => { document.body.style.cssText = css }", css)
        await ada.until(FACE, expected)
        await ada.js("() => { document.body.style.cssText = '' }")
        await ada.until(FACE, False)


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        # What lies behind the text is around none of it: letters that could not be read tell of it.
        ("body{color:#eee}body::before{content:'';position:fixed;inset:0;background:#111}", True),
        # As frameworks set the colours of all outlines.
        ("*{outline-color:#123}", False),
        ("*{outline-color:#eee!important;color-scheme:dark!important}", True),
    ],
)
async def test_what_a_page_says_of_everything(visit: Visit, css: str, expected: bool) -> None:
    ada = await dark(visit, css)
    await ada.until(FACE, expected)


@pytest.mark.parametrize("slotted", [False, True])
async def test_a_ground_around_a_component(visit: Visit, slotted: bool) -> None:
    """The text is in a shadow root, or in a slot of one that has the ground in it."""
    text = "<main><p>Night watch.</p></main><collab-chat root=main></collab-chat>"
    html = (
        "<div><template shadowrootmode=open><div style='background:#111;color:#eee'><slot></slot>"
        f"</div></template>{text}</div>"
        if slotted
        else "<style>body{background:#111;color:#eee}</style>"
        f"<div><template shadowrootmode=open>{text}</template></div>"
    )
    ada = await visit("Ada", html=html)
    face = "(document.querySelector('collab-chat') ?? document.querySelector('div').shadowRoot"
    face += ".querySelector('collab-chat')).shadowRoot.querySelector('.face')"
    await ada.until(f"{face}.classList.contains('dark')")


@pytest.mark.parametrize(
    ("css", "head"),
    [
        ("", "<meta name=color-scheme content='light dark'>"),
        (":root{color-scheme:light dark}", ""),
        ("@media (prefers-color-scheme:dark){body{background:#111}}", ""),
    ],
)
async def test_a_page_that_follows_the_system(visit: Visit, css: str, head: str) -> None:
    ada = await dark(visit, css, head, color_scheme="dark")
    assert await ada.js(FACE)
    await ada.page.emulate_media(color_scheme="light")
    await ada.until(FACE, False)


DARK = "background:#111;color:#eee"
TOGGLES = {
    f"[data-theme=dark] body{{{DARK}}}": "document.documentElement.dataset.theme = 'dark'",
    f"[data-bs-theme=dark] body{{{DARK}}}": "document.documentElement.dataset.bsTheme = 'dark'",
    f"body[data-md-color-scheme=slate]{{{DARK}}}": "document.body.dataset.mdColorScheme = 'slate'",
    f"main.dark{{{DARK}}}": "document.querySelector('main').classList.add('dark')",
    f"html:has(#box:checked) body{{{DARK}}}": "box.click()",
    f"body{{background:#fff;transition:background-color .3s}}.dark body{{{DARK}}}": (
        "document.documentElement.classList.add('dark')"
    ),
    "body{background:#fff}": (
        f"document.head.insertAdjacentHTML('beforeend', '<style>body{{{DARK}}}</style>')"
    ),
    "p{color:blue}": (
        "setTimeout(() => { const sheet = new CSSStyleSheet(); "
        f"sheet.replaceSync('body{{{DARK}}}'); document.adoptedStyleSheets.push(sheet) }})"
    ),
    f"html:has(#box[data-on]) body{{{DARK}}}": "setTimeout(() => { box.dataset.on = '' })",
    f"main.night{{{DARK}}}": (
        "document.querySelector('main').outerHTML = '<main class=night><p>Night watch.</p></main>'"
    ),
    "p{color:red}": (
        "document.body.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', "
        f"href: 'data:text/css,body{{{DARK.replace('#', '%23')}}}'}}))"
    ),
}


@pytest.mark.parametrize("css", TOGGLES)
async def test_a_page_that_turns_dark(visit: Visit, css: str) -> None:
    ada = await dark(visit, css)
    assert not await ada.js(FACE)
    await ada.js(f"() => {{ {TOGGLES[css]} }}")
    await ada.until(FACE)
