"""PROTOCOL section 4: what each operation does, who may, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing import operations as op

from .conftest import Site

Json = dict[str, Any]
FAMILY = "👨‍👩‍👧"
PLACE = op.anchor("another place", start=77)
WHOLE = {"selector": [], "length": 1_000}
"""The page as a whole."""


class Thread:
    """A chat of Ann's with a comment of Ann's and one of Bob's."""

    def __init__(self, create: Json, ann: Json, bob: Json) -> None:
        self.chat = create["chat"]["id"]
        self.first = create["chat"]["comment"]["id"]
        self.anns, self.bobs = ann["comment"]["id"], bob["comment"]["id"]


async def thread(ann: SocketClient, bob: SocketClient, page: str) -> Thread:
    create = op.create_chat("first")
    await ann.do(create, page)
    mine = op.add_comment(create["chat"]["id"], "second")
    await ann.do(mine, page)
    his = op.add_comment(create["chat"]["id"], "third")
    await bob.do(his, page)
    return Thread(create, mine, his)


async def shown(site: Site) -> Json:
    """The page's only chat, as anyone reads it; empty where there is none."""
    page = await site.http("reader").chats(site.page)
    return page["chats"][0] if page["chats"] else {}


# What each does. Expected: the event's own fields.

EFFECTS = {
    "add-comment": (
        lambda t: op.add_comment(t.chat, "fourth", id="00000000-0000-4000-8000-000000000001"),
        lambda t: {
            "change": "comment-added",
            "comment": {"id": "00000000-0000-4000-8000-000000000001", "body": "fourth"},
        },
    ),
    "delete-comment": (
        lambda t: op.delete_comment(t.chat, t.anns),
        lambda t: {"change": "comment-deleted", "commentId": t.anns},
    ),
    "resolve-chat": (lambda t: op.resolve_chat(t.chat), lambda t: {"change": "resolved"}),
    "move-anchor": (
        lambda t: op.move_anchor(t.chat, PLACE),
        lambda t: {"change": "anchor-moved", "anchor": PLACE},
    ),
    "add-reaction": (
        lambda t: op.add_reaction(t.chat, t.bobs, FAMILY),
        lambda t: {"change": "reaction-added", "commentId": t.bobs, "emoji": FAMILY},
    ),
}


@pytest.mark.parametrize(("operation", "fields"), EFFECTS.values(), ids=EFFECTS)
async def test_what_an_operation_tells_everyone(site: Site, operation: Any, fields: Any) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    ack = await ann.do(operation(talk))
    event = await bob.expect_event(seq=4)
    head = {name: ack[name] for name in ("seq", "broadcastId", "ts")}
    expected = {"type": "updated-text-chat", **head, "user": ann.welcome["user"]}
    assert event == {**expected, "chatId": talk.chat, **fields(talk)}


