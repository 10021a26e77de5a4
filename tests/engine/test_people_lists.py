"""Who is here by name: where the host wants it, on pages of few, over all processes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collabchat_asgi import Identity
from collabchat_asgi.testing.operations import new_id

from .conftest import Start
from .harness import PLENTY, TIMING, Client, Clock, Server, TroubledBus, TroubledStorage, turns

LISTED = replace(PLENTY, people_listed=3)


async def agree(clock: Clock, *servers: Server) -> None:
    for _ in range(4):
        clock.advance(1.1)
        for server in servers:
            server.tick()
        await turns(60)


def known(client: Client) -> set[str] | None:
    """As a client keeps the list: it is none where it does not fit the count."""
    people: dict[str, Any] = {}
    users = 0
    for text in client.inbox:
        if text["type"] == "subscribed" and "people" in text:
            people = {user["id"]: user for user in text["people"]}
        if text["type"] in ("subscribed", "presence"):
            users = text.get("users", users)
            for id in text.get("left", ()):
                people.pop(id, None)
            people |= {user["id"]: user for user in text.get("joined", ())}
            if len(people) != users:
                people = {}
    return set(people) or None


async def join(server: Server, name: str) -> tuple[Client, Any]:
    client = server.connect(name)
    subscribed = await client.subscribe()
    client.inbox.insert(0, subscribed)
    return client, subscribed


async def test_people_are_told_by_name(start: Start) -> None:
    clock = Clock()
    server = await start(TroubledStorage(), clock=clock, limits=LISTED)
    ann, first = await join(server, "ann")
    assert [user["id"] for user in first["people"]] == ["ann"]
    await agree(clock, server)
    bob, second = await join(server, "bob")
    assert {user["name"] for user in second["people"]} == {"Ann", "Bob"}
    await agree(clock, server)
    [came] = [frame for frame in ann.of("presence") if frame.get("joined")]
    assert came == {
        "type": "presence",
        "urlId": "page",
        "users": 2,
        "connections": 2,
        "joined": [{"id": "bob", "name": "Bob"}],
    }
    bob.leave()
    for _ in range(8):
        await agree(clock, server)
    assert ann.of("presence")[-1]["left"] == ["bob"]
    assert known(ann) == {"ann"}


async def test_without_the_setting_only_counts_are_told(start: Start) -> None:
    clock = Clock()
    server = await start(TroubledStorage(), clock=clock)
    ann, first = await join(server, "ann")
    await join(server, "bob")
    await agree(clock, server)
    assert "people" not in first
    assert ann.of("presence")[-1]["users"] == 2
    assert not any({"joined", "left"} & frame.keys() for frame in ann.of("presence"))


async def test_a_page_that_outgrows_its_list_tells_counts_alone_and_all_when_it_shrinks(
    start: Start,
) -> None:
    clock = Clock()
    server = await start(TroubledStorage(), clock=clock, limits=LISTED)
    ann, _ = await join(server, "ann")
    others = [(await join(server, name))[0] for name in ("bob", "eve")]
    await agree(clock, server)
    assert known(ann) == {"ann", "bob", "eve"}
    dan, fourth = await join(server, "dan")
    await agree(clock, server)
    assert "people" not in fourth
    assert ann.of("presence")[-1] == {
        "type": "presence",
        "urlId": "page",
        "users": 4,
        "connections": 4,
    }
    others[0].leave()
    for _ in range(8):
        await agree(clock, server)
    assert known(ann) == known(dan) == {"ann", "eve", "dan"}


async def test_whoever_comes_while_the_page_is_too_full_for_a_moment_ends_with_everybody(
    start: Start,
) -> None:
    clock = Clock()
    server = await start(TroubledStorage(), clock=clock, limits=LISTED)
    ann, bob, eve = [(await join(server, name))[0] for name in ("ann", "bob", "eve")]
    await agree(clock, server)
    bob.leave()
    clock.advance(TIMING.presence_grace_seconds - 0.7)
    await join(server, "ann")  # the others have just been told something
    dan, subscribed = await join(server, "dan")
    assert "people" not in subscribed
    clock.advance(1.1)  # now bob is gone, before anybody was told that there were four
    server.tick()
    await turns(60)
    for client in (ann, eve, dan):
        assert known(client) == {"ann", "eve", "dan"}


async def test_names_reach_other_processes_and_never_the_broker_in_the_clear(
    start: Start,
) -> None:
    clock, bus, storage = Clock(), new_id(), TroubledStorage()
    said: list[bytes] = []

    class Listening(TroubledBus):
        async def publish(self, topic: str, payload: bytes) -> None:
            said.append(payload)
            await super().publish(topic, payload)

    one = await start(storage, Listening(bus), clock=clock, limits=LISTED)
    other = await start(TroubledStorage(storage.inner), Listening(bus), clock=clock, limits=LISTED)
    ann, _ = await join(one, "annabel-lee")
    await agree(clock, one, other)
    bob, _ = await join(other, "bobadilla")
    await agree(clock, one, other)
    assert known(ann) == known(bob) == {"annabel-lee", "bobadilla"}
    assert said
    assert not any(name in payload.lower() for payload in said for name in (b"annabel", b"bobad"))
    crowd = [(await join(other, f"crowd-{n}"))[0] for n in range(4)]
    await agree(clock, one, other)
    assert known(ann) is None
    for client in crowd[:3]:
        client.leave()
    for _ in range(8):
        await agree(clock, one, other)
    assert known(ann) == known(bob) == {"annabel-lee", "bobadilla", "crowd-3"}
    await other.die()
    for _ in range(12):
        clock.advance(5)
        one.tick()
        await turns(20)
    assert known(ann) == {"annabel-lee"}


def as_named(name: str) -> Identity:
    return Identity("ann", name=name, tenants={"acme": "commenter"})


async def test_who_is_called_otherwise_is_so_on_every_process(start: Start) -> None:
    """After a reload, which presence does not see, and after a new token."""
    clock, bus, storage = Clock(), new_id(), TroubledStorage()
    one = await start(storage, TroubledBus(bus), clock=clock, limits=LISTED)
    other = await start(storage, TroubledBus(bus), clock=clock, limits=LISTED)
    ann, _ = await join(one, "ann")
    await agree(clock, one, other)
    bob, _ = await join(other, "bob")
    await agree(clock, one, other)
    ann.leave()
    again = one.connect("ann", identity=as_named("Annabel"))
    await again.subscribe()
    await agree(clock, one, other)
    assert bob.of("presence")[-1]["joined"] == [{"id": "ann", "name": "Annabel"}]
    eve, _ = await join(one, "eve")
    await agree(clock, one, other)
    again.connection.identify(as_named("Annabel"))
    await agree(clock, one, other)
    heard = [client.of("presence") for client in (bob, eve)]
    again.connection.identify(as_named("Anna"))
    await agree(clock, one, other)
    for client, before in zip((bob, eve), heard, strict=True):
        [frame] = client.of("presence")[len(before) :]
        assert frame["joined"] == [{"id": "ann", "name": "Anna"}]
    assert known(bob) == {"ann", "bob", "eve"}
