from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from collabchat_asgi.core.batch import MAX_BYTES, MAX_EVENTS, Batch, merge
from collabchat_asgi.core.model import (
    AddComment,
    AddReaction,
    ChatDraft,
    CreateChat,
    DeleteChat,
    DeleteComment,
    DeletedTextChat,
    Draft,
    EditComment,
    EditedDraft,
    Event,
    MoveAnchor,
    NewTextChat,
    RemoveReaction,
    ReopenChat,
    ResolveChat,
    UnknownEvent,
    UpdatedTextChat,
)
from collabchat_asgi.core.state import State

from .histories import ANN, BORIS, EPOCH, URL, Page, Tape, anchor, catches, chats, cut, many, tapes

Merge = Callable[[list[Event]], list[Event]]


def check_merge(merge: Merge, data: bytes) -> None:
    """Merged or not, however cut: the same state; and merged events as PROTOCOL 3.2 says."""
    page = Page().play(data)
    reader = State()
    for batch in cut(page.events, Tape(data[::-1])):
        given_events = list(batch)
        merged = merge(batch)
        assert batch == given_events, "the input was changed"
        check_shape(batch, merged)
        reader.fold_all(EPOCH, merged)
    assert chats(reader) == chats(page.state)


def check_shape(batch: list[Event], merged: list[Event]) -> None:
    originals = {event.seq: event for event in batch}
    seqs = [event.seq for event in merged]
    assert seqs == sorted(set(seqs)), "events in a frame ascend"
    for event in merged:
        last = originals[event.seq]
        assert event.broadcast_id == last.broadcast_id
        assert event.chat_id == last.chat_id
        if event == last:
            continue
        # Only a creation takes in what came later: the author and the time stay its own.
        first = maker(batch, event)
        assert (event.user, event.ts) == (first.user, first.ts)
        between = [
            other.seq
            for other in merged
            if other.chat_id == event.chat_id and first.seq < other.seq < event.seq
        ]
        assert not between, "merged across an event that names the same chat"


def maker(batch: list[Event], merged: Event) -> Event:
    """The event that made what the merged creation makes."""
    carried = merged.carried
    assert carried is not None
    return next(
        event
        for event in batch
        if type(event) is type(merged)
        and (one := event.carried) is not None
        and one.id == carried.id
        and (isinstance(event, NewTextChat) or change(event) == "comment-added")
    )


def change(event: Event) -> str:
    return event.change if isinstance(event, UpdatedTextChat) else ""


@many
@given(tapes)
def test_merged_and_unmerged_end_in_the_same_state(data: bytes) -> None:
    check_merge(merge, data)


def merges_across(events: list[Event]) -> list[Event]:
    """Puts the last edit of a creation's comment into it, whatever lies between."""
    out = list(events)
    for event in events:
        carried = event.carried
        if change(event) != "comment-edited" or carried is None:
            continue
        for at, first in enumerate(out):
            if isinstance(first, NewTextChat) and first.chat.comment.id == carried.id:
                comment = msgspec.structs.replace(
                    first.chat.comment, body=carried.body, edited_at=event.ts
                )
                made = msgspec.structs.replace(
                    first,
                    seq=event.seq,
                    broadcast_id=event.broadcast_id,
                    chat=msgspec.structs.replace(first.chat, comment=comment),
                )
                out = [*out[:at], *out[at + 1 :], made]
                out.remove(event)
                out.sort(key=lambda each: each.seq)
                break
    return out


def keeps_first_id(events: list[Event]) -> list[Event]:
    ids = {event.chat_id: event.broadcast_id for event in reversed(events)}
    return [
        msgspec.structs.replace(event, broadcast_id=ids[event.chat_id]) for event in merge(events)
    ]


def drops_reactions(events: list[Event]) -> list[Event]:
    return [event for event in merge(events) if change(event) != "reaction-removed"]


def last_edit_wins(events: list[Event]) -> list[Event]:
    """Takes every edit of a chat but the last for one of the same comment."""
    last = {event.chat_id: event.seq for event in events if change(event) == "comment-edited"}
    return [
        event
        for event in merge(events)
        if change(event) != "comment-edited" or last.get(event.chat_id) == event.seq
    ]


