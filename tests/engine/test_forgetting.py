"""One person is taken out of a page, and the page is what its log says."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import anonymous
from collabchat_asgi.core.model import FORGOTTEN, PageKey, Position
from collabchat_asgi.core.records import decode_event, restore
from collabchat_asgi.core.state import State
from collabchat_asgi.engine.erasing.belongings import theirs
from collabchat_asgi.engine.erasing.forgetting import Gone, forgotten, names
from collabchat_asgi.errors import Refused
from collabchat_asgi.storage.abc import PageCopy, new_epoch
from collabchat_asgi.testing.operations import (
    add_comment,
    add_reaction,
    create_chat,
    delete_chat,
    delete_comment,
    edit_comment,
    move_anchor,
    remove_reaction,
    reopen_chat,
    resolve_chat,
)
from collabchat_asgi.testing.operations import anchor as an_anchor

PAGE = PageKey("acme", "page")
PEOPLE = ("ann", 'bob "\\ö', "cem")
GONE = PEOPLE[1]


def who(user_id: str) -> Identity:
    return Identity(user_id, name=f"name of {user_id}", tenants={"acme": "moderator"})


async def a_history(seed: int, steps: int = 50) -> PageCopy:
    """People do what they like with each other's chats; bodies say whose they are."""
    chance = random.Random(seed)
    collab = CollabChat(authenticate=anonymous(), storage="memory://", pubsub="memory://")
    for step in range(steps):
        chats: list[Any] = (await collab.snapshot(*PAGE))["chats"]
        person = chance.choice(PEOPLE)
        body = f"words of {person} {step}"
        made = create_chat(body, anchor=an_anchor(f"passage {step}"))
        if chats and chance.random() < 0.85:
            chat = chance.choice(chats)
            comment = chance.choice(chat["comments"])
            ids = chat["id"], comment["id"]
            made = chance.choice(
                [
                    add_comment(chat["id"], body),
                    add_comment(chat["id"], body),
                    edit_comment(*ids, body),
                    delete_comment(*ids),
                    resolve_chat(chat["id"]),
                    reopen_chat(chat["id"]),
                    add_reaction(*ids, chance.choice("👍🎈")),
                    add_reaction(*ids, chance.choice("👍🎈")),
                    remove_reaction(*ids, chance.choice("👍🎈")),
                    move_anchor(chat["id"], an_anchor(f"moved to {step}")),
                    delete_chat(chat["id"]) if chance.random() < 0.2 else resolve_chat(chat["id"]),
                ]
            )
        # Only its author may edit a comment.
        with suppress(Refused):
            await collab.submit(*PAGE, made, identity=who(person))
    copy = await collab.storage.dump(PAGE)
    await collab.close()
    return copy


def folded(copy: PageCopy) -> State:
    """The page as its whole log tells it."""
    bodies = {record.key: record for record in copy.records}
    state = State()
    for one in sorted(copy.kept, key=lambda one: one.position.seq):
        if one.event is None:
            continue
        record = bodies.get(one.body_key or "")
        body = record.body if record and record.body_seq == one.position.seq else ""
        state.fold(copy.position.epoch, decode_event(one.event, body))
    return state


def shown(state: State) -> list[Any]:
    """What readers see, but for empty reactions of nobody."""
    return [msgspec.to_builtins(chat.as_chat(newest=None)) for chat in state.chats.values()]


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_names_them_and_the_log_tells_the_same_page(seed: int) -> None:
    before = await a_history(seed)
    made = forgotten(before, GONE, epoch=new_epoch(), now_ms=5)
    assert made is not None
    after, gone = made
    everything = msgspec.json.encode(after.records) + msgspec.json.encode(after.kept)
    inside = b"".join((one.event or b"") for one in after.kept) + b"".join(
        record.value + record.body.encode() for record in after.records
    )
    for trace in (GONE, f"name of {GONE}", f"words of {GONE}"):
        assert msgspec.json.encode(trace)[1:-1] not in inside
        assert trace.encode() not in inside
        assert msgspec.json.encode(trace)[1:-1] not in everything
    state = restore(after.position, after.records, 0)
    assert shown(folded(after)) == shown(state)
    assert [
        one.position.seq
        for one in sorted(after.kept, key=lambda one: one.position.seq)
        if one.event is not None
    ] == list(range(1, after.position.seq + 1))
    assert forgotten(after, GONE, epoch=new_epoch(), now_ms=6) is None
    assert gone.comments + gone.reactions + gone.events > 0


