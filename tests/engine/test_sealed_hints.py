"""What a broker learns, and what it can do with what it has heard: nothing."""

from __future__ import annotations

import random
import secrets
from typing import Any

from collabchat_asgi.engine.peers import doubts, key_watch
from collabchat_asgi.engine.peers.hints import (
    CONTROL_TOPIC,
    OLD_KEY_SECONDS,
    Happened,
    Heartbeat,
    HintCodec,
    IsTyping,
    PeopleAll,
    topic_of,
)
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.testing.operations import add_comment, create_chat, new_id

from .conftest import Start
from .harness import KEY, Clock, Server, TroubledBus, TroubledStorage, Voice, turns, until

SECRETS = ("Ann Smith", "ann-smith-7", "the quoted words", "what she wrote", "true", "acme")


async def replay(bus: str, sent: list[tuple[str, bytes]]) -> None:
    """Whoever listened on the broker says it all again."""
    mallory = MemoryPubSub(bus)
    await mallory.open()
    for topic, payload in sent:
        await mallory.publish(topic, payload)
    await turns(200)
    await mallory.close()


async def couple(
    start: Start, clocks: tuple[Clock | None, Clock | None] = (None, None)
) -> tuple[str, TroubledStorage, list[Server], list[TroubledBus]]:
    """Two processes that have met; their buses write down what they say."""
    bus, storage = new_id(), TroubledStorage()
    buses = [TroubledBus(bus), TroubledBus(bus)]
    servers = [
        await start(TroubledStorage(storage.inner), one, clock=clock)
        for one, clock in zip(buses, clocks, strict=True)
    ]
    await until(lambda: all(server.services.gossip.peers for server in servers), "they meet")
    return bus, storage, servers, buses


async def test_nothing_that_a_person_wrote_reaches_the_broker(start: Start) -> None:
    _, _, (one, two), buses = await couple(start)
    from collabchat_asgi import Identity

    ann = await one.join(
        "ann",
        identity=Identity("ann-smith-7", name="Ann Smith", tenants={"acme": "commenter"}),
    )
    bob = await two.join("bob")
    chat = create_chat("what she wrote")
    chat["chat"]["anchor"]["selector"][0]["exact"] = "the quoted words"
    ack = await ann.do(chat)
    await bob.at(1)
    ann.say({"type": "typing", "urlId": ann.url_id, "chatId": ack["chatId"]})
    await bob.expect("typing")
    sent = [pair for bus in buses for pair in bus.sent]
    assert len(sent) > 6
    for topic, payload in sent:
        for secret in (*SECRETS, ack["chatId"], ack["epoch"]):
            assert secret not in topic
            assert secret.encode() not in payload
    print(f"{len(sent)} hints, {sum(len(p) for _, p in sent)} bytes: none of {len(SECRETS) + 2}")


async def test_a_hint_is_bound_to_its_topic_its_process_and_its_number() -> None:
    codec = HintCodec(bytes(32), secrets.token_hex(16), Clock())
    sealed = codec.seal("a", Happened("e", ()))
    assert codec.open("a", sealed) is not None
    assert codec.open("b", sealed) is None
    for place in range(len(sealed)):
        bent = bytearray(sealed)
        bent[place] ^= 1
        assert codec.open("a", bytes(bent)) is None, place
    for end in range(len(sealed)):
        assert codec.open("a", sealed[:end]) is None


async def test_no_nonce_comes_twice() -> None:
    """Neither of one process, nor of two that begin to count anew."""
    codecs = [HintCodec(bytes(32), secrets.token_hex(16), Clock()) for _ in range(2)]
    same = [codec.seal("a", Happened("e", ())) for codec in codecs for _ in range(100)]
    assert len({payload[:25] for payload in same}) == 200
    assert len({payload[25:] for payload in same}) == 200


async def test_own_hints_are_not_opened(start: Start) -> None:
    opened: list[bytes] = []
    server = await start()
    server.services.codec.open = lambda _, payload: opened.append(payload)  # type: ignore[method-assign,assignment,func-returns-value]
    ann = await server.join("ann")
    server.services.ears.heard_self_at = 0.0
    await ann.do(create_chat("own"))
    server.services.gossip.beat()
    await until(lambda: server.services.ears.heard_self_at > 0, "it hears itself")
    assert opened == []