@pytest.mark.parametrize("mutant", [merges_across, keeps_first_id, drops_reactions, last_edit_wins])
def test_a_wrong_merge_is_noticed(mutant: Merge) -> None:
    assert catches(lambda data: check_merge(mutant, data))


class Story:
    """One chat, by hand."""

    def __init__(self) -> None:
        self.page = Page()
        self.chat, self.comment = self.page.fresh(), self.page.fresh()
        draft = ChatDraft(anchor(), Draft("one", self.comment), self.chat)
        self.page.do(CreateChat(url_id=URL, chat=draft), ANN, 100)

    def edit(self, body: str, ts: int = 200) -> None:
        draft = EditedDraft(self.comment, body)
        self.page.do(EditComment(url_id=URL, chat_id=self.chat, comment=draft), ANN, ts)

    def add(self, body: str = "more") -> str:
        id = self.page.fresh()
        self.page.do(AddComment(url_id=URL, chat_id=self.chat, comment=Draft(body, id)), BORIS)
        return id

    def react(self, comment: str, emoji: str = "👍", *, add: bool = True) -> None:
        kind = AddReaction if add else RemoveReaction
        self.page.do(kind(url_id=URL, chat_id=self.chat, comment_id=comment, emoji=emoji), BORIS)

    def resolve(self, *, reopen: bool = False) -> None:
        kind = ReopenChat if reopen else ResolveChat
        self.page.do(kind(url_id=URL, chat_id=self.chat), BORIS)

    def merged(self, after: int = 0) -> list[Event]:
        return merge(self.page.events[after:])


def kinds(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.seq, change(event) or type(event).__name__) for event in events]


def test_an_edit_of_a_new_chat_goes_into_its_creation() -> None:
    story = Story()
    story.edit("two", 200)
    story.edit("three", 300)
    (made,) = story.merged()
    assert isinstance(made, NewTextChat)
    assert (made.seq, made.ts, made.user) == (3, 100, ANN)
    assert made.broadcast_id == story.page.events[2].broadcast_id
    assert (made.chat.comment.body, made.chat.comment.edited_at) == ("three", 300)


def test_edit_after_edit_is_the_last() -> None:
    story = Story()
    story.edit("two")
    story.edit("three")
    assert story.merged(after=1) == story.page.events[2:]


def test_what_is_created_and_deleted_leaves_nothing() -> None:
    story = Story()
    story.add()
    story.resolve()
    story.page.do(DeleteChat(url_id=URL, chat_id=story.chat))
    assert story.merged() == []


def test_nothing_before_a_deletion_is_left() -> None:
    story = Story()
    story.add()
    story.resolve()
    story.page.do(DeleteChat(url_id=URL, chat_id=story.chat))
    (only,) = story.merged(after=1)
    assert isinstance(only, DeletedTextChat)
    assert only.seq == 4


def test_an_edit_of_a_new_comment_goes_into_it_and_a_deletion_does_not() -> None:
    story = Story()
    id = story.add()
    edit = EditedDraft(id, "changed")
    story.page.do(EditComment(url_id=URL, chat_id=story.chat, comment=edit), BORIS, 500)
    (added,) = story.merged(after=1)
    assert isinstance(added, UpdatedTextChat)
    assert added.change == "comment-added"
    assert added.comment is not UNSET
    assert (added.comment.body, added.comment.edited_at, added.seq) == ("changed", 500, 3)
    story.page.do(DeleteComment(url_id=URL, chat_id=story.chat, comment_id=id))
    assert kinds(story.merged(after=1)) == [(3, "comment-added"), (4, "comment-deleted")]


def test_reactions_that_cancel_leave_the_edits_around_them_neighbours() -> None:
    story = Story()
    story.edit("two")
    story.react(story.comment)
    story.react(story.comment, add=False)
    story.edit("three")
    assert kinds(story.merged(after=1)) == [(5, "comment-edited")]


def test_a_reaction_taken_back_and_given_again_is_told() -> None:
    story = Story()
    story.react(story.comment)
    story.react(story.comment, add=False)
    story.react(story.comment)
    assert kinds(story.merged(after=2)) == [(3, "reaction-removed"), (4, "reaction-added")]


