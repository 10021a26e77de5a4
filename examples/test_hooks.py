# COLLABCHAT_STORAGE=memory:// python -m pytest examples/test_hooks.py
"""Hooks are tried without a server, a browser or a wait."""

import pytest
from hooks import BILL, app, collab

from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat


@pytest.mark.parametrize("url_id", ["/drafts", "/drafts/", "/drafts/1", "/d%72afts/1"])
async def test_drafts_are_for_moderators(url_id: str) -> None:
    async with TestClient(app) as client:
        ann, bob = client.browser(token="s3cret"), client.browser(token="t0ken")
        assert (await ann.http.get("v1/chats", urlId=url_id)).status == 200
        assert (await bob.http.get("v1/chats", urlId=url_id)).status == 403


@pytest.mark.parametrize(
    "url_id",
    [
        "/draftsmen/1",
        "/Drafts/1",
        "/invented",
        "handbook",
        "https://evil.example/articles/1",
        "https://evil.example/drafts/1",
        # No browser sends these for a page of the site: they are other pages.
        "/articles/../drafts/1",
        "//drafts/1",
        "/%2Fdrafts/1",
        "drafts/1",
    ],
)
async def test_what_is_no_known_page_is_nobodys(url_id: str) -> None:
    async with TestClient(app) as client:
        for token in ("s3cret", "t0ken"):
            person = client.browser(token=token)
            assert (await person.http.get("v1/chats", urlId=url_id)).status == 403


async def test_what_ann_writes_reaches_bob() -> None:
    async with TestClient(app) as client:
        ann = await client.connect(token="s3cret")
        bob = await client.connect(cookies={"sid": "t0ken"})
        await bob.subscribe("/articles/1")
        ack = await ann.do(create_chat("hello"), "/articles/1")
        await bob.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
        assert (await bob.refused(create_chat()))["code"] == "forbidden"


async def test_what_is_used_is_on_the_bill() -> None:
    async with TestClient(app, token="s3cret") as client:
        ann = await client.connect()
        await ann.do(create_chat("hello"), "/articles/1")
        await collab.flush_usage()
        assert sum(counters["operationCount"] for counters in BILL.values()) >= 1


async def test_only_who_may_see_usage_sees_it() -> None:
    async with TestClient(app, token="s3cret") as ann:
        answer = await ann.http.get("v1/usage?from=2026-01-01&to=2026-01-02")
        assert answer.status == 403
