"""H6: whoever joins sees everything once, whatever happens while it joins."""

from __future__ import annotations

import json
import random

import pytest

from collabchat_asgi import Tuning
from collabchat_asgi.core.model import Position
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.testing.operations import add_comment, create_chat, new_id, resolve_chat

from .conftest import Start
from .harness import KEY, Client, Server, TroubledBus, TroubledStorage, Waits, turns, until


async def test_h06a_a_commit_between_load_and_subscribe_is_heard(
    start: Start,
) -> None:
    """The topic is subscribed first, so what is committed while the page loads is heard."""
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, MemoryPubSub(bus))
    two = await start(other := TroubledStorage(storage.inner), MemoryPubSub(bus))
    ann = await one.join("ann")
    await ann.do(create_chat("before"))
    loaded = other.hold("load", answer=True)
    bob = two.connect("bob")
    bob.ask_for_page()
    await until(lambda: loaded.waiting)
    await ann.do(create_chat("meanwhile"))
    loaded.open()
    await bob.at(2)
    assert bob.page.outline() == ann.page.outline()


async def test_h06a_a_lost_hint_during_the_load_is_found_in_the_head(
    start: Start,
) -> None:
    bus, storage = new_id(), TroubledStorage()
    deaf = TroubledBus(bus)
    one, two = await start(storage, deaf), await start(other := TroubledStorage(storage.inner))
    ann = await one.join("ann")
    await ann.do(create_chat("before"))
    deaf.deaf = True
    loaded = other.hold("load", answer=True)
    bob = two.connect("bob")
    bob.ask_for_page()
    await until(lambda: loaded.waiting)
    ack = await ann.do(create_chat("meanwhile"))
    loaded.open()
    assert (await bob.expect("subscribed"))["seq"] == ack["seq"] == 2


@pytest.mark.parametrize("since", [None, 0, 1, 2])
async def test_h06b_a_pending_batch_goes_out_before_the_joiner(
    start: Start, since: int | None
) -> None:
    """What is folded is what was sent: the joiner gets nothing twice and nothing with a hole."""
    server = await start()
    ann = await server.join("ann")
    await ann.do(create_chat("sent"))
    page = server.open_page()
    page.pace = Waits(30.0)
    await ann.do(create_chat("flushed just now"))
    await ann.do(create_chat("waits in the batch"))
    assert page.sent < page.position.seq, "the schedule needs a batch that waits"
    bob = server.connect("bob")
    bob.ask_for_page(None if since is None else bob.stand_at(page.position.epoch, since))
    subscribed = await bob.expect("subscribed")
    assert subscribed["seq"] == 3
    await bob.at(3)
    await ann.at(3)
    page.pace = Waits(0.0)
    await ann.do(create_chat("and on"))
    await bob.at(4)
    assert not bob.lost
    if since is None:
        assert bob.numbers == [(4, 4)]
        assert bob.page.outline() == ann.page.outline()
    else:
        assert [n for first, last in bob.numbers for n in range(first, last + 1)] == list(
            range(since + 1, 5)
        )


async def test_h06c_a_client_ahead_of_a_stale_process_is_not_sent_back(start: Start) -> None:
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    stale = await two.join("bob")
    ann = await one.join("ann")
    for number in range(3):
        await ann.do(create_chat(f"{number}"))
    await ann.at(3)
    assert two.open_page().position.seq == 0, "this process has heard of nothing"
    moved = await ann.come_back(two)
    subscribed = await moved.expect("subscribed")
    assert (subscribed["seq"], subscribed["recovered"]) == (3, True)
    assert moved.numbers == []
    await stale.at(3)


async def test_h06c_a_read_after_an_ack_knows_of_it(start: Start) -> None:
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    await two.page()
    ann = await one.join("ann")
    for number in range(1, 6):
        ack = await ann.do(create_chat(f"{number}"))
        assert (await two.page()).position == Position(ack["epoch"], ack["seq"])