@pytest.mark.parametrize("seed", range(8, 10))
async def test_what_others_did_stays(seed: int) -> None:
    before = await a_history(seed)
    made = forgotten(before, GONE, epoch=new_epoch(), now_ms=5)
    assert made is not None

    def others(copy: PageCopy) -> list[Any]:
        told: list[Any] = []
        for chat in restore(copy.position, copy.records, 0).chats.values():
            for comment in (known.comment for known in chat.comments.values()):
                if comment.author.id == GONE:
                    continue
                by = {
                    emoji: [id for id in people if id != GONE]
                    for emoji, people in (
                        msgspec.to_builtins(comment).get("reactions") or {}
                    ).items()
                }
                by = {emoji: people for emoji, people in by.items() if people}
                told.append((chat.id, chat.anchor, comment.id, comment.body, comment.author, by))
        return told

    assert others(made[0]) == others(before)
    kept = {one.broadcast_id: one for one in made[0].kept}
    for one in before.kept:
        if one.user_id != GONE:
            assert kept[one.broadcast_id].fingerprint == one.fingerprint
            assert kept[one.broadcast_id].receipt == one.receipt


async def test_two_people_are_forgotten_one_after_the_other() -> None:
    copy = await a_history(99)
    for person in PEOPLE[:2]:
        made = forgotten(copy, person, epoch=new_epoch(), now_ms=5)
        assert made is not None
        copy = made[0]
    assert shown(folded(copy)) == shown(restore(copy.position, copy.records, 0))
    assert not any(names(copy, person) for person in PEOPLE[:2])


async def test_what_was_trimmed_is_forgotten_too() -> None:
    before = await a_history(3)
    trimmed = [replace(one, event=None, body_key=None) for one in before.kept]
    old = replace(before, trimmed=before.position.seq, kept=trimmed)
    made = forgotten(old, GONE, epoch=new_epoch(), now_ms=5)
    assert made is not None
    assert all(one.user_id != GONE for one in made[0].kept)
    assert made[1].operations == sum(one.user_id == GONE for one in before.kept)


async def test_who_is_not_there_changes_nothing() -> None:
    assert forgotten(await a_history(1, 10), "nobody", epoch="e", now_ms=5) is None
    assert forgotten(PageCopy(Position("", 0), 0, (), ()), GONE, epoch="e", now_ms=5) is None


async def test_what_is_theirs_is_told_and_nobody_elses() -> None:
    copy = await a_history(4)
    found = theirs(copy, GONE)
    assert found is not None
    assert found["comments"]
    for one in found["comments"]:
        assert one["comment"]["author"]["id"] == GONE
        assert one["comment"]["body"].startswith(f"words of {GONE}")
    made = forgotten(copy, GONE, epoch=new_epoch(), now_ms=5)
    assert made is not None
    assert theirs(made[0], GONE) is None
    count = sum(len(c["comment"]) > 0 for c in found["comments"])
    assert made[1].comments == count


def test_nobody_may_be_called_so() -> None:
    with pytest.raises(ValueError, match="forgotten"):
        Identity(FORGOTTEN.id, tenants={})
    total = Gone()
    total.add(Gone(pages=1, comments=2))
    total.add(Gone(pages=1, reactions=3))
    assert (total.pages, total.comments, total.reactions) == (2, 2, 3)
