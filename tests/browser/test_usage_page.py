"""The usage page: plots of a month, today as it grows, and what a spreadsheet gets."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from collabchat_asgi.testing import HttpClient, ServerProcess
from collabchat_asgi.testing.operations import create_chat

from .conftest import ROOT, WATCH
from .usage_app import DAYS, month

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('usage')}/collabchat.db"}
    with ServerProcess("tests.browser.usage_app:app", env=env, directory=ROOT) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1180, "height": 900})
    await context.add_init_script(WATCH)
    yield context
    await context.close()


async def shown(context: BrowserContext, server: ServerProcess, query: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{server.url}/usage{query}")
    await expect(page.locator("figure rect.s0").first).to_be_attached()
    return page


def total(tenants: set[str], counter: str) -> int:
    return sum(row.counters.get(counter, 0) for row in month() if row.tenant_id in tenants)


def saved(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


async def test_a_month_of_one_tenant_by_page(
    context: BrowserContext, server: ServerProcess, tmp_path: Path
) -> None:
    page = await shown(context, server, "?tenantId=acme")
    figures = page.locator("figure")
    await expect(figures).to_have_count(4)
    await expect(page.locator("dd").first).to_contain_text(
        f"{total({'acme'}, 'pubSubMessageCount'):,}"
    )
    await expect(figures.first.locator("rect.day")).to_have_count(DAYS)
    await expect(page.locator(".key li")).to_have_count(6)
    await expect(page.locator(".pages li").first).to_contain_text("/handbook/onboarding")
    # By keyboard, to the last day, which has not ended.
    await figures.first.locator("svg").press("ArrowLeft")
    await expect(figures.first.locator("output")).to_contain_text(": ")
    await expect(figures.first.locator(".day.picked")).to_have_count(1)

    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="CSV").click()
    await (await downloading.value).save_as(tmp_path / "usage.csv")
    rows = saved(tmp_path / "usage.csv")
    assert sum(int(row["pubSubMessageCount"]) for row in rows) == total(
        {"acme"}, "pubSubMessageCount"
    )
    assert {row["tenantId"] for row in rows} == {"acme"}
    assert await page.evaluate("window.violations") == []


async def test_two_tenants_stand_beside_each_other(
    context: BrowserContext, server: ServerProcess
) -> None:
    page = await shown(context, server, "?tenantId=acme,beta")
    await expect(page.locator(".key li")).to_have_text(["acme", "beta"])
    both = total({"acme", "beta"}, "pubSubMessageCount")
    await expect(page.locator("dd").first).to_contain_text(f"{both:,}")
    await page.get_by_role("button", name="7 days").click()
    await expect(page.locator("figure").first.locator("rect.day")).to_have_count(7)


async def test_today_grows_and_a_failure_is_told(
    context: BrowserContext, server: ServerProcess
) -> None:
    """On a phone; the page asks every five seconds, and its clock is moved on."""
    page = await context.new_page()
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.clock.install()
    await page.goto(f"{server.url}/usage?tenantId=beta")
    operations = page.locator("dl div", has_text="Operations").locator("dd")
    seeded = total({"beta"}, "operationCount")
    await expect(operations).to_contain_text(f"{seeded:,}")
    http = HttpClient(url=server.url)
    operation: dict[str, Any] = {**create_chat(), "urlId": "/notes", "tenantId": "beta"}
    answer = await http.post("v1/ops", operation, headers={"Authorization": "Bearer boss"})
    assert answer.status == 200
    for _ in range(50):
        await page.clock.run_for(5_000)
        if f"{seeded + 1:,}" in (await operations.inner_text()):
            break
        await page.wait_for_timeout(100)
    await expect(operations).to_contain_text(f"{seeded + 1:,}")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await page.locator("[name=tenantId]").fill("gamma")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("[role=status]")).to_contain_text("Usage cannot be shown")
    await expect(page.locator(".live")).to_be_hidden()


async def test_a_quota_is_shown_where_there_is_one(
    context: BrowserContext, server: ServerProcess
) -> None:
    page = await shown(context, server, "?tenantId=beta")
    lines = page.locator(".quotas li")
    await expect(lines).to_have_count(2)
    await expect(lines.first).to_contain_text("beta: Operations this month")
    await expect(lines.first).to_contain_text(" of 400, until ")
    await expect(lines.nth(1)).to_contain_text(" of 1 GB")
    page = await shown(context, server, "?tenantId=acme")
    await expect(page.locator(".quotas")).to_be_hidden()


async def test_it_speaks_its_readers_language_and_goes_its_way(
    browser: Browser, server: ServerProcess
) -> None:
    context = await browser.new_context(locale="he-IL", viewport={"width": 1180, "height": 900})
    page = await shown(context, server, "?tenantId=acme")
    assert await page.evaluate("[document.documentElement.dir, document.title]") == ["rtl", "שימוש"]
    await expect(page.locator("nav button")).to_have_text(["7 ימים", "30 ימים", "90 ימים", "CSV"])
    await expect(page.locator("figcaption span").first).to_have_text("הודעות")
    first, last = page.locator("rect.day").first, page.locator("figure rect.day").nth(DAYS - 1)
    left = "rect => rect.getBoundingClientRect().left"
    assert await first.evaluate(left) > await last.evaluate(left), "time goes to the left"
    # To the first day, which a left-to-right page has at the other end.
    plot = page.locator("figure svg").first
    await plot.press("ArrowLeft")
    await expect(page.locator("figure").first.locator("rect.day").first).to_have_class("day picked")
    await plot.hover(position={"x": 5, "y": 60})
    await expect(page.locator("figure").first.locator("rect.day").last).to_have_class("day picked")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await context.close()