async def test_h06c_a_read_that_began_before_the_ack_is_not_enough(start: Start) -> None:
    """Somebody reads the log; meanwhile a commit elsewhere; who joins now needs another read."""
    storage = TroubledStorage()
    one, two = await start(storage), await start(other := TroubledStorage(storage.inner))
    ann = await one.join("ann")
    await ann.do(create_chat("1"))
    await two.join("bob")
    await ann.do(create_chat("2"))
    read = other.hold("read", answer=True)
    two.services.reader.catch_up_soon(two.open_page())
    await until(lambda: read.waiting)
    ack = await ann.do(create_chat("3"))
    carol = two.connect("carol")
    carol.ask_for_page()
    await until(lambda: other.calls["heads"] >= 3)
    await turns()
    read.open()
    assert (await carol.expect("subscribed"))["seq"] == ack["seq"] == 3


async def test_a_hint_during_a_read_is_not_forgotten(start: Start) -> None:
    """ "Read the log" comes while the log is being read: it is read once more, not at the sweep."""
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, sender := TroubledBus(bus))
    two = await start(other := TroubledStorage(storage.inner), TroubledBus(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    await ann.do(create_chat("1"))
    await bob.at(1)
    sender.deaf = True
    await ann.do(create_chat("2, unheard"))
    read = other.hold("read", answer=True)
    two.services.reader.catch_up_soon(two.open_page())
    await until(lambda: read.waiting)
    await ann.do(create_chat("3, unheard"))
    sender.deaf = False
    await ann.do(create_chat("4, heard"))
    await until(lambda: two.open_page().sequencer.behind)
    read.open()
    await bob.at(4)


async def test_h06d_a_second_subscribe_stops_the_first(start: Start) -> None:
    server = await start()
    ann, bob = await server.join("ann"), await server.join("bob")
    await ann.do(create_chat("1"))
    await bob.at(1)
    bob.ask_for_page(bob.page.since)
    await ann.do(create_chat("2"))
    subscribed = await bob.expect("subscribed", recovered=True)
    await bob.at(2)
    await ann.do(create_chat("3"))
    await bob.at(3)
    frames = [json.loads(text) for text in bob.texts]
    answered = next(i for i, f in enumerate(frames) if f["type"] == "subscribed" and i > 3)
    later = [n for f in frames[answered:] if f["type"] == "events" for n in (f["first"], f["last"])]
    assert later == sorted(later)
    assert subscribed["seq"] in (1, 2)
    assert len(server.open_page().viewers) == 2


async def test_an_unsubscribed_page_says_nothing_more(start: Start) -> None:
    """A viewer that resumes inside a frame is served by a task; it unsubscribes before that."""
    server = await start()
    ann = await server.join("ann")
    page = server.open_page()
    page.pace = Waits(30.0)
    await ann.do(create_chat("first"))
    for number in range(4):
        await ann.do(create_chat(f"{number}"))
    page.flush()
    [boundary] = [n for n in ann.numbers if n[1] - n[0] >= 2]
    bob = server.connect("bob")
    bob.ask_for_page({"epoch": page.position.epoch, "seq": boundary[0]})
    bob.say({"type": "unsubscribe", "urlId": bob.url_id})
    await bob.expect("unsubscribed")
    already = len(bob.numbers)
    await turns(100)
    assert len(bob.numbers) == already


async def test_join_at_every_position_of_a_merged_ring(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    page = server.open_page()
    chat = (await ann.do(create_chat("first")))["chatId"]
    rng = random.Random(4)
    for number in range(40):
        if rng.random() < 0.5:
            page.pace = Waits(30.0)
        else:
            page.pace = Waits(0.0)
        await ann.do(add_comment(chat, f"{number}") if number % 3 else resolve_chat(chat))
    page.flush()
    head = page.position.seq
    for seq in range(head + 1):
        bob = server.connect(f"bob{seq}")
        bob.ask_for_page({"epoch": page.position.epoch, "seq": seq})
        assert (await bob.expect("subscribed"))["recovered"] is True
        await until(lambda bob=bob, seq=seq: seq == head or bob.numbers[-1][1] == head)
        told = [n for first, last in bob.numbers for n in range(first, last + 1)]
        assert told == list(range(seq + 1, head + 1))


async def test_a_position_that_nobody_knows_gets_the_whole_page(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    ack = await ann.do(create_chat())
    for since in (
        {"epoch": "another", "seq": 1},
        {"epoch": ack["epoch"], "seq": 2},
        {"epoch": ack["epoch"], "seq": 2**53},
    ):
        bob = server.connect("bob")
        bob.ask_for_page(since)
        assert (await bob.expect("subscribed"))["recovered"] is False
        await bob.expect("snapshot", last=True)
        assert bob.page.outline() == ann.page.outline()
    assert (await server.page()).position.epoch == ack["epoch"], "a client's word changes nothing"
    bob = server.connect("bob")
    bob.ask_for_page({"epoch": "", "seq": 0})
    assert (await bob.expect("subscribed"))["recovered"] is True, "seq 0 is good in every epoch"


async def test_a_position_that_was_trimmed_gets_the_whole_page(start: Start) -> None:
    storage = TroubledStorage()
    one = await start(storage)
    ann = await one.join("ann")
    for number in range(6):
        ack = await ann.do(create_chat(f"{number}"))
    assert await storage.trim(before_ms=2**50, keep_events=2) == 4
    two = await start(TroubledStorage(storage.inner))
    for since, recovered in ((3, False), (4, True), (6, True)):
        bob = two.connect("bob")
        bob.ask_for_page(bob.stand_at(ack["epoch"], since))
        assert (await bob.expect("subscribed"))["recovered"] is recovered
        await bob.at(6)


async def test_h16_a_large_page_is_fetched_and_then_subscribed(start: Start) -> None:
    server = await start(tuning=Tuning(snapshot_bytes=4_000))
    ann = await server.join("ann")
    for _ in range(4):
        await ann.do(create_chat("x" * 1_500))
    bob = server.connect("bob")
    bob.ask_for_page()
    subscribed = await bob.expect("subscribed")
    assert subscribed["load"] is True
    await ann.do(create_chat("while it is fetched"))
    await turns()
    assert bob.of("snapshot") == bob.of("events") == []
    fetched = json.loads((await server.page()).encoded(compressed=False))
    bob.page.replace(fetched["epoch"], fetched["seq"], fetched["chats"])
    await ann.do(create_chat("after it was fetched"))
    bob.ask_for_page(bob.page.since)
    assert (await bob.expect("subscribed"))["recovered"] is True
    await bob.at(6)
    assert bob.page.outline() == ann.page.outline()


async def test_h16_a_thousand_joiners_share_one_encoding_and_few_reads(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    await ann.do(create_chat())
    before = storage.calls.copy()
    crowd = [server.connect(f"user{number}") for number in range(1_000)]
    for client in crowd:
        client.ask_for_page()
    for client in crowd:
        await client.expect("snapshot", last=True)
    reads = storage.calls - before
    print(f"1000 joiners: {dict(reads)}")
    assert sum(reads.values()) <= 5
    owed, _ = server.open_page().snapshot()
    assert sum(owed[0].text == text for client in crowd for text in client.texts) == 1_000


async def test_a_join_in_the_middle_of_a_storm_is_complete(pair: tuple[Server, Server]) -> None:
    """Joins, resumes and leaves while two processes write: nobody sees a hole or a repeat."""
    rng = random.Random(11)
    one, two = pair
    writers = [await one.join("ann"), await two.join("bob")]
    viewers: list[Client] = list(writers)
    for number in range(120):
        rng.choice(writers).operate(create_chat(f"{number}"))
        if rng.random() < 0.3:
            viewer = rng.choice(pair).connect(f"viewer{number}")
            viewer.ask_for_page()
            viewers.append(viewer)
        if rng.random() < 0.2 and len(viewers) > 2:
            gone = viewers.pop(rng.randrange(2, len(viewers)))
            gone.leave()
            viewers.append(await gone.come_back(rng.choice(pair)))
        await turns(rng.randrange(20))
    await until(lambda: not any(writer.pending for writer in writers))
    for viewer in viewers:
        await viewer.at(120)
        assert not viewer.lost
        assert viewer.page.outline() == writers[0].page.outline()
    assert one.open_page(KEY).position == two.open_page(KEY).position
