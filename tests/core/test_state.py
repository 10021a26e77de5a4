from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from msgspec import UNSET

from collabchat_asgi.core.layered import Layered
from collabchat_asgi.core.model import (
    AddComment,
    AddReaction,
    ChatDraft,
    CreateChat,
    DeleteChat,
    DeletedTextChat,
    Draft,
    EditComment,
    EditedDraft,
    Position,
    RemoveReaction,
    UpdatedTextChat,
)
from collabchat_asgi.core.state import State

from .histories import (
    ANN,
    BORIS,
    EPOCH,
    URL,
    Page,
    Tape,
    anchor,
    catches,
    everything,
    many,
    tapes,
    uid,
)


def check_forks(make: type[State], data: bytes) -> None:
    """A fork and its original go their own ways from the moment of the fork."""
    tape = Tape(data)
    pages = [Page()]
    pages[0].state = make()
    while tape:
        page = tape.one(pages)
        others = [other for other in pages if other is not page]
        before = [everything(other.state) for other in others]
        if tape.below(6) == 0 and len(pages) < 4:
            twin = Page()
            twin.state = page.state.fork()
            twin._serial = page._serial
            assert everything(twin.state) == everything(page.state)
            pages.append(twin)
        else:
            page.step(tape)
        assert [everything(other.state) for other in others] == before


@many
@given(tapes)
def test_a_fork_changes_nothing_but_itself(data: bytes) -> None:
    check_forks(State, data)


@many
@given(tapes)
def test_nor_where_a_chat_has_many_comments(data: bytes) -> None:
    with patch("collabchat_asgi.core.state.MANY_COMMENTS", 1):
        check_forks(State, data)


def test_many_comments_that_are_shared_are_noticed() -> None:
    def shares(data: bytes) -> None:
        with (
            patch("collabchat_asgi.core.state.MANY_COMMENTS", 1),
            patch("collabchat_asgi.core.state._copied", lambda comments: comments),
        ):
            check_forks(State, data)

    assert catches(shares)


def test_the_next_comment_does_not_cost_what_all_of_them_weigh() -> None:
    page, id, _ = one_chat()
    for number in range(300):
        draft = Draft(f"{number}", page.fresh())
        page.do(AddComment(url_id=URL, chat_id=id, comment=draft), ANN)
    chat = page.state.chats[id].copy()
    again = chat.copy()
    assert isinstance(chat.comments, Layered)
    assert isinstance(again.comments, Layered)
    assert again.comments._base is chat.comments._base, "nothing is copied that was not changed"
    assert [one.body for one in again.as_chat().comments] == ["295", "296", "297", "298", "299"]
    assert again.as_chat().comment_count == 301


class KeepsOwning(State):
    def fork(self) -> State:
        owned = set(self._owned)
        fork = super().fork()
        self._owned |= owned
        return fork


class SharesChats(State):
    def fork(self) -> State:
        fork = super().fork()
        fork._owned = set(fork.chats)
        return fork


class SharesIds(State):
    def fork(self) -> State:
        fork = super().fork()
        fork.deleted = self.deleted
        return fork


@pytest.mark.parametrize("mutant", [KeepsOwning, SharesChats, SharesIds])
def test_a_wrong_fork_is_noticed(mutant: type[State]) -> None:
    assert catches(lambda data: check_forks(mutant, data))


@many
@given(tapes)
def test_books_are_kept(data: bytes) -> None:
    """Ids, owners and size say the same as the chats."""
    state = Page().play(data).state
    fresh = State(state.position)
    for chat in state.chats.values():
        fresh.add(chat.copy())
        assert chat.comments
    assert fresh.size == state.size
    assert fresh.comment_chats == state.comment_chats
    assert not state.deleted.keys() & (state.chats.keys() | state.comment_chats.keys())
    if not state.chats:
        assert state.size == 0


def one_chat() -> tuple[Page, str, str]:
    page = Page()
    chat, comment = page.fresh(), page.fresh()
    draft = ChatDraft(anchor(), Draft("one", comment), chat)
    page.do(CreateChat(url_id=URL, chat=draft), ANN, 100)
    return page, chat, comment