async def test_a_dead_process_is_not_revived(start: Start) -> None:
    clock = Clock()
    bus, _, (one, two), buses = await couple(start, (clock, clock))
    await one.join("ann")
    await two.join("bob")
    one.tick()
    two.tick()
    await until(lambda: one.open_page().presence.counts() == (2, 2), "both are counted")
    await two.die()
    for _ in range(5):
        clock.advance(15.0)
        one.tick()
        await replay(bus, buses[1].sent)
    assert one.open_page().presence.counts() == (1, 1)
    assert one.services.gossip.peers == []


async def test_heartbeats_that_were_held_back_revive_nobody(start: Start) -> None:
    """The broker keeps them and hands out one every 15 s, when the process is long dead."""
    clock = Clock()
    bus, _, (one, two), buses = await couple(start, (clock, clock))
    await one.join("ann")
    await two.join("bob")
    one.tick()
    two.tick()
    await until(lambda: one.open_page().presence.counts() == (2, 2), "both are counted")
    sent, buses[1].deaf = len(buses[1].sent), True
    for _ in range(20):
        two.services.gossip.beat()
    await until(lambda: len(buses[1].sent) >= sent + 20)
    held = buses[1].sent[sent:]
    await two.die()
    for payload in held:
        clock.advance(15.0)
        await replay(bus, [payload])
        one.tick()
    assert one.open_page().presence.counts() == (1, 1)


async def test_typing_is_not_shown_again(start: Start) -> None:
    clock = Clock()
    bus, _, (one, two), buses = await couple(start, (clock, clock))
    ann, bob = await one.join("ann"), await two.join("bob")
    chat = (await ann.do(create_chat("a")))["chatId"]
    await bob.at(1)
    typing = {"type": "typing", "urlId": ann.url_id, "chatId": chat}
    ann.say(typing)
    await bob.expect("typing")
    await replay(bus, buses[0].sent)
    assert bob.of("typing") == []
    buses[0].deaf = True
    clock.advance(4.0)
    ann.say(typing)
    await turns()
    clock.advance(6.0)
    await replay(bus, buses[0].sent[-1:])
    assert bob.of("typing") == [], "it was shown six seconds late"
    buses[0].deaf = False
    ann.say(typing)
    await bob.expect("typing")


async def test_an_old_process_cannot_fill_a_page_that_was_erased(start: Start) -> None:
    """Replayed to a process that never saw the old epoch."""
    bus, storage, (one, two), buses = await couple(start)
    ann = await one.join("ann")
    await ann.do(create_chat("erased"))
    await ann.at(1)
    await storage.erase(KEY)
    await one.die()
    bob = await two.join("bob")
    await replay(bus, buses[0].sent * 2)
    third = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    cid = await third.join("cid")
    await replay(bus, buses[0].sent * 2)
    assert (bob.numbers, cid.numbers) == ([], [])
    assert two.open_page().position.seq == third.open_page().position.seq == 0


async def test_two_processes_need_not_agree_on_the_time(start: Start) -> None:
    early, late = Clock(), Clock()
    late.advance(10 * 86_400)
    _, _, (one, two), _ = await couple(start, (early, late))
    ann, bob = await one.join("ann"), await two.join("bob")
    one.tick()
    two.tick()
    await until(lambda: two.open_page().presence.counts() == (2, 2), "presence")
    chat = (await ann.do(create_chat("a")))["chatId"]
    await bob.at(1)
    await turns(100)
    reads = two.services.reader.reads.copy()
    await ann.do(add_comment(chat, "b"))
    await bob.at(2)
    assert two.services.reader.reads == reads, "it was told, and read nothing"
    ann.say({"type": "typing", "urlId": ann.url_id, "chatId": chat})
    await bob.expect("typing")


async def test_after_a_machine_has_slept_the_two_meet_again(start: Start) -> None:
    """The other's hints seem to be an hour too young or too old: what they tell is read in the log,
    and from then on they are believed."""
    awake, asleep = Clock(), Clock()
    _, _, (one, two), _ = await couple(start, (awake, asleep))
    ann, bob = await one.join("ann"), await two.join("bob")
    asleep.advance(3_600)
    two.services.gossip.tick()
    await ann.do(create_chat("while it is doubted"))
    await bob.at(1)
    await until(lambda: two.services.gossip.peers, "they meet again")
    await until(lambda: one.services.gossip.peers, "they meet again")
    await turns(100)
    one.services.gossip.tick()
    two.services.gossip.tick()
    await turns(100)
    reads = two.services.reader.reads.copy()
    await ann.do(create_chat("and on"))
    await bob.at(2)
    assert two.services.reader.reads == reads
    await until(lambda: two.open_page().presence.counts() == (2, 2), "presence")


