"""A person is forgotten while others look on, and a page is erased under its readers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collabchat_asgi import CollabChat, ConnectRequest, Identity
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.engine.erasing.erasure import NAMED_MS, forget_revocations
from collabchat_asgi.engine.peers.revocations import CONTROL_PAGE
from collabchat_asgi.errors import MisuseError
from collabchat_asgi.storage.abc import ReadBy
from collabchat_asgi.testing import FakeClock, TestClient
from collabchat_asgi.testing.operations import add_comment, add_reaction, create_chat, resolve_chat


def authenticate(request: ConnectRequest) -> Identity:
    name = request.token or ""
    return Identity(name, name=f"{name} the reader", tenants={"acme": "moderator", "two": "admin"})


def who(name: str, tenant: str = "acme") -> Identity:
    return Identity(name, name=f"{name} the reader", tenants={tenant: "moderator"})


def make(**given: Any) -> CollabChat:
    return CollabChat(authenticate=authenticate, storage="memory://", pubsub="memory://", **given)


async def test_who_looks_gets_the_page_anew_without_them() -> None:
    collab = make()
    mine, other = create_chat("words of bob"), create_chat("a question")
    answered = create_chat("bob began this")
    ids = other["chat"]["id"], other["chat"]["comment"]["id"]
    for name, operation in (
        ("bob", mine),
        ("ann", other),
        ("bob", answered),
        ("ann", add_comment(answered["chat"]["id"], "an answer")),
        ("bob", add_comment(ids[0], "more words of bob")),
        ("bob", add_reaction(*ids)),
        ("bob", resolve_chat(ids[0])),
    ):
        await collab.submit("acme", "page", operation, identity=who(name))
    await collab.submit("two", "page", create_chat("elsewhere"), identity=who("bob", "two"))
    async with TestClient(collab) as client:
        watchers = [await client.connect(token=name, tenant="acme") for name in ("ann", "cem")]
        before = [await watcher.subscribe("page") for watcher in watchers]
        receipt = await collab.forget("bob", tenant_id="acme")
        assert {
            key: receipt[key] for key in ("pages", "chats", "comments", "reactions", "names")
        } == {"pages": 1, "chats": 1, "comments": 3, "reactions": 1, "names": 2}
        for watcher, page in zip(watchers, before, strict=True):
            told = await watcher.expect("subscribed")
            assert told["recovered"] is False
            snapshot = await watcher.expect("snapshot")
            assert snapshot["epoch"] == told["epoch"] != page["epoch"]
            assert "bob" not in json.dumps(snapshot, ensure_ascii=False)
            left = {chat["id"]: chat for chat in snapshot["chats"]}
            assert left.keys() == {ids[0], answered["chat"]["id"]}
            assert left[ids[0]]["resolved"]["by"] == {"id": "collabchat:forgotten", "name": ""}
    assert (await collab.forget("bob", tenant_id="acme"))["pages"] == 0
    assert len((await collab.snapshot("two", "page"))["chats"]) == 1
    assert [one["tenantId"] for one in await collab.export_user("bob")] == ["two"]
    assert (await collab.forget("bob"))["pages"] == 1
    assert await collab.export_user("bob") == []
    await collab.close()


async def test_how_far_they_have_read_is_forgotten_and_others_readings_stay() -> None:
    collab = make()
    for page in ("page", "only read"):
        await collab.submit("acme", page, create_chat(), identity=who("ann"))
    await collab.submit("acme", "page", create_chat("bob's"), identity=who("bob"))
    read = [
        ReadBy(PageKey("acme", page), name)
        for page in ("page", "only read")
        for name in ("ann", "bob")
    ]
    await collab.storage.keep_read(dict.fromkeys(read, 1))
    before = await collab.snapshot("acme", "only read")
    found = {one["urlId"]: one.get("read") for one in await collab.export_user("bob")}
    assert found == {"page": 1, "only read": 1}
    assert (await collab.forget("bob", tenant_id="acme"))["readings"] == 2
    left = await collab.storage.read_up_to(read)
    assert {by.user_id for by in left} == {"ann"}
    assert len(left) == 2
    assert (await collab.snapshot("acme", "only read"))["epoch"] == before["epoch"]
    assert await collab.export_user("bob") == []
    await collab.close()


async def test_who_looks_at_an_erased_page_sees_it_empty() -> None:
    collab = make()
    await collab.submit("acme", "page", create_chat(), identity=who("ann"))
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        await ann.subscribe("page")
        assert await collab.erase("acme", "page") == 1
        assert (await ann.expect("subscribed"))["seq"] == 0
        assert (await ann.expect("snapshot"))["chats"] == []
        assert await collab.erase("acme", "page") == 0
        await collab.submit("acme", "page", create_chat("anew"), identity=who("ann"))
        assert (await ann.expect("events"))["first"] == 1
    await collab.close()


async def test_what_is_nobody_is_said() -> None:
    collab = make()
    for call in (collab.forget, collab.export_user):
        with pytest.raises(MisuseError, match="1 to 256"):
            await call("")
        with pytest.raises(MisuseError, match="no tenant id"):
            await call("bob", tenant_id="not one")


async def test_a_revocation_names_nobody_for_long() -> None:
    collab = make(clock=FakeClock())
    await collab.revoke(user_id="bob")
    storage = collab.storage
    [named] = (await storage.dump(CONTROL_PAGE)).kept
    await forget_revocations(storage, named.created_ms + NAMED_MS)
    assert b"bob" in ((await storage.dump(CONTROL_PAGE)).kept[0].event or b"")
    await forget_revocations(storage, named.created_ms + NAMED_MS + 1)
    assert b"bob" not in ((await storage.dump(CONTROL_PAGE)).kept[0].event or b"")
    before = await storage.heads([CONTROL_PAGE])
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        await collab.revoke(user_id="somebody else")
        # Who reads it from its beginning, as a process that was away, closes nobody.
        collab._engine.services.revocations._position = before[CONTROL_PAGE]._replace(seq=0)
        await collab._engine.services.revocations.sweep()
        await ann.subscribe("page")
    await collab.close()
