"""A rolling upgrade: a newer release writes what this one cannot read, on the storage of both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from collabchat_asgi.core.model import NewTextChat, PageKey, Position, Record
from collabchat_asgi.core.records import CHAT, CommentRecord
from collabchat_asgi.engine.peers.hints import Happened
from collabchat_asgi.engine.peers.revocations import CONTROL_PAGE, Revocation
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import Committed, Entry, Group, Loaded, Storage, Tail
from collabchat_asgi.testing.operations import add_comment, create_chat, new_id

from .conftest import Start
from .harness import KEY, TENANT, Server, TroubledStorage, Voice, turns, until

Json = dict[str, Any]


class Newer:
    """A process of a later release, on the same storage."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def write(
        self, page: PageKey = KEY, *, puts: list[Record] | None = None, **event: Any
    ) -> Position:
        [head] = (await self.storage.heads([page])).values()
        id = new_id()
        told = {
            "type": "pinned-text-chat",
            "seq": head.seq + 1,
            "broadcastId": id,
            "ts": 1,
            "user": {"id": "new", "name": "New"},
            "chatId": "any",
            **event,
        }
        entry = Entry(id, "new", b"\0" * 16, b"[]", msgspec.json.encode(told), None, puts or [], [])
        group = Group(page, head, [entry])
        [outcomes] = await self.storage.commit([group], lambda *_: [entry])
        outcome = outcomes[id]
        assert isinstance(outcome, Committed)
        return outcome.position


@pytest.fixture
def newer(storages: Callable[[], Storage]) -> Newer:
    return Newer(storages())


async def test_a_page_moves_on_past_what_it_cannot_read(
    start: Start, storages: Callable[[], Storage], newer: Newer
) -> None:
    server = await start(storages())
    await newer.storage.open()
    ann = await server.join("ann")
    chat = (await ann.do(create_chat("a")))["chatId"]
    await newer.write()
    await newer.write(type="updated-text-chat", change="pinned")
    await newer.write(type="deleted-text-chat", chatId={"several": ["a", "b"]})
    await server.heal()
    await ann.at(4)
    assert not [f for f in ann.of("subscribed") if not f["recovered"]][1:], "nobody starts over"
    assert (await ann.do(add_comment(chat, "b")))["seq"] == 5
    await ann.at(5)
    bob = await server.join("bob")
    assert bob.page.outline() == ann.page.outline()
    assert server.running.numbers.health()[1]["status"] == "ok"
    await newer.storage.close()


async def test_extra_fields_are_passed_over(
    start: Start, storages: Callable[[], Storage], newer: Newer
) -> None:
    server = await start(storages())
    await newer.storage.open()
    ann = await server.join("ann")
    chat = (await ann.do(create_chat("a")))["chatId"]
    await newer.write(type="updated-text-chat", change="resolved", chatId=chat, mood="fine")
    await server.heal()
    await ann.at(2)
    assert ann.page.chats[chat]["resolved"]
    await newer.storage.close()


async def test_what_an_unknown_event_did_is_taken_from_the_records(
    start: Start, storages: Callable[[], Storage], newer: Newer
) -> None:
    """It changed what readers see: they get the page anew, and an operation behind it is judged on
    the page as it is."""
    server = await start(storages())
    await newer.storage.open()
    ann = await server.join("ann")
    chat = (await ann.do(create_chat("a")))["chatId"]
    comment = next(iter(server.open_page().state.chats[chat].comments.values())).comment
    record = CommentRecord(chat, comment.author, comment.created_at, 1)
    changed = Record(f"m:{comment.id}", msgspec.json.encode(record), "rewritten by a bot", 2)
    await newer.write(type="rewritten-comment", puts=[changed])
    ann.operate(add_comment(chat, "b"))
    await ann.at(3)
    await until(lambda: ann.bodies == {chat: ["rewritten by a bot", "b"]})
    bob = await server.join("bob")
    assert bob.page.outline() == ann.page.outline()
    await newer.storage.close()


async def test_who_comes_back_from_before_it_gets_the_page(
    start: Start, storages: Callable[[], Storage], newer: Newer
) -> None:
    server = await start(storages())
    await newer.storage.open()
    ann = await server.join("ann")
    await ann.do(create_chat("a"))
    await ann.at(1)
    ann.leave()
    await newer.write()
    await newer.write()
    other = await start(storages())
    again = await ann.come_back(other)
    await again.at(3)
    bob = await other.join("bob")
    assert bob.page.outline() == again.page.outline()
    await newer.storage.close()