async def test_a_discussion_of_the_page_as_a_whole(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    create = op.create_chat("about everything", anchor=WHOLE)
    await ann.do(create)
    event = await bob.expect_event("new-text-chat")
    assert event["chat"]["anchor"] == WHOLE
    assert (await shown(site))["anchor"] == WHOLE
    await ann.do(op.move_anchor(create["chat"]["id"], PLACE))
    await ann.do(op.move_anchor(create["chat"]["id"], WHOLE))
    events = [await bob.expect_event(change="anchor-moved") for _ in range(2)]
    assert [event["anchor"] for event in events] == [PLACE, WHOLE]
    assert (await shown(site))["anchor"] == WHOLE


async def test_edit_comment(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    ack = await ann.do(op.edit_comment(talk.chat, talk.anns, "better"))
    event = await bob.expect_event(change="comment-edited")
    assert event["comment"].items() >= {"id": talk.anns, "body": "better"}.items()
    comment = (await shown(site))["comments"][1]
    assert (comment["body"], comment["editedAt"]) == ("better", ack["ts"])


async def test_delete_chat(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    await ann.do(op.delete_chat(talk.chat))
    event = await bob.expect_event("deleted-text-chat")
    assert event["chatId"] == talk.chat
    assert await shown(site) == {}


async def test_deleting_the_last_comment_deletes_the_chat(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    create = op.create_chat()
    await ann.do(create)
    await bob.expect_event("new-text-chat")
    await ann.do(op.delete_comment(create["chat"]["id"], create["chat"]["comment"]["id"]))
    assert (await bob.expect_event("deleted-text-chat"))["chatId"] == create["chat"]["id"]
    assert await shown(site) == {}


async def test_resolve_and_reopen(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    ack = await bob.do(op.resolve_chat(talk.chat))
    assert (await shown(site))["resolved"] == {"by": bob.welcome["user"], "at": ack["ts"]}
    await ann.do(op.reopen_chat(talk.chat))
    await bob.expect_event(change="reopened", chatId=talk.chat)
    assert "resolved" not in await shown(site)


async def test_reactions_come_and_go(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    for client in (ann, bob):
        await client.do(op.add_reaction(talk.chat, talk.first, "👍"))
    people = [client.welcome["user"]["id"] for client in (ann, bob)]
    assert (await shown(site))["comments"][0]["reactions"] == {"👍": people}
    await ann.do(op.remove_reaction(talk.chat, talk.first, "👍"))
    await bob.expect_event(change="reaction-removed", commentId=talk.first, emoji="👍")
    assert (await shown(site))["comments"][0]["reactions"] == {"👍": people[1:]}


@pytest.mark.parametrize("emoji", ["👍", "❤️", "🇩🇪", "1️⃣", "👍🏽", FAMILY])
async def test_every_kind_of_emoji_is_one(site: Site, emoji: str) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    await ann.do(op.add_reaction(talk.chat, talk.bobs, emoji))


async def test_the_server_makes_ids_that_are_not_given(site: Site) -> None:
    ann = await site.join()
    create = op.create_chat()
    del create["chat"]["id"], create["chat"]["comment"]["id"]
    ack = await ann.do(create)
    event = await ann.expect_event("new-text-chat")
    assert event["chat"]["id"] == ack["chatId"]
    assert event["chat"]["comment"]["id"] == ack["commentId"]
    assert ack["chatId"][14] == "7"


# What changes nothing

NO_CHANGE = {
    "reopen what is open": lambda t: op.reopen_chat(t.chat),
    "move to where it is": lambda t: op.move_anchor(t.chat, op.anchor()),
    "edit to what it says": lambda t: op.edit_comment(t.chat, t.anns, "second"),
    "remove what is not there": lambda t: op.remove_reaction(t.chat, t.first, "👍"),
}


@pytest.mark.parametrize("operation", NO_CHANGE.values(), ids=NO_CHANGE)
async def test_what_changes_nothing_is_acked_without_an_event(site: Site, operation: Any) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    assert (await ann.do(operation(talk)))["seq"] == 3
    assert (await ann.do(op.resolve_chat(talk.chat)))["seq"] == 4
    assert (await ann.do(op.resolve_chat(talk.chat)))["seq"] == 4


# Who may

OWN, OTHERS = "anns", "bobs"
RIGHTS = [
    ("create-chat", lambda t: op.create_chat(), {"commenter", "moderator"}),
    ("add-comment", lambda t: op.add_comment(t.chat), {"commenter", "moderator"}),
    ("edit own", lambda t: op.edit_comment(t.chat, t.anns, "x"), {"commenter", "moderator"}),
    ("edit another's", lambda t: op.edit_comment(t.chat, t.bobs, "x"), set[str]()),
    ("delete own", lambda t: op.delete_comment(t.chat, t.anns), {"commenter", "moderator"}),
    ("delete another's", lambda t: op.delete_comment(t.chat, t.bobs), {"moderator"}),
    ("resolve", lambda t: op.resolve_chat(t.chat), {"commenter", "moderator"}),
    ("react", lambda t: op.add_reaction(t.chat, t.bobs), {"commenter", "moderator"}),
    ("move own", lambda t: op.move_anchor(t.chat, PLACE), {"commenter", "moderator"}),
    ("delete own chat", lambda t: op.delete_chat(t.chat), {"commenter", "moderator"}),
]


@pytest.mark.parametrize("role", ["reader", "commenter", "moderator"])
@pytest.mark.parametrize(("name", "operation", "roles"), RIGHTS, ids=[r[0] for r in RIGHTS])
async def test_who_may_do_what(
    site: Site, name: str, operation: Any, roles: set[str], role: str
) -> None:
    talk = await thread(await site.connect("ann"), await site.connect("bob"), site.page)
    ann = await site.join("ann", role)
    answer = await ann.ask(operation(talk))
    expected = "ack" if role in roles else "forbidden"
    assert answer.get("code", answer["type"]) == expected, name


@pytest.mark.parametrize("role", ["commenter", "moderator"])
@pytest.mark.parametrize("what", ["move-anchor", "delete-chat"])
async def test_anothers_chat_is_for_moderators(site: Site, what: str, role: str) -> None:
    talk = await thread(await site.connect("ann"), await site.connect("bob"), site.page)
    eve = await site.join("eve", role)
    operations = {
        "move-anchor": op.move_anchor(talk.chat, PLACE),
        "delete-chat": op.delete_chat(talk.chat),
    }
    answer = await eve.ask(operations[what])
    assert answer["type"] == ("ack" if role == "moderator" else "error")


# What is refused

UNKNOWN = "00000000-0000-4000-8000-00000000dead"
NOT_FOUND = {
    "add-comment": lambda t: op.add_comment(UNKNOWN),
    "edit-comment": lambda t: op.edit_comment(t.chat, UNKNOWN, "x"),
    "delete-comment": lambda t: op.delete_comment(t.chat, UNKNOWN),
    "resolve-chat": lambda t: op.resolve_chat(UNKNOWN),
    "reopen-chat": lambda t: op.reopen_chat(UNKNOWN),
    "move-anchor": lambda t: op.move_anchor(UNKNOWN, PLACE),
    "delete-chat": lambda t: op.delete_chat(UNKNOWN),
    "add-reaction": lambda t: op.add_reaction(t.chat, UNKNOWN),
    "remove-reaction": lambda t: op.remove_reaction(t.chat, UNKNOWN),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("operation", NOT_FOUND.values(), ids=NOT_FOUND)
async def test_what_does_not_exist_is_not_found(site: Site, operation: Any) -> None:
    ann, bob = await site.join("ann"), await site.connect("bob")
    talk = await thread(ann, bob, site.page)
    error = await ann.refused(operation(talk))
    assert (error["code"], error["retry"], error["urlId"]) == ("not-found", False, site.page)


async def test_a_deleted_chat_takes_nothing_more(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    talk = await thread(ann, bob, site.page)
    await ann.do(op.delete_chat(talk.chat))
    for operation in (op.add_comment(talk.chat), op.resolve_chat(talk.chat)):
        assert (await bob.refused(operation))["code"] == "not-found"


async def test_a_refused_operation_is_seen_by_nobody(site: Site) -> None:
    ann, bob = await site.join("ann", "reader"), await site.join("bob")
    await ann.refused(op.create_chat("not allowed"))
    await bob.do(op.create_chat("allowed"))
    event = await bob.expect_event("new-text-chat")
    assert (event["seq"], event["chat"]["comment"]["body"]) == (1, "allowed")


@pytest.mark.usefixtures("neighbour")
async def test_the_twenty_first_emoji_is_too_many(site: Site) -> None:
    ann = await site.join()
    create = op.create_chat()
    await ann.do(create)
    ids = create["chat"]["id"], create["chat"]["comment"]["id"]
    people = [await site.connect(name) for name in ("bob", "eve", "zoe")]
    for number in range(20):
        emoji = chr(ord("🐀") + number)
        await people[number % 3].do(op.add_reaction(*ids, emoji), site.page)
    error = await people[0].refused(op.add_reaction(*ids, "🚀"), site.page)
    assert error["code"] == "too-many"
    await people[0].do(op.add_reaction(*ids, "🐁"), site.page)


@pytest.mark.usefixtures("neighbour")
async def test_the_twenty_first_comment_in_a_minute_is_too_fast(site: Site) -> None:
    ann = await site.join()
    create = op.create_chat()
    await ann.do(create)
    for _ in range(19):
        await ann.do(op.add_comment(create["chat"]["id"]))
    error = await ann.refused(op.add_comment(create["chat"]["id"]))
    assert (error["code"], error["retry"]) == ("rate-limited", True)
    assert error["retryAfterMs"] > 0
    tab = await site.connect("ann")
    assert (await tab.do(create, site.page))["seq"] == 1, "known retries are free"


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(("page", "code"), [("secret", "forbidden"), ("broken", "unavailable")])
async def test_what_authorize_says_is_said(site: Site, page: str, code: str) -> None:
    ann = await site.connect()
    error = await ann.refused(op.create_chat(), f"{page}-{site.mark}")
    assert (error["code"], error["retry"]) == (code, code == "unavailable")


async def test_what_was_sent_behind_a_retry_cannot_overtake_it(site: Site) -> None:
    page = f"stumble-{site.mark}"
    ann = await site.connect()
    first, second, third = op.create_chat("1"), op.create_chat("2"), op.create_chat("3")
    for operation in (first, second):
        await ann.say(operation, page)
    for operation in (first, second):
        error = await ann.expect("error", broadcastId=operation["broadcastId"])
        assert (error["code"], error["retry"]) == ("unavailable", True)
    assert (await ann.refused(third, page))["retry"] is True
    acks = [await ann.do(operation, page) for operation in (first, second, third)]
    assert [ack["seq"] for ack in acks] == [1, 2, 3]


async def test_other_pages_go_on_behind_a_retry(site: Site) -> None:
    ann = await site.join()
    await ann.refused(op.create_chat(), f"stumble-{site.mark}")
    await ann.do(op.create_chat(), site.page)
