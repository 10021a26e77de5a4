"""The checker finds every broken promise by its name, and none where all were kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collabchat_asgi.testing import History, check
from collabchat_asgi.testing import operations as op

from .story import PAGE, Story, drop, event, find, retell, user

Json = dict[str, Any]
LONG = bool(os.environ.get("TESTS_LONG"))


def dialogue() -> tuple[Story, Json, Json, Json]:
    """Ann creates a chat, Bob answers, Ann edits: three numbers, both listen."""
    story = Story()
    story.join("ann")
    story.join("bob")
    create = op.create_chat("first")
    add = op.add_comment(create["chat"]["id"], "second")
    edit = op.edit_comment(create["chat"]["id"], create["chat"]["comment"]["id"], "third")
    for client, operation in (("ann", create), ("bob", add), ("ann", edit)):
        story.commit(client, operation)
        story.tell()
    return story, create, add, edit


def test_a_true_story_passes() -> None:
    story, *_ = dialogue()
    report = check(story.end())
    assert report.names == set()
    assert (report.acked, report.deaf, report.clients) == (3, 0, 3)


def test_a_resume_in_one_frame_passes() -> None:
    story, *_ = dialogue()
    story.tapes["bob"].closed(1006)
    del story.listeners["bob"], story.tapes["bob"]
    story.join("bob", since=1)
    story.listeners["bob"] = story.tapes["bob"], story.page
    assert check(story.end()).names == set()


def test_merged_edits_pass_where_no_other_event_lies_between() -> None:
    story, create, *_ = dialogue()
    again = op.edit_comment(create["chat"]["id"], create["chat"]["comment"]["id"], "fourth")
    last = op.edit_comment(create["chat"]["id"], create["chat"]["comment"]["id"], "fifth")
    story.commit("ann", again)
    story.commit("ann", last)
    story.tell()
    history = story.end()
    for client in ("ann", "bob"):
        index = find(history, "events", client, first=4)
        retell(history, index, lambda frame: {**frame, "events": frame["events"][1:]})
    assert check(history).names == set()


def test_created_and_deleted_in_one_frame_leaves_only_numbers() -> None:
    story, *_ = dialogue()
    create = op.create_chat("a slip")
    story.commit("ann", create)
    story.commit("ann", op.delete_chat(create["chat"]["id"]))
    story.tell()
    history = story.end()
    for client in ("ann", "bob"):
        retell(history, find(history, "events", client, first=4), lambda f: {**f, "events": []})
    assert check(history).names == set()


def test_what_changes_nothing_is_acked_with_the_head() -> None:
    story, create, *_ = dialogue()
    story.commit("ann", op.resolve_chat(create["chat"]["id"]))
    again = op.resolve_chat(create["chat"]["id"])
    story.tapes["bob"].sent({"urlId": PAGE, **again})
    story.ack("bob", again, 4)
    story.tell()
    assert check(story.end()).names == set()


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    history = dialogue()[0].end()
    history.save(tmp_path / "history.jsonl")
    assert History.load(tmp_path / "history.jsonl").records == history.records


def test_faults_are_counted_where_operations_were_in_flight() -> None:
    story, create, *_ = dialogue()
    story.history.fault("nothing is under way")
    story.tapes["ann"].sent({"urlId": PAGE, **(last := op.resolve_chat(create["chat"]["id"]))})
    story.history.fault("SIGKILL")
    story.commit("ann", last)
    story.tell()
    report = check(story.end())
    assert (report.faults, report.faults_in_flight) == (2, 1)
    assert "faults 2, 1 of them with operations in flight" in str(report)


# One lie each. Every function takes the story of `dialogue` and breaks one promise.

Lie = Callable[[Story, Json, Json, Json], History]


def acked_lost(story: Story, *_: Json) -> History:
    history = story.end()
    retell(
        history, find(history, "log"), lambda f: {**f, "events": f["events"][:1] + f["events"][2:]}
    )
    return history


def acked_lost_from_the_page(story: Story, *_: Json) -> History:
    history = story.end()
    retell(history, find(history, "chats"), lambda f: {**f, "chats": []})
    return history


def acked_as_another(story: Story, *_: Json) -> History:
    history = story.end()
    retell(history, find(history, "ack", nth=1), lambda f: {**f, "seq": 1})
    return history


def acked_as_no_change(story: Story, create: Json, *_: Json) -> History:
    resolve = op.resolve_chat(create["chat"]["id"])
    story.tapes["bob"].sent({"urlId": PAGE, **resolve})
    story.ack("bob", resolve, 3)
    return story.end()


def ack_not_durable(story: Story, *_: Json) -> History:
    history = story.end()
    short = {"last": 2, "seq": 2}
    retell(history, find(history, "log"), lambda f: {**f, **short, "events": f["events"][:2]})
    return history


def ack_without_event(story: Story, *_: Json) -> History:
    history = story.end()
    drop(history, find(history, "events", "ann", nth=2))
    return history


def conflict_changed_something(story: Story, *_: Json) -> History:
    first, other = op.create_chat("mine"), op.create_chat("not mine")
    other["broadcastId"] = first["broadcastId"]
    story.refuse("bob", other, "conflict")
    story.commit("ann", first)
    story.tell()
    history = story.end()
    retell(
        history,
        find(history, "log"),
        lambda f: {
            **f,
            "events": [*f["events"][:-1], {**f["events"][-1], "user": user("bob")}],
        },
    )
    return history


def deaf(story: Story, *_: Json) -> History:
    history = story.end()
    drop(history, find(history, "events", "bob", nth=2))
    return history


def deleted_text_in_a_replay(story: Story, create: Json, *_: Json) -> History:
    story.log[0] = event(create, 1, "ann")
    story.join("eve", since=0)
    return story.end()


def deleted_text_on_the_page(story: Story, create: Json, *_: Json) -> History:
    story.page.chats.clear()
    story.page.seq = 0
    story.page.events({**story.frame(1), "last": 1, "events": [event(create, 1, "ann")]})
    story.read_chats()
    story.page.events(story.frame(2))
    return story.end()


def deleted_chat_on_the_page(story: Story, create: Json, *_: Json) -> History:
    story.commit("ann", op.delete_chat(create["chat"]["id"]))
    story.tell()
    history = story.end()
    before = history.records[find(history, "snapshot")].frame
    ghost = {"id": create["chat"]["id"], "commentCount": 0, "comments": []}
    assert before["chats"] == []
    retell(history, find(history, "chats"), lambda f: {**f, "chats": [ghost]})
    return history


def duplicated(story: Story, create: Json, *_: Json) -> History:
    story.commit("ann", create, answer=False)
    story.ack("ann", create, 1)
    story.tell()
    return story.end()


def unacked_twice(story: Story, *_: Json) -> History:
    create = op.create_chat("never answered")
    story.commit("ann", create, answer=False)
    story.commit("ann", create, answer=False)
    story.tell()
    return story.end()


def epoch_changed(story: Story, *_: Json) -> History:
    history = story.end()
    retell(history, find(history, "chats"), lambda f: {**f, "epoch": "e2"})
    return history


def event_before_commit(story: Story, *_: Json) -> History:
    history = story.end()
    other = op.new_id()
    retell(
        history,
        find(history, "events", "bob", nth=1),
        lambda f: {**f, "events": [{**f["events"][0], "broadcastId": other}]},
    )
    return history


def event_beyond_the_log(story: Story, *_: Json) -> History:
    story.commit("ann", op.create_chat("rolled back"), answer=False)
    story.tell()
    story.log.pop()
    return story.end()


def event_before_it_was_asked_for(story: Story, *_: Json) -> History:
    history = story.end()
    record = drop(history, find(history, "events", "bob"))
    joined = find(history, "snapshot", "bob")
    history.records.insert(joined + 1, replace(record, at=history.records[joined].at))
    return history


def gap(story: Story, *_: Json) -> History:
    history = story.end()
    drop(history, find(history, "events", "bob", nth=1))
    return history


def gap_inside_a_frame(story: Story, create: Json, *_: Json) -> History:
    for body in ("one", "two"):
        story.commit("ann", op.add_comment(create["chat"]["id"], body))
    story.tell()
    history = story.end()
    index = find(history, "events", "bob", first=4)
    retell(history, index, lambda f: {**f, "events": f["events"][1:]})
    return history


def gap_by_a_false_merge(story: Story, *_: Json) -> History:
    """A creation may melt into an edit only where the edit carries the whole creation."""
    create = op.create_chat("draft")
    story.commit("ann", create)
    chat = create["chat"]
    story.commit("ann", op.edit_comment(chat["id"], chat["comment"]["id"], "fair copy"))
    story.tell()
    history = story.end()
    index = find(history, "events", "bob", first=4)
    retell(history, index, lambda f: {**f, "events": f["events"][1:]})
    return history


def invented_event(story: Story, *_: Json) -> History:
    forged = op.create_chat("forged on the bus")
    story.log.append({**story.log[0], "seq": 4, "broadcastId": forged["broadcastId"]})
    story.tell()
    return story.end()


def leak_between_tenants(story: Story, *_: Json) -> History:
    mallory = story.open("mallory", tenant="other")
    mallory.received(story.frame(1))
    return story.end()


def leak_of_a_chat(story: Story, *_: Json) -> History:
    mallory = story.history.tape("mallory", tenant="other")
    mallory.sent({"type": "read-chats", "urlId": PAGE})
    chats = story.chats()
    mallory.received({"type": "chats", "urlId": PAGE, "epoch": "x", "seq": 1, "chats": chats})
    return story.end()


def leak_of_presence(story: Story, *_: Json) -> History:
    eve = story.open("eve")
    eve.received({"type": "presence", "urlId": PAGE, "users": 2, "connections": 2})
    return story.end()


def leak_after_unsubscribe(story: Story, create: Json, *_: Json) -> History:
    story.tapes["bob"].sent({"type": "unsubscribe", "urlId": PAGE})
    story.tapes["bob"].received({"type": "unsubscribed", "urlId": PAGE})
    story.commit("ann", op.resolve_chat(create["chat"]["id"]))
    story.tell()
    return story.end()


def out_of_order(story: Story, create: Json, *_: Json) -> History:
    for body in ("one", "two"):
        story.commit("ann", op.add_comment(create["chat"]["id"], body))
    story.tell()
    history = story.end()
    index = find(history, "events", "bob", first=4)
    retell(history, index, lambda f: {**f, "events": f["events"][::-1]})
    return history


def pages_differ(story: Story, *_: Json) -> History:
    history = story.end()
    retell(history, find(history, "page", "bob"), lambda f: {**f, "outline": {}})
    return history


def partial_tail(story: Story, *_: Json) -> History:
    story.join("eve", since=2)
    history = story.end()
    drop(history, find(history, "events", "eve"))
    return history


def partial_tail_from_nowhere(story: Story, *_: Json) -> History:
    history = story.end()
    retell(history, find(history, "subscribed", "bob"), lambda f: {**f, "recovered": True})
    return history


def refused_but_seen(story: Story, create: Json, *_: Json) -> History:
    comment = op.add_comment(create["chat"]["id"], "forbidden words")
    story.refuse("bob", comment)
    story.log.append({**story.log[1], "seq": 4, "broadcastId": comment["broadcastId"]})
    story.tell()
    return story.end()


def repeat(story: Story, *_: Json) -> History:
    history = story.end()
    index = find(history, "events", "bob", nth=1)
    history.records.insert(index, history.records[index])
    return history


def retry_refused(story: Story, create: Json, *_: Json) -> History:
    story.refuse("ann", create, "invalid")
    return story.end()


def stale_read(story: Story, *_: Json) -> History:
    story.read_chats()
    history = story.end()
    retell(history, find(history, "chats"), lambda f: {**f, "seq": 2})
    return history


def stale_subscription(story: Story, *_: Json) -> History:
    story.join("eve")
    history = story.end()
    for kind in ("subscribed", "snapshot"):
        retell(history, find(history, kind, "eve"), lambda f: {**f, "seq": 2})
    return history


def time_reversal(story: Story, *_: Json) -> History:
    story.join("bob")
    history = story.end()
    for kind in ("subscribed", "snapshot"):
        retell(history, find(history, kind, "bob", nth=1), lambda f: {**f, "seq": 1})
    return history


def two_acks_differ(story: Story, create: Json, *_: Json) -> History:
    story.tapes["ann"].sent({"urlId": PAGE, **create})
    story.ack("ann", create, 2)
    return story.end()


def two_orders(story: Story, *_: Json) -> History:
    history = story.end()
    log = find(history, "log")
    del history.records[log]
    index = find(history, "events", "bob", nth=1)
    first = story.log[0]
    retell(history, index, lambda f: {**f, "events": [{**first, "seq": 2}]})
    return history


LIES: list[tuple[str, Lie]] = [
    ("acked-lost", acked_lost),
    ("acked-lost", acked_lost_from_the_page),
    ("acked-lost", acked_as_another),
    ("acked-lost", acked_as_no_change),
    ("ack-not-durable", ack_not_durable),
    ("ack-without-event", ack_without_event),
    ("conflict-changed-something", conflict_changed_something),
    ("deaf", deaf),
    ("deleted-text-visible", deleted_text_in_a_replay),
    ("deleted-text-visible", deleted_text_on_the_page),
    ("deleted-text-visible", deleted_chat_on_the_page),
    ("duplicated", duplicated),
    ("unacked-twice", unacked_twice),
    ("epoch-changed", epoch_changed),
    ("event-before-commit", event_before_commit),
    ("event-before-commit", event_beyond_the_log),
    ("event-before-commit", event_before_it_was_asked_for),
    ("gap", gap),
    ("gap", gap_inside_a_frame),
    ("gap", gap_by_a_false_merge),
    ("invented-event", invented_event),
    ("leak", leak_between_tenants),
    ("leak", leak_of_a_chat),
    ("leak", leak_of_presence),
    ("leak", leak_after_unsubscribe),
    ("out-of-order", out_of_order),
    ("pages-differ", pages_differ),
    ("partial-tail", partial_tail),
    ("partial-tail", partial_tail_from_nowhere),
    ("refused-but-seen", refused_but_seen),
    ("repeat", repeat),
    ("retry-refused", retry_refused),
    ("stale-read", stale_read),
    ("stale-read", stale_subscription),
    ("time-reversal", time_reversal),
    ("two-acks-differ", two_acks_differ),
    ("two-orders", two_orders),
]


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[lie.__name__ for _, lie in LIES])
def test_a_lie_is_caught_by_its_name(name: str, lie: Lie) -> None:
    report = check(lie(*dialogue()))
    assert name in report.names, report
    assert all(violation.records for violation in report.violations), report


def test_every_violation_the_checker_names_is_in_its_table() -> None:
    from collabchat_asgi.testing import promises

    assert {f"`{name}`" for name, _ in LIES} <= set(
        (promises.__doc__ or "").replace(",", "").split()
    )


# Any mutation of any story.


@st.composite
def stories(draw: st.DrawFn) -> Story:
    story = Story()
    names = ("ann", "bob", "eve")[: draw(st.integers(2, 3))]
    for name in names:
        story.join(name)
    chats: list[str] = []
    for _ in range(draw(st.integers(2, 8))):
        kinds = ["create", "comment", "resolve"] if chats else ["create"]
        kind, client = draw(st.sampled_from(kinds)), draw(st.sampled_from(names))
        if kind == "create":
            operation = op.create_chat("text")
            chats.append(operation["chat"]["id"])
        elif kind == "comment":
            operation = op.add_comment(draw(st.sampled_from(chats)), "more")
        else:
            operation = op.resolve_chat(chats.pop())
        story.commit(client, operation)
        if draw(st.booleans()):
            story.tell()
    story.tell()
    return story


def pick_frame(draw: Any, history: History, *kinds: str) -> int:
    return draw(
        st.sampled_from(
            [i for i, r in enumerate(history) if r.kind != "sent" and r.frame.get("type") in kinds]
        )
    )


def drop_event(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "events", "log")
    events = history.records[index].frame["events"]
    gone = draw(st.sampled_from(events))
    retell(history, index, lambda f: {**f, "events": [e for e in events if e is not gone]})


def drop_frame(draw: Any, history: History) -> None:
    drop(history, pick_frame(draw, history, "events"))


def duplicate_frame(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "events")
    history.records.insert(index, history.records[index])


def duplicate_event(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "events")
    events = history.records[index].frame["events"]
    twice = draw(st.sampled_from(events))
    retell(history, index, lambda f: {**f, "events": sorted([*events, twice], key=by_seq)})


def swap_frames(draw: Any, history: History) -> None:
    one = pick_frame(draw, history, "events")
    connection = history.records[one].connection
    mine = [
        i
        for i, r in enumerate(history)
        if r.connection == connection and r.frame.get("type") == "events" and i != one
    ]
    assume(mine)
    other = draw(st.sampled_from(mine))
    frames = history.records[one].frame, history.records[other].frame
    retell(history, one, lambda _: frames[1])
    retell(history, other, lambda _: frames[0])


def swap_events(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "events", "log")
    events = history.records[index].frame["events"]
    assume(len(events) > 1)
    at = draw(st.integers(0, len(events) - 2))
    numbers = events[at]["seq"], events[at + 1]["seq"]
    swapped = [
        *events[:at],
        {**events[at + 1], "seq": numbers[0]},
        {**events[at], "seq": numbers[1]},
        *events[at + 2 :],
    ]
    retell(history, index, lambda f: {**f, "events": swapped})


def renumber_event(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "events", "log")
    events = history.records[index].frame["events"]
    lied = draw(st.sampled_from(events))
    other = {**lied, "seq": lied["seq"] + draw(st.sampled_from([-1, 1, 5]))}
    retell(history, index, lambda f: {**f, "events": [other if e is lied else e for e in events]})


def renumber_ack(draw: Any, history: History) -> None:
    index = pick_frame(draw, history, "ack")
    by = draw(st.sampled_from([-1, 1, 5]))
    retell(history, index, lambda f: {**f, "seq": f["seq"] + by})
    assume(history.records[index].frame["seq"] > 0)


def by_seq(event: Json) -> int:
    return int(event["seq"])


MUTATIONS = [
    drop_event,
    drop_frame,
    duplicate_frame,
    duplicate_event,
    swap_frames,
    swap_events,
    renumber_event,
    renumber_ack,
]


@settings(max_examples=500 if LONG else 150, deadline=None)
@given(stories())
def test_any_true_story_passes(story: Story) -> None:
    assert check(story.end()).names == set()


@settings(max_examples=2_500 if LONG else 600, deadline=None)
@given(st.data(), stories(), st.sampled_from(MUTATIONS))
def test_any_mutation_is_caught(
    data: st.DataObject, story: Story, mutate: Callable[[Any, History], None]
) -> None:
    history = story.end()
    before = json.dumps([r.frame for r in history])
    mutate(data.draw, history)
    assume(json.dumps([r.frame for r in history]) != before)
    assert check(history).violations
