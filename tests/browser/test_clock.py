"""Ages are told by the server's clock: a device's own may be hours off."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import FOG, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")
SKEW = """const real = Date
globalThis.Date = class extends real {
  constructor(...given) { given.length ? super(...given) : super(real.now() + BY) }
  static now() { return real.now() + BY }
}"""


@pytest.mark.parametrize("hours", [-3, 26])
async def test_a_wrong_clock_makes_nothing_older(visit: Visit, hours: int) -> None:
    ada = await visit("Ada", live=False)
    await ada.page.context.add_init_script(SKEW.replace("BY", str(hours * 3_600_000)))
    await ada.page.reload()
    await ada.live()
    await ada.discuss(FOG, "Now")
    await ada.settled()
    await expect(ada[".card time"]).to_have_text("just now")
    await ada[".bar .discussions"].click()
    await expect(ada[".panel .item .meta"]).to_contain_text("just now")
