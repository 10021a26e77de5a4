"""PROTOCOL section 6: the same rules, the same log, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collabchat_asgi.testing import operations as op

from .conftest import FRIEND, Site

Json = dict[str, Any]


async def five(site: Site) -> list[Json]:
    """A chat with four answers, over HTTP; their acks."""
    http, create = site.http(), op.create_chat("0")
    operations = [create, *(op.add_comment(create["chat"]["id"], str(n)) for n in range(1, 5))]
    return [await http.operate(site.page, operation) for operation in operations]


# GET v1/chats


async def test_chats_is_the_page_with_its_position(site: Site) -> None:
    acks = await five(site)
    page = await site.http("reader", "reader").chats(site.page)
    assert (page["epoch"], page["seq"]) == (acks[0]["epoch"], 5)
    assert [c["body"] for c in page["chats"][0]["comments"]] == ["0", "1", "2", "3", "4"]


async def test_an_empty_page_has_no_epoch(site: Site) -> None:
    page = await site.http().chats(site.page)
    assert (page["epoch"], page["seq"], page["chats"]) == ("", 0, [])


async def test_an_unchanged_page_is_304(site: Site) -> None:
    await five(site)
    http, query = site.http(), {"tenantId": "acme", "urlId": site.page}
    etag = (await http.get("v1/chats", headers=None, **query)).headers["etag"]
    again = await http.get("v1/chats", headers={"If-None-Match": etag}, **query)
    assert (again.status, again.body) == (304, b"")
    await http.operate(site.page, op.create_chat())
    changed = await http.get("v1/chats", headers={"If-None-Match": etag}, **query)
    assert changed.status == 200
    assert changed.headers["etag"] != etag


async def test_a_page_travels_compressed(site: Site) -> None:
    await site.http().operate(site.page, op.create_chat("long " * 400))
    query = {"tenantId": "acme", "urlId": site.page}
    answer = await site.http().get("v1/chats", headers={"Accept-Encoding": "gzip"}, **query)
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert len(answer.json()["chats"]) == 1


async def test_a_read_sees_what_was_acked_on_a_socket(site: Site, peer: str) -> None:
    ann = await site.join()
    for number in range(1, 6):
        await ann.do(op.create_chat())
        for url in (site.url, peer):
            assert (await site.http(url=url).chats(site.page))["seq"] == number


# GET v1/comments


async def test_comments_are_read_backwards_in_pages(site: Site) -> None:
    acks = await five(site)
    query = {"tenantId": "acme", "urlId": site.page, "chatId": acks[0]["chatId"], "limit": 2}
    newest = (await site.http().get("v1/comments", **query)).json()
    assert ([c["body"] for c in newest["comments"]], newest["more"]) == (["3", "4"], True)
    query["before"] = newest["comments"][0]["id"]
    older = (await site.http().get("v1/comments", **query)).json()
    assert ([c["body"] for c in older["comments"]], older["more"]) == (["1", "2"], True)
    query["before"] = older["comments"][0]["id"]
    oldest = (await site.http().get("v1/comments", **query)).json()
    assert ([c["body"] for c in oldest["comments"]], oldest["more"]) == (["0"], False)


# GET v1/events


@pytest.mark.parametrize(("after", "limit", "seqs"), [(0, 100, [1, 2, 3, 4, 5]), (3, 1, [4])])
async def test_events_after_a_position(site: Site, after: int, limit: int, seqs: Any) -> None:
    acks = await five(site)
    answer = await site.http().events(site.page, epoch=acks[0]["epoch"], after=after, limit=limit)
    assert [event["seq"] for event in answer["events"]] == seqs
    assert (answer["first"], answer["last"], answer["seq"]) == (after + 1, seqs[-1], 5)


async def test_an_events_read_from_nothing_needs_no_epoch(site: Site) -> None:
    await five(site)
    assert len((await site.http().events(site.page))["events"]) == 5


async def test_another_epoch_is_410(site: Site) -> None:
    await five(site)
    query = {"tenantId": "acme", "urlId": site.page, "epoch": "another", "after": 2}
    response = await site.http().get("v1/events", headers=None, **query)
    assert (response.status, response.json()["code"]) == (410, "reset")


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("v1/chats", {}, "urlId"),
        ("v1/events", {"limit": 0}, "limit"),
        ("v1/events", {"limit": 1_001}, "limit"),
        ("v1/events", {"after": -1}, "after"),
        ("v1/events", {"after": "x"}, "after"),
        ("v1/comments", {}, "chatId"),
    ],
)
async def test_a_bad_query_is_400(site: Site, path: str, query: Json, field: str) -> None:
    known = {"urlId": site.page} if field != "urlId" else {}
    response = await site.http().get(path, headers=None, tenantId="acme", **known, **query)
    assert (response.status, response.json()["code"]) == (400, "invalid")
    assert response.json()["field"] == field


# POST v1/ops


async def test_a_post_is_heard_on_sockets(site: Site) -> None:
    bob = await site.join("bob")
    ack = await site.http().operate(site.page, op.create_chat())
    event = await bob.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
    assert (event["seq"], event["user"]["id"]) == (ack["seq"], site.user("ann"))


async def test_a_post_needs_no_ids(site: Site) -> None:
    create = op.create_chat()
    del create["broadcastId"], create["chat"]["id"], create["chat"]["comment"]["id"]
    response = await site.http().post("v1/ops", {"urlId": site.page, **create})
    ack = response.json()
    assert {ack[name][14] for name in ("broadcastId", "chatId", "commentId")} == {"7"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": FRIEND}, 200),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer nobody"}, 401),
        ({"Authorization": "Bearer broken"}, 503),
    ],
)
async def test_who_may_post(site: Site, headers: Json, status: int) -> None:
    body = {"tenantId": "acme", "urlId": site.page, **op.create_chat()}
    response = await site.http().post("v1/ops", body, headers=headers)
    assert response.status == status
    if status != 200:
        assert response.json().keys() >= {"code", "message", "retry"}
    assert (await site.http().chats(site.page))["seq"] == (status == 200)


BODIES = {
    "no JSON": (b"{", 400, "invalid"),
    "an array": (b"[]", 400, "invalid"),
    "no operation": ({"type": "subscribe"}, 400, None),
    "a blank body": (op.create_chat(" "), 400, "invalid"),
    "a long body": (op.create_chat("x" * 2_001), 400, "too-long"),
    "an unknown chat": (op.resolve_chat(op.new_id()), 404, "not-found"),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES)
async def test_a_bad_post_is_refused(site: Site, body: Any, status: int, code: str) -> None:
    sent = body if isinstance(body, bytes) else {"urlId": site.page, **body}
    response = await site.http().post("v1/ops", sent)
    assert response.status == status
    assert code is None or response.json()["code"] == code


async def test_every_refusal_has_its_status(site: Site) -> None:
    http, create = site.http(), op.create_chat()
    await http.operate(site.page, create)
    same_id = {"tenantId": "acme", "urlId": site.page, **create, "type": "resolve-chat"}
    same_id["chatId"] = create["chat"]["id"]
    assert (await http.post("v1/ops", same_id)).status == 409
    reader = site.http("reader", "reader")
    body = {"urlId": site.page, **op.create_chat()}
    assert (await reader.post("v1/ops", body)).status == 403


async def test_too_fast_is_429_with_retry_after(site: Site) -> None:
    http = site.http()
    for _ in range(20):
        await http.operate(site.page, op.create_chat())
    response = await http.post("v1/ops", {"urlId": site.page, **op.create_chat()})
    assert (response.status, response.json()["code"]) == (429, "rate-limited")
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["retryAfterMs"] > 0


# CORS, caching, everything else


@pytest.mark.parametrize("path", ["v1/chats", "v1/events", "v1/ops", "v1/comments"])
async def test_a_preflight_is_answered_to_friends_only(site: Site, path: str) -> None:
    ask = {
        "Access-Control-Request-Method": "POST" if path == "v1/ops" else "GET",
        "Access-Control-Request-Headers": "authorization, content-type, x-collabchat-visitor",
    }
    for origin, allowed in ((FRIEND, FRIEND), ("https://evil.example", None)):
        response = await site.http().request("OPTIONS", path, headers={**ask, "Origin": origin})
        assert response.headers.get("access-control-allow-origin") == allowed
        if allowed:
            assert response.status in (200, 204)
            assert "authorization" in response.headers["access-control-allow-headers"].lower()


async def test_private_answers_are_not_cached_by_others(site: Site) -> None:
    query = {"tenantId": "acme", "urlId": site.page}
    response = await site.http().get("v1/chats", headers={"Origin": FRIEND}, **query)
    assert response.headers["access-control-allow-origin"] == FRIEND
    assert response.headers["cache-control"] == "private, no-cache"
    vary = {name.strip().lower() for name in response.headers["vary"].split(",")}
    assert vary >= {"cookie", "authorization", "origin"}


async def test_a_visitor_may_read_and_write(site: Site) -> None:
    http = site.http(token=None, headers={"X-Collabchat-Visitor": f"visitor-{site.mark}"})
    ack = await http.operate(site.page, op.create_chat())
    assert ack["seq"] == 1
    author = (await http.chats(site.page))["chats"][0]["createdBy"]
    assert author["id"].startswith("anon:")


@pytest.mark.parametrize("path", ["nothing", "v1/nothing", "v2/chats", "../collabchat/x", ""])
async def test_an_unknown_path_is_404_json(site: Site, path: str) -> None:
    response = await site.http().get(path)
    assert response.status == 404
    assert response.json()["code"] == "not-found"


@pytest.mark.parametrize("name", ["client.js", "widget.js"])
async def test_the_modules_are_served_to_everyone(site: Site, name: str) -> None:
    response = await site.http(token=None).get(name, headers={"Origin": "https://any.example"})
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "javascript" in response.headers["content-type"]
    again = await site.http(token=None).get(
        name, headers={"If-None-Match": response.headers["etag"]}
    )
    assert again.status == 304


async def test_health_is_fine(site: Site) -> None:
    response = await site.http(token=None).get("health")
    assert response.status == 200
    assert isinstance(json.loads(response.body), dict)


async def test_the_dashboard_is_a_page(site: Site) -> None:
    response = await site.http(token=None).get("usage")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/html")


# What is not there


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "v1/ops", "POST"),
        ("PUT", "v1/chats", "GET"),
        ("DELETE", "client.js", "GET, HEAD"),
        ("POST", "health", "GET, HEAD"),
    ],
)
async def test_another_method_is_405(site: Site, method: str, path: str, allow: str) -> None:
    answer = await site.http().request(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert (answer.json()["code"], answer.json()["retry"]) == ("unsupported", False)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "v1/chats"), ("POST", "health"), ("OPTIONS", "v1/ops")]
)
async def test_a_foreign_page_is_refused_first(site: Site, method: str, path: str) -> None:
    answer = await site.http().request(method, path, headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")


async def test_an_array_is_no_operation(site: Site) -> None:
    answer = await site.http().post("v1/ops", [op.create_chat()])
    assert (answer.status, answer.json()["code"]) == (400, "invalid")
    assert "one JSON object" in answer.json()["message"]
