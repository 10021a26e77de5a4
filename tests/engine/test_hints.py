"""H8, H9: what the bus or a database says can do no harm."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable

import msgspec
import pytest

from collabchat_asgi.core import rules
from collabchat_asgi.core.model import Event
from collabchat_asgi.engine.clock import SystemClock
from collabchat_asgi.engine.peers.hints import CONTROL_TOPIC, Happened, HintCodec, topic_of
from collabchat_asgi.engine.writing.plan import Plan
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import Entry, Storage, Tail
from collabchat_asgi.testing.operations import add_comment, create_chat, new_id, resolve_chat

from .conftest import Start
from .harness import KEY, Server, TroubledBus, TroubledStorage, Voice, turns, until

GARBAGE = 400


async def test_h09_strange_hints_change_nothing(start: Start) -> None:
    bus = new_id()
    storage = TroubledStorage()
    server = await start(storage, MemoryPubSub(bus))
    ann = await server.join("ann")
    ack = await ann.do(create_chat("true"))
    await ann.at(1)
    rng = random.Random(9)
    broker = MemoryPubSub(bus)
    await broker.open()
    wrong = HintCodec(secrets.token_bytes(32), secrets.token_hex(16), SystemClock())
    right = HintCodec(await storage.key(), secrets.token_hex(16), SystemClock())
    invented = [_invented(ack["epoch"], 2), _invented(ack["epoch"], 2**53), _invented("other", 2)]
    topics = [topic_of(KEY), CONTROL_TOPIC, "collabchat.nobody"]
    for number in range(GARBAGE):
        topic = rng.choice(topics)
        payload = wrong.seal(topic, rng.choice(invented))
        match number % 8:
            case 0:
                payload = rng.randbytes(rng.choice([0, 1, 15, 16, 17, 100]))
            case 1:
                payload = b"\2" * 25 + msgspec.msgpack.encode(rng.choice(invented))
            case 2:
                signed = bytearray(right.seal("collabchat.elsewhere", rng.choice(invented)))
                payload = bytes(signed)
            case 3:
                signed = bytearray(right.seal(topic, rng.choice(invented)))
                signed[rng.randrange(len(signed))] ^= 1 << rng.randrange(8)
                payload = bytes(signed)
            case 4:
                payload = right.seal(topic, rng.choice(invented))[: rng.randrange(40)]
            case 5:
                payload = payload + rng.randbytes(3)
            case 6 if number < 16:
                payload = rng.randbytes(2_000_000)
        await broker.publish(topic, payload)
    await until(lambda: server.running.news.listener.strange >= GARBAGE * 2 // 3 - 60)
    await turns(200)
    assert ann.page.seq == 1
    assert ann.numbers == [(1, 1)]
    assert server.services.supervisor.restarts == {}
    assert (await ann.do(create_chat("and on")))["seq"] == 2
    await ann.at(2)
    await broker.close()
    print(f"{GARBAGE} strange hints, seed 9: nothing shown")


def _invented(epoch: str, seq: int) -> Happened:
    event = {
        "type": "new-text-chat",
        "seq": seq,
        "broadcastId": new_id(),
        "ts": 1,
        "user": {"id": "mallory", "name": "Mallory"},
        "chat": create_chat("invented")["chat"],
    }
    return Happened(epoch, (msgspec.convert(event, Event),))


async def test_h09_replayed_hints_change_nothing(start: Start) -> None:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, sender := TroubledBus(bus))
    two = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    chat = (await ann.do(create_chat("secret")))["chatId"]
    for number in range(5):
        await ann.do(add_comment(chat, f"{number}"))
    await bob.at(6)
    told = list(bob.numbers)
    replayed = [(topic, payload) for topic, payload in sender.sent if topic != CONTROL_TOPIC]
    for topic, payload in replayed * 3 + replayed[::-1]:
        await MemoryPubSub.publish(sender, topic, payload)
    await turns(200)
    assert bob.numbers == told
    await ann.do(create_chat("and on"))
    await bob.at(7)


async def test_h09_a_hint_that_is_too_large_says_read_the_log(start: Start) -> None:
    class Small(TroubledBus):
        max_payload = 400

    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, sender := Small(bus))
    two = await start(TroubledStorage(storage.inner), Small(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    await ann.do(create_chat("x" * 2_000))
    await bob.at(1)
    assert max(len(payload) for _, payload in sender.sent) <= 400
    assert bob.page.outline() == ann.page.outline()


async def test_no_user_text_reaches_the_bus_in_topics(start: Start) -> None:
    sender = TroubledBus(new_id())
    server = await start(bus=sender)
    ann = await server.join("ann", url_id="https://example.com/sécret")
    await ann.do({**create_chat(), "urlId": ann.url_id})
    await until(lambda: len(sender.sent) > 2)
    for topic, _ in sender.sent:
        assert topic.isascii()
        assert len(topic) <= 48
        assert "example" not in topic


async def test_h08_one_poisoned_entry_fails_alone(pair: tuple[Server, Server]) -> None:
    """A rewritten text that the database refuses, in a group of 64: 63 are committed."""
    one, two = pair
    ann, bob = await one.join("ann"), await two.join("bob")
    broken = create_chat("fine")
    operations = [create_chat(f"{number}") for number in range(31)]
    operations += [broken] + [create_chat(f"{number}") for number in range(31, 63)]
    encode = one.services.committer._storage.commit

    async def poison(groups: object, revise: object) -> object:
        return await encode(_poisoned(groups, broken), _poisoning(revise, broken))  # type: ignore[arg-type]

    one.services.committer._storage.commit = poison  # type: ignore[method-assign,assignment]
    ids = [ann.operate(operation) for operation in operations]
    answers = [await ann.answer(broadcast_id) for broadcast_id in ids]
    one.services.committer._storage.commit = encode  # type: ignore[method-assign]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert [answer["code"] for answer in refused] == ["internal"]
    assert refused[0]["broadcastId"] == broken["broadcastId"]
    acked = [answer["seq"] for answer in answers if answer["type"] == "ack"]
    assert acked == list(range(1, 64))
    await ann.at(63)
    await bob.at(63)
    assert ann.page.outline() == bob.page.outline()
    assert len(ann.page.chats) == 63


def _poisoned(groups: object, broken: dict[str, object]) -> list[object]:
    import dataclasses

    return [
        dataclasses.replace(group, entries=[_bad(e, broken) for e in group.entries])
        for group in groups  # type: ignore[attr-defined]
    ]


def _poisoning(revise: object, broken: dict[str, object]) -> object:
    return lambda page, tail: [_bad(e, broken) for e in revise(page, tail)]  # type: ignore[operator]


def _bad(entry: object, broken: dict[str, object]) -> object:
    import dataclasses

    if entry.broadcast_id != broken["broadcastId"]:  # type: ignore[attr-defined]
        return entry
    puts = [dataclasses.replace(put, body="\ud800") for put in entry.puts]  # type: ignore[attr-defined]
    return dataclasses.replace(entry, puts=puts)  # type: ignore[type-var]


async def test_h08_a_rule_that_breaks_takes_nobody_along(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in our own rules: the operation that meets it is refused, its neighbours are not."""
    decide = rules.decide

    def broken(state: object, operation: object, **how: object) -> object:
        if "poison" in repr(operation):
            raise ZeroDivisionError("a bug")
        return decide(state, operation, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(rules, "decide", broken)
    server = await start()
    ann, bob = await server.join("ann"), await server.join("bob", url_id="other")
    ids = [ann.operate(create_chat(body)) for body in ("1", "poison", "2")]
    assert (await bob.do(create_chat("elsewhere")))["seq"] == 1
    answers = [await ann.answer(broadcast_id) for broadcast_id in ids]
    assert [a.get("code", a["type"]) for a in answers] == ["ack", "internal", "ack"]
    await ann.at(2)
    chat = answers[0]["chatId"]
    assert (await ann.do(resolve_chat(chat)))["seq"] == 3


async def test_a_page_that_cannot_be_planned_takes_no_other_page_along(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = Plan.entries

    def broken(plan: Plan, tail: Tail | None) -> list[Entry]:
        if plan.page.key.url_id == "cursed":
            raise UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")
        return entries(plan, tail)

    monkeypatch.setattr(Plan, "entries", broken)
    server = await start()
    ann, bob = await server.join("ann", url_id="cursed"), await server.join("bob", url_id="other")
    lost, kept = ann.operate(create_chat()), bob.operate(create_chat())
    assert (await bob.answer(kept))["seq"] == 1
    assert (await ann.answer(lost))["code"] == "internal"


async def test_a_late_hint_does_not_bring_an_erased_page_back(start: Start) -> None:
    """Rightly sealed by a process that lives, and of an epoch that is over."""
    bus, storage = new_id(), TroubledStorage()
    server = await start(storage, MemoryPubSub(bus))
    ann = await server.join("ann")
    ack = await ann.do(create_chat("erased"))
    await ann.at(1)
    await storage.erase(KEY)
    await server.heal()
    assert server.open_page().position.seq == 0
    voice = await Voice.meet(bus, await storage.key())
    await voice.say(topic_of(KEY), _invented(ack["epoch"], 1))
    await turns(200)
    assert server.open_page().position.seq == 0
    await voice.close()


async def test_alone_on_its_bus_a_process_says_nothing_of_its_pages(
    start: Start, storages: Callable[[], Storage]
) -> None:
    """And from the first moment that another can hear it again: that one joins from the log."""
    name = f"alone-{new_id()}"
    bus = TroubledBus(name)
    one = await start(storages(), bus)
    ann = await one.join("ann")
    # Who is here, and who came: a process may be heard at any moment.
    await until(lambda: sum(topic == topic_of(KEY) for topic, _ in bus.sent) >= 2)
    before = sum(topic == topic_of(KEY) for topic, _ in bus.sent)
    for number in range(3):
        await ann.do(create_chat(f"{number}"))
    await turns(20)
    assert sum(topic == topic_of(KEY) for topic, _ in bus.sent) == before
    two = await start(storages(), TroubledBus(name))
    bob = await two.join("bob")
    await bob.at(3)
    await ann.do(create_chat("heard"))
    await bob.at(4)
    assert sum(topic == topic_of(KEY) for topic, _ in bus.sent) > before
