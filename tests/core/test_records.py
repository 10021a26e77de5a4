from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given

from collabchat_asgi.core import records
from collabchat_asgi.core.model import (
    AddComment,
    ChatDraft,
    CreateChat,
    DeleteChat,
    Draft,
    Event,
    EventComment,
    Position,
    Record,
    UnknownEvent,
    UpdatedTextChat,
    User,
)
from collabchat_asgi.core.records import (
    Change,
    change,
    decode_event,
    read_event,
    restore,
    with_body,
)
from collabchat_asgi.core.state import ChatState, State

from .histories import ANN, EPOCH, URL, Page, Tape, anchor, catches, everything, many, tapes, uid

Changer = Callable[[ChatState | None, State, Event], Change]


class Store:
    """A storage as its contract says: records by key, and a log whose texts are joined in."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.log: list[Change] = []

    def commit(self, change: Change) -> None:
        for key in change.deletes:
            assert key in self.records
            del self.records[key]
        for put in change.puts:
            assert len(put.key) <= 64
            assert put.key.isascii()
            self.records[put.key] = put
        self.log.append(change)

    def read(self) -> list[Event]:
        return [decode_event(each.event, self.body(n, each)) for n, each in enumerate(self.log, 1)]

    def body(self, seq: int, change: Change) -> str:
        record = self.records.get(change.body_key) if change.body_key else None
        return record.body if record and record.body_seq == seq else ""


def check_records(change: Changer, data: bytes) -> None:
    """What is written is the state, and a text stands in the record of its comment alone."""
    tape = Tape(data)
    page, store = Page(), Store()
    texts: set[str] = set()
    while tape:
        before = page.state.fork()
        event = page.step(tape)
        if event is None:
            continue
        change_made = change(before.chat(event.chat_id), page.state, event)
        store.commit(change_made)
        carried = event.carried
        if carried:
            texts.add(carried.body)
        assert decode_event(change_made.event, carried.body if carried else "") == event
        assert change_made.event == msgspec.json.encode(with_body(event, ""))
        assert change_made.told == msgspec.json.encode(event)
        if tape.below(8) == 0:
            check_stored(store, page, texts)
    check_stored(store, page, texts)


def check_stored(store: Store, page: Page, texts: set[str]) -> None:
    records = list(store.records.values())
    restored = restore(page.state.position, reversed(records), 0)
    assert everything(restored) == everything(page.state)
    folded = State()
    folded.fold_all(EPOCH, store.read())
    assert everything(folded) == everything(page.state)
    stored = b"".join(each.event for each in store.log) + b"".join(each.value for each in records)
    assert not [text for text in texts if text.encode() in stored]
    bodies = "".join(record.body for record in records)
    assert not [text for text in page.gone if text in bodies]


@many
@given(tapes)
def test_what_is_written_is_the_state(data: bytes) -> None:
    check_records(change, data)


def writes_texts(before: ChatState | None, after: State, event: Event) -> Change:
    return change(before, after, event)._replace(event=msgspec.json.encode(event))


def forgets_the_chat(before: ChatState | None, after: State, event: Event) -> Change:
    made = change(before, after, event)
    puts = [put for put in made.puts if not put.key.startswith(records.CHAT) or event.seq == 1]
    return made._replace(puts=puts)


def forgets_deletions(before: ChatState | None, after: State, event: Event) -> Change:
    made = change(before, after, event)
    puts = [put for put in made.puts if not put.key.startswith(records.DELETED)]
    return made._replace(puts=puts)


def keeps_comments(before: ChatState | None, after: State, event: Event) -> Change:
    made = change(before, after, event)
    return made._replace(deletes=made.deletes[:1])


def forgets_where_the_text_is(before: ChatState | None, after: State, event: Event) -> Change:
    made = change(before, after, event)
    return made._replace(puts=[replace(put, body_seq=event.seq) for put in made.puts])


@pytest.mark.parametrize(
    "mutant",
    [writes_texts, forgets_the_chat, forgets_deletions, keeps_comments, forgets_where_the_text_is],
)
def test_a_wrong_change_is_noticed(mutant: Changer) -> None:
    assert catches(lambda data: check_records(mutant, data))


def test_ids_deleted_long_ago_may_come_again() -> None:
    deleted = [Record(records.DELETED + "a", b"1000"), Record(records.DELETED + "b", b"2000")]
    state = restore(Position(EPOCH, 9), deleted, 2000)
    assert not state.taken("a")
    assert state.taken("b")


def test_a_deleted_chat_takes_all_of_its_records() -> None:
    page, store = Page(), Store()
    chat, first, second = page.fresh(), page.fresh(), page.fresh()
    draft = ChatDraft(anchor(), Draft("secret", first), chat)
    for operation in (
        CreateChat(url_id=URL, chat=draft),
        AddComment(url_id=URL, chat_id=chat, comment=Draft("more", second)),
        DeleteChat(url_id=URL, chat_id=chat),
    ):
        before = page.state.fork()
        event = page.do(operation, ANN)
        assert event is not None
        store.commit(change(before.chat(event.chat_id), page.state, event))
    assert sorted(store.records) == sorted("x:" + id for id in (chat, first, second))
    carried = [event.carried for event in store.read()]
    assert carried == [EventComment(first, ""), EventComment(second, ""), None]


def test_before_needs_no_chat_but_for_its_deletion() -> None:
    page = Page().play(bytes(range(200)))
    state = State()
    for event in page.events:
        before = state.fork()
        state.fold(EPOCH, event)
        whole = change(before.chat(event.chat_id), state, event)
        if event.chat_id in state.chats:
            assert change(None, state, event) == whole


def test_with_body_changes_the_text_and_nothing_else() -> None:
    for event in Page().play(bytes(range(200))).events:
        blank = with_body(event, "")
        carried = event.carried
        if carried is None:
            assert blank is event
        else:
            assert blank.carried == msgspec.structs.replace(carried, body="")
            assert with_body(blank, carried.body) == event


def test_texts_that_look_like_json_are_taken_out_whole() -> None:
    for body in ('"body":"x"', '\\","body":"y"}', "\\", '"', '","body":""', "\u2028 «ß» 👍", "}}"):
        page = Page()
        chat = page.fresh()
        event = page.do(
            CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft(body, page.fresh()), chat)),
            User('"body":"', 'A "body":"z" B'),
        )
        assert event is not None
        made = change(None, page.state, event)
        assert made.event == msgspec.json.encode(with_body(event, ""))
        assert decode_event(made.event, body) == event


def test_what_this_release_cannot_read_takes_its_number_and_tells_nothing() -> None:
    page = Page()
    chat, comment = page.fresh(), page.fresh()
    created = CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft("words", comment), chat))
    event = page.do(created, ANN)
    assert event is not None
    stored = change(None, page.state, event).event
    assert read_event(event.seq, event.broadcast_id, stored, "words") == event
    newer = msgspec.json.encode(UpdatedTextChat(7, uid(7), 5, ANN, chat, "pinned"))
    for data in (newer, stored.replace(b"new-text-chat", b"merged-text-chat"), b"[", b"[" * 5_000):
        assert read_event(7, uid(7), data, "") == UnknownEvent(7, uid(7))