def test_nothing_merges_across_an_event_of_the_chat() -> None:
    story = Story()
    story.resolve()
    story.edit("two")
    assert kinds(story.merged()) == [(1, "NewTextChat"), (2, "resolved"), (3, "comment-edited")]


def test_events_of_other_chats_between_do_not_matter() -> None:
    story = Story()
    other = ChatDraft(anchor(), Draft("other", story.page.fresh()), story.page.fresh())
    story.page.do(CreateChat(url_id=URL, chat=other))
    story.edit("two")
    assert kinds(story.merged()) == [(2, "NewTextChat"), (3, "NewTextChat")]


def test_resolved_and_anchor_keep_the_last() -> None:
    story = Story()
    for reopen in (False, True, False):
        story.resolve(reopen=reopen)
    for start in (1, 2):
        story.page.do(MoveAnchor(url_id=URL, chat_id=story.chat, anchor=anchor(start)))
    assert kinds(story.merged(after=1)) == [(4, "resolved"), (6, "anchor-moved")]


def test_nothing_merges_across_what_a_newer_process_wrote() -> None:
    """It is not sent on either: nobody here knows what it says."""
    story = Story()
    story.edit("two")
    story.edit("three")
    made, second, third = story.page.events
    assert merge([made, second, UnknownEvent(9, "later"), third]) == [*merge([made, second]), third]
    assert merge([UnknownEvent(9, "later")]) == []


def test_what_follows_a_deletion_stays_behind_it() -> None:
    story = Story()
    story.edit("two")
    story.page.do(DeleteChat(url_id=URL, chat_id=story.chat))
    made, edited, deleted = story.page.events
    assert merge([deleted, made]) == [deleted, made]
    assert merge([deleted, edited]) == [deleted, edited]


@given(st.integers(1, 1_000))
def test_the_texts_of_events_fill_a_batch(length: int) -> None:
    story = Story()
    empty, full = Batch(), Batch()
    for batch, body in ((empty, "x"), (full, "x" * length)):
        story.edit(body)
        batch.add(story.page.events[-1:], 0.0)
    assert full.size - empty.size == length - 1
    story.resolve()
    size = full.size
    full.add(story.page.events[-1:], 0.0)
    assert full.size > size, "an event without a text weighs too"


def some_events(n: int = 1) -> list[Event]:
    story = Story()
    return story.page.events * n


class Waits:
    """A pace that says the same whatever happens."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[tuple[float, float]] = []

    def flushed(self, started: float, ended: float) -> None:
        raise AssertionError("a batch tells its page, and the page its process")

    def wait(self, cost: float, gap: float, now: float) -> float:
        self.asked.append((cost, gap))
        return self.seconds


def test_the_first_event_after_quiet_is_due_at_once() -> None:
    batch = Batch()
    batch.add(some_events(), 50.0)
    assert batch.due(50.0, Waits(30.0)) <= 50.0


def test_the_next_flush_waits_from_the_end_of_the_last_one() -> None:
    batch = Batch()
    batch.add(some_events(), 10.0)
    batch.flushed(10.0, 10.5)
    assert batch.due(10.6, Waits(0.25)) == 10.75
    assert batch.due(10.6, Waits(0.0)) <= 10.6


def test_the_pace_is_told_what_a_flush_takes_and_how_fast_events_come() -> None:
    batch, pace = Batch(), Waits(0.0)
    for turn in range(100):
        batch.add(some_events(2), 0.01 * turn)
        batch.take()
        batch.flushed(0.01 * turn, 0.01 * turn + 0.002)
    batch.due(1.0, pace)
    assert pace.asked == [(pytest.approx(0.002), pytest.approx(0.005))]


@pytest.mark.parametrize("size", [MAX_EVENTS, MAX_BYTES // 600 + 1])
def test_a_full_batch_is_due_at_once(size: int) -> None:
    batch = Batch()
    batch.flushed(0.5, 1.0)
    batch.add(some_events(size), 1.0)
    assert batch.due(1.001, Waits(30.0)) == 1.001


def test_take_empties_and_nothing_added_is_nothing() -> None:
    batch = Batch()
    batch.add([], 1.0)
    assert batch.take() == []
    batch.add(some_events(), 1.0)
    assert len(batch.take()) == 1
    assert (batch.events, batch.size) == ([], 0)