async def test_a_newer_hint_means_read_the_log(start: Start) -> None:
    bus, storage = new_id(), TroubledStorage()
    server = await start(storage, MemoryPubSub(bus))
    ann = await server.join("ann")
    await ann.do(create_chat("a"))
    await ann.at(1)
    voice = await Voice.meet(bus, await storage.key())
    await Newer(storage.inner).write()

    class Newest(msgspec.Struct, array_like=True, tag="z"):
        what: int = 1

    await voice.say(server.open_page().topic, Newest())  # type: ignore[arg-type]
    await ann.at(2)
    # And one of a kind that is known, with an event that is not.
    position = await Newer(storage.inner).write()
    event = msgspec.convert(
        {"type": "new-text-chat", "seq": 3, "broadcastId": "b", "ts": 1}
        | {"user": {"id": "u", "name": "U"}, "chat": create_chat("x")["chat"]},
        NewTextChat,
    )
    payload = voice.codec.seal(
        server.open_page().topic,
        Happened(position.epoch, (event,)),
    )
    assert voice.codec.open(server.open_page().topic, payload) is not None
    tagged: Any = msgspec.defstruct(
        "Pinned", [("seq", int)], tag_field="type", tag="pinned-text-chat"
    )
    await voice.say(server.open_page().topic, Happened(position.epoch, (tagged(3),)))
    await ann.at(3)
    await voice.close()


class Guilty(TroubledStorage):
    """One page of it cannot be read."""

    bad: PageKey | None = None

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        if page == self.bad:
            raise StorageUnavailable("this page takes for ever")
        return await super().read(page, after, limit)

    async def load(self, page: PageKey) -> Loaded:
        loaded = await super().load(page)
        if page == self.bad:
            return Loaded(loaded.position, [*loaded.records, Record(f"{CHAT}x", b"{", "", 1)])
        return loaded


async def apart(start: Start) -> tuple[Guilty, Server, Server]:
    """Two processes that do not hear each other, and whose pages only sweeps heal."""
    storage = Guilty()
    one = await start(storage, MemoryPubSub(new_id()))
    two = await start(TroubledStorage(storage.inner), MemoryPubSub(new_id()))
    return storage, one, two


async def test_a_guilty_page_keeps_no_other_from_healing(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    storage, one, two = await apart(start)
    readers = [await one.join("ann", url_id=f"p{n}") for n in range(5)]
    writers = [await two.join("bob", url_id=f"p{n}") for n in range(5)]
    for writer in writers:
        await writer.do(create_chat("a"))
    storage.bad = PageKey(TENANT, "p2")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await one.heal()
    for number, reader in enumerate(readers):
        if number != 2:
            await reader.at(1)
    healthy, health = one.running.numbers.health()
    assert healthy
    assert health["status"] == "degraded"
    assert health["reasons"] == ["pages: 1 cannot be read here; the log says why"]
    assert "p2" not in str(health)
    said = [r for r in caplog.records if "failed" in r.getMessage()]
    assert len(said) == 1, "it is said once"
    storage.bad = None
    await one.heal()
    await readers[2].at(1)
    assert one.running.numbers.health()[1]["status"] == "ok"


async def test_revocations_come_before_a_guilty_page(start: Start) -> None:
    storage, one, two = await apart(start)
    ann = await one.join("ann", url_id="p")
    await (await two.join("bob", url_id="p")).do(create_chat("a"))
    storage.bad = PageKey(TENANT, "p")
    await two.services.revocations.revoke(Revocation(user_id="ann"))
    await one.heal()
    await ann.expect_close(4403)


async def test_a_storage_that_is_away_is_no_fault_of_a_page(start: Start) -> None:
    storage, one, _ = await apart(start)
    await one.join("ann")
    storage.away = True
    await one.heal()
    assert not one.running.numbers.health()[0]
    storage.away = False
    await one.heal()
    assert one.running.numbers.health()[1]["status"] == "ok"


async def test_a_page_whose_records_cannot_be_read_is_unavailable(start: Start) -> None:
    storage, one, two = await apart(start)
    await (await two.join("bob", url_id="p")).do(create_chat("a"))
    storage.bad = PageKey(TENANT, "p")
    ann = one.connect("ann", url_id="p")
    ann.ask_for_page()
    assert (await ann.expect("error"))["code"] == "unavailable"
    bob = await one.join("bob", url_id="other")
    await bob.do(create_chat("b"))
    assert ann.closed is None


async def test_a_revocation_that_cannot_be_read_stops_no_other(start: Start) -> None:
    server = await start(storage := TroubledStorage())
    ann, bob = await server.join("ann"), await server.join("bob")
    await Newer(storage.inner).write(CONTROL_PAGE, userId={"group": "staff"})
    await server.services.revocations.revoke(Revocation(user_id="ann"))
    await ann.expect_close(4403)
    await turns()
    assert bob.closed is None