async def test_garbage_does_not_hammer_the_storage(start: Start) -> None:
    clock = Clock()
    bus, storage = new_id(), TroubledStorage()
    server = await start(storage, MemoryPubSub(bus), clock=clock)
    for number in range(5):
        await server.join("ann", url_id=f"page {number}")
    topics = [page.topic for page in server.services.pages.all()]
    wrong = HintCodec(secrets.token_bytes(32), secrets.token_hex(16), clock)
    right = HintCodec(await storage.key(), secrets.token_hex(16), clock)
    storage.calls.clear()
    rng = random.Random(7)
    seconds, each = 20, 400
    for _ in range(seconds):
        flood = []
        for _ in range(each):
            topic = rng.choice([*topics, CONTROL_TOPIC])
            codec = rng.choice([wrong, right])
            hint: Any = rng.choice([Happened("e", ()), Heartbeat(), IsTyping("u", "c", "{}")])
            flood.append((topic, rng.choice([codec.seal(topic, hint), rng.randbytes(60)])))
        await replay(bus, flood)
        clock.advance(1.0)
        server.tick()
    await turns(200)
    most = doubts.AT_ONCE + seconds * doubts.READS_PER_SECOND
    assert 0 < storage.calls["heads"] <= most + 1
    assert 0 < storage.calls["key"] <= 1 + seconds / key_watch.STRANGE_SECONDS
    assert storage.calls["read"] <= most + 1
    print(f"{seconds * each} strange hints in {seconds} s: {dict(storage.calls)}")


async def test_a_strange_hint_means_read_the_log(start: Start) -> None:
    """A process that seals in another way has committed something."""
    storage, bus = TroubledStorage(), new_id()
    one = await start(storage, TroubledBus(new_id()))
    two = await start(TroubledStorage(storage.inner), MemoryPubSub(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    await ann.do(create_chat("told in another way"))
    await replay(bus, [(topic_of(KEY), b"another release")])
    await bob.at(1)


async def test_a_new_key_is_found_by_whoever_hears_it(start: Start) -> None:
    clock = Clock()
    _, storage, (one, two), buses = await couple(start, (clock, clock))
    old = await storage.key()
    ann, bob = await one.join("ann"), await two.join("bob")
    await storage.rotate_key()
    clock.advance(key_watch.AT_LEAST_SECONDS)
    one.services.key_watch.tick()
    await turns()
    told = len(buses[0].sent)
    await ann.do(create_chat("under the new key"))
    await bob.at(1)
    reader = HintCodec(old, secrets.token_hex(16), clock)
    assert all(reader.open(*hint) is None for hint in buses[0].sent[told:])
    await turns()
    reads = two.services.reader.reads.copy()
    await ann.do(create_chat("both have it now"))
    await bob.at(2)
    assert two.services.reader.reads == reads
    await bob.do(create_chat("back"))
    await ann.at(3)
    # What was sealed with the old key counts for a while, and then no more.
    clock.advance(OLD_KEY_SECONDS + 1)
    codec = two.services.codec
    assert codec.open(*buses[0].sent[0]) is None
    assert codec.open(*buses[0].sent[-1]) is not None


async def test_people_of_a_stranger_do_not_count(start: Start) -> None:
    """It has the key, and nobody knows whether it lives: a recording of last year."""
    bus, storage = new_id(), TroubledStorage()
    server = await start(storage, MemoryPubSub(bus))
    await server.join("ann")
    recorded = HintCodec(await storage.key(), secrets.token_hex(16), Clock())
    topic = topic_of(KEY)
    people = PeopleAll(3, 5, 0, 1, [1, 2, 3, 4, 5])
    await replay(bus, [(topic, recorded.seal(topic, people)) for _ in range(3)])
    assert server.open_page().presence.counts() == (1, 1)
    voice = await Voice.meet(bus, await storage.key())
    await voice.say(topic, people)
    await until(lambda: server.open_page().presence.counts() == (6, 6), "one that lives counts")
    await voice.close()
