"""PROTOCOL section 2, promise 7: what was deleted or edited away is gone, from every door."""

from __future__ import annotations

import json

import pytest

from collabchat_asgi.testing import History, check
from collabchat_asgi.testing import operations as op

from .conftest import Site

SECRET = "the password is hunter2"


async def said_and_taken_back(site: Site, how: str) -> str:
    """A comment with a secret, then without. The epoch."""
    ann, create = await site.join("ann"), op.create_chat("harmless")
    chat_id = create["chat"]["id"]
    add = op.add_comment(chat_id, SECRET)
    comment_id = add["comment"]["id"]
    await ann.do(create)
    await ann.do(add)
    after = {
        "edit": op.edit_comment(chat_id, comment_id, "nothing"),
        "delete the comment": op.delete_comment(chat_id, comment_id),
        "delete the chat": op.delete_chat(chat_id),
    }
    return str((await ann.do(after[how]))["epoch"])


WAYS = ["edit", "delete the comment", "delete the chat"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("after", [0, 1])
async def test_a_replay_does_not_show_it(site: Site, how: str, after: int) -> None:
    epoch = await said_and_taken_back(site, how)
    bob = await site.join("bob", since={"epoch": epoch, "seq": after})
    frame = await bob.expect("events", last=3)
    assert SECRET not in json.dumps([frame, bob.inbox])


@pytest.mark.parametrize("how", WAYS)
async def test_a_snapshot_does_not_show_it(site: Site, how: str) -> None:
    await said_and_taken_back(site, how)
    bob = await site.connect("bob")
    await bob.send({"type": "subscribe", "urlId": site.page})
    assert SECRET not in json.dumps(await bob.expect("snapshot", last=True))


@pytest.mark.parametrize("how", WAYS)
async def test_http_does_not_show_it(site: Site, how: str) -> None:
    epoch = await said_and_taken_back(site, how)
    http = site.http()
    answers = [await http.chats(site.page), await http.events(site.page, epoch=epoch)]
    assert SECRET not in json.dumps(answers)
    assert (answers[1]["first"], answers[1]["last"]) == (1, 3)


@pytest.mark.parametrize("how", WAYS)
async def test_another_process_does_not_show_it(site: Site, peer: str, how: str) -> None:
    warm = await site.join("warm", url=peer)
    epoch = await said_and_taken_back(site, how)
    await warm.until_position(site.page, 3)
    bob = await site.join("bob", url=peer, since={"epoch": epoch, "seq": 0})
    assert SECRET not in json.dumps([await bob.expect("events", last=3), bob.inbox])


async def test_the_checker_agrees(site: Site) -> None:
    site.history = History()
    for how in WAYS:
        site.page += "-next"
        await said_and_taken_back(site, how)
        await site.join("bob", since={"epoch": "", "seq": 0})
        await site.clients[-1].until_position(site.page, 3)
        await site.http("reader").log(site.page)
    check(site.history).assert_kept()