def test_creation() -> None:
    page, id, comment_id = one_chat()
    (chat,) = page.state.snapshot()
    assert (chat.id, chat.created_by, chat.created_at, chat.updated_at) == (id, ANN, 100, 100)
    assert chat.comment_count == 1
    assert chat.resolved is UNSET
    (comment,) = chat.comments
    assert (comment.id, comment.body, comment.author, comment.created_at) == (
        comment_id,
        "one",
        ANN,
        100,
    )
    assert comment.edited_at is UNSET
    assert comment.reactions is UNSET
    assert page.state.position == Position(EPOCH, 1)


def test_an_edit_keeps_author_birth_and_reactions() -> None:
    page, chat, comment = one_chat()
    page.do(AddReaction(url_id=URL, chat_id=chat, comment_id=comment, emoji="👍"), BORIS)
    edit = EditComment(url_id=URL, chat_id=chat, comment=EditedDraft(comment, "two"))
    page.do(edit, ANN, 300)
    known = page.state.comment(chat, comment)
    assert known is not None
    assert (known.body, known.author, known.created_at, known.edited_at) == ("two", ANN, 100, 300)
    assert known.reactions == {"👍": ("boris",)}


def test_reactions_leave_nothing_behind_and_touch_no_time() -> None:
    page, chat, comment = one_chat()
    before = everything(page.state)[1:]  # type: ignore[index]
    for kind in (AddReaction, RemoveReaction):
        page.do(kind(url_id=URL, chat_id=chat, comment_id=comment, emoji="👍"), BORIS, 900)
    assert everything(page.state)[1:] == before  # type: ignore[index]


def test_snapshots_hold_the_newest_five_oldest_first() -> None:
    page, chat, _ = one_chat()
    ids = []
    for n in range(7):
        ids.append(page.fresh())
        page.do(AddComment(url_id=URL, chat_id=chat, comment=Draft(str(n), ids[-1])))
    (shown,) = page.state.snapshot()
    assert [comment.id for comment in shown.comments] == ids[-5:]
    assert shown.comment_count == 8
    whole = page.state.chats[chat].as_chat(None)
    assert len(whole.comments) == 8


def test_what_the_page_does_not_have_changes_nothing_but_the_position() -> None:
    page, chat, _ = one_chat()
    before = everything(page.state)[1:]  # type: ignore[index]
    for seq, event in enumerate(
        (
            DeletedTextChat(2, uid(9), 5, ANN, uid(99)),
            UpdatedTextChat(3, uid(9), 5, ANN, uid(99), "resolved"),
            UpdatedTextChat(4, uid(9), 5, ANN, chat, "reaction-added"),
            UpdatedTextChat(
                5, uid(9), 5, ANN, chat, "reaction-added", comment_id=uid(98), emoji="👍"
            ),
        ),
        2,
    ):
        page.state.fold(EPOCH, event)  # type: ignore[arg-type]
        assert page.state.position == Position(EPOCH, seq)
    assert everything(page.state)[1:] == before  # type: ignore[index]
    assert page.state.comment(uid(99), uid(98)) is None


def test_ids_may_come_again_when_their_deletion_is_old() -> None:
    page, chat, comment = one_chat()
    page.do(DeleteChat(url_id=URL, chat_id=chat), ANN, 500)
    state = page.state
    assert not state.remembers(500)
    assert state.remembers(501)
    assert state.forget(500) == []
    assert state.taken(chat)
    assert state.taken(comment)
    assert sorted(state.forget(501)) == sorted([chat, comment])
    assert not state.taken(chat)
    assert not state.remembers(10**15)


@many
@given(tapes)
def test_the_same_events_show_the_same(data: bytes) -> None:
    page = Page().play(data)
    again = State()
    again.fold_all(EPOCH, page.events)
    assert again.position == page.state.position
    assert again.shows_the_same(page.state)
    last = next(iter(page.state.chats), None)
    if last is not None:
        seq = again.position.seq + 1
        again.fold(EPOCH, DeletedTextChat(seq, uid(9), 5, ANN, last))
        assert not again.shows_the_same(page.state)
