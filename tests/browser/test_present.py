"""Who is here, where the host lets it be told: all names can be read, also by a finger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from collabchat_asgi.testing import ServerProcess

from .conftest import DEADLINE, FOG, Visit, serve
from .test_accessible import AXE, clean

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "<collab-chat></collab-chat><main><p>By noon the fog has gone.</p></main>"
LONG = "Maximiliane-Friederike-von-und-zu-Hohenlohe-Schillingsfuerst-Waldenburg"


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(tmp_path_factory.mktemp("storage"), PEOPLE_LISTED="9") as server:
        yield server


async def test_the_list_names_who_is_here(visit: Visit, telling: ServerProcess) -> None:
    phone = {"width": 360, "height": 700}
    ada = await visit("Ada", server=telling, html=PAGE, viewport=phone, has_touch=True)
    await ada[".bar .discussions"].tap()
    await expect(ada[".finding"]).to_have_count(1)
    await expect(ada[".present"]).to_be_hidden()
    others = [await visit(name, server=telling) for name in ("Pictured", LONG, "Ben")]
    button = ada.page.get_by_role("button", name="4 people here")
    await expect(button.locator(".avatar")).to_have_text(["A", "B", "M", "P"])
    await expect(button.locator("img")).to_have_count(1)
    await expect(ada[".names"]).to_be_hidden()
    await button.tap()
    names = ada[".names li"]
    await expect(names).to_have_text(["AAda", "BBen", f"M{LONG}", "PPictured"])
    rows = await ada.js("""() => {
      const { shadowRoot } = document.querySelector('collab-chat')
      const { left, right } = shadowRoot.querySelector('.names').getBoundingClientRect()
      return [...shadowRoot.querySelectorAll('.names bdi')].every(each => {
        const box = each.getBoundingClientRect()
        return box.left > left && box.right < right && box.height < 30
      })
    }""")
    assert rows
    await ada.js(AXE)
    await clean(ada, "who is here")
    others += [await visit(name, server=telling) for name in ("Carl", "Dora")]
    await expect(ada[".present"]).to_contain_text("+2")
    await expect(names).to_have_count(6)
    await ada[".present"].focus()
    for other in others:
        await other.page.context.close()
    # Who has gone counts for some seconds yet.
    await expect(ada[".present"]).to_be_hidden(timeout=DEADLINE * 1000)
    await expect(ada[".names"]).to_be_hidden()
    # Who had the focus there reads on in the list.
    await expect(ada[".panel"]).to_be_focused()


async def test_nobody_is_named_where_it_is_not_told(visit: Visit) -> None:
    ada, _ben = await visit("Ada"), await visit("Ben")
    await ada.discuss(FOG, "Both here")
    await ada[".bar .discussions"].click()
    await expect(ada[".finding input"]).to_be_visible()
    await expect(ada[".bar .people"]).to_have_text("2")
    await expect(ada[".present"]).to_be_hidden()
