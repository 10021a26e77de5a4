"""PROTOCOL section 2, promise 5: nothing of a tenant reaches anyone else."""

from __future__ import annotations

from typing import Any

import pytest

from collabchat_asgi.testing import operations as op

from .conftest import Site

Json = dict[str, Any]


def anonymised(error: Json) -> Json:
    return {name: value for name, value in error.items() if name != "broadcastId"}


async def test_one_url_in_two_tenants_is_two_pages(site: Site) -> None:
    ann, bea = await site.join("ann"), await site.join("bea", tenant="beta")
    ack = await ann.do(op.create_chat("acme's"))
    other = await bea.do(op.create_chat("beta's"))
    assert (ack["seq"], other["seq"]) == (1, 1)
    assert ack["epoch"] != other["epoch"]
    event = await bea.expect_event("new-text-chat")
    assert event["chat"]["comment"]["body"] == "beta's"


async def test_presence_counts_one_tenant(site: Site) -> None:
    ann = await site.join("ann")
    await site.join("bea", tenant="beta")
    await site.join("bob")
    presence = await ann.expect("presence", urlId=site.page, users=2)
    assert presence["connections"] == 2


FOREIGN = {
    "add-comment": lambda chat, comment: op.add_comment(chat),
    "edit-comment": lambda chat, comment: op.edit_comment(chat, comment, "mine now"),
    "delete-comment": op.delete_comment,
    "resolve-chat": lambda chat, comment: op.resolve_chat(chat),
    "delete-chat": lambda chat, comment: op.delete_chat(chat),
    "add-reaction": op.add_reaction,
}


@pytest.mark.parametrize("operation", FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_id_and_an_unknown_id_get_one_answer(site: Site, operation: Any) -> None:
    ann, create = await site.join("ann"), op.create_chat()
    await ann.do(create)
    bea = await site.join("bea", "moderator", tenant="beta")
    foreign = create["chat"]["id"], create["chat"]["comment"]["id"]
    known = await bea.refused(operation(*foreign))
    unknown = await bea.refused(operation(op.new_id(), op.new_id()))
    assert anonymised(known) == anonymised(unknown)


async def test_a_foreign_broadcast_id_is_free(site: Site) -> None:
    ann, create = await site.join("ann"), op.create_chat()
    await ann.do(create)
    bea = await site.join("bea", tenant="beta")
    assert (await bea.do(create))["seq"] == 1


@pytest.mark.parametrize("path", ["v1/chats", "v1/events", "v1/comments"])
async def test_http_refuses_a_tenant_that_is_not_ones_own(site: Site, path: str) -> None:
    query = {"tenantId": "beta", "urlId": site.page, "chatId": op.new_id()}
    response = await site.http().get(path, headers=None, **query)
    assert (response.status, response.json()["code"]) == (403, "forbidden")


async def test_a_post_cannot_name_another_tenant(site: Site) -> None:
    answer = await site.http().operate(site.page, op.create_chat(), tenantId="beta")
    assert answer["code"] == "forbidden"
    beta = await site.http("bea", tenant="beta").chats(site.page)
    assert beta["chats"] == []


async def test_a_role_counts_in_its_tenant_only(site: Site) -> None:
    token = f"{site.user('mo')}@acme:moderator,beta:reader"
    mo = await site.connect(token=token, tenant="beta")
    assert (await mo.subscribe(site.page))["can"] == []
    assert (await mo.refused(op.create_chat()))["code"] == "forbidden"
    acme = await site.connect(token=token, tenant="acme")
    await acme.do(op.create_chat(), site.page)


async def test_a_socket_speaks_for_the_tenant_of_its_hello(site: Site) -> None:
    ann = await site.join("ann")
    await ann.do(op.create_chat() | {"tenantId": "beta"})
    assert (await site.http("bea", tenant="beta").chats(site.page))["chats"] == []
