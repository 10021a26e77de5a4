"""PROTOCOL section 3.1: how far somebody has read, on every device of theirs."""

from __future__ import annotations

from collabchat_asgi.testing.operations import create_chat

from .conftest import Site, eventually


async def test_read_is_told_to_ones_other_connections_and_kept(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    tab = await site.join("ann")
    for _ in range(3):
        await ann.do(create_chat(), site.page)
    await ann.send({"type": "read", "urlId": site.page, "seq": 2})
    assert await tab.expect("read") == {"type": "read", "urlId": site.page, "seq": 2}
    # Never backwards, at most the head.
    await ann.send({"type": "read", "urlId": site.page, "seq": 1})
    await ann.send({"type": "read", "urlId": site.page, "seq": 1_000})
    assert (await tab.expect("read"))["seq"] == 3
    again = await site.connect("ann")
    assert (await again.subscribe(site.page))["read"] == 3
    stranger = await site.connect("bob")
    assert "read" not in await stranger.subscribe(site.page)
    await bob.ping()
    assert not bob.of("read")


async def test_read_needs_a_subscription_and_a_number(site: Site) -> None:
    ann = await site.connect("ann")
    await ann.send({"type": "read", "urlId": site.page, "seq": 1})
    assert (await ann.expect("error", urlId=site.page))["code"] == "invalid"
    await ann.subscribe(site.page)
    await ann.send({"type": "read", "urlId": site.page, "seq": -1})
    assert (await ann.expect("error", urlId=site.page))["field"] == "seq"
    await ann.send({"type": "read", "urlId": site.page, "seq": 7})
    await ann.ping()
    assert "read" not in await (await site.connect("ann")).subscribe("another")


async def test_another_process_knows_how_far_somebody_has_read(site: Site, peer: str) -> None:
    ann, there = await site.join("ann"), await site.join("ann", url=peer)
    await ann.do(create_chat(), site.page)
    await there.expect_event("new-text-chat")
    await ann.send({"type": "read", "urlId": site.page, "seq": 1})
    await there.expect("read", seq=1)

    async def known() -> bool:
        client = await site.connect("ann", url=peer)
        return (await client.subscribe(site.page)).get("read") == 1

    await eventually(known)
