from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given

from collabchat_asgi.core import replay
from collabchat_asgi.core.batch import MAX_BYTES, MAX_EVENTS
from collabchat_asgi.core.model import Event
from collabchat_asgi.core.replay import encode_replay
from collabchat_asgi.core.state import State

from .histories import EPOCH, URL, Page, chats, many, tapes


@many
@given(tapes)
def test_a_replay_ends_in_the_pages_state(data: bytes) -> None:
    page = Page().play(data)
    reader = State()
    for text, numbers in encode_replay(URL, EPOCH, page.events):
        frame = json.loads(text)
        assert frame["first"] == reader.position.seq + 1
        assert frame["last"] == reader.position.seq + numbers
        reader.fold_all(EPOCH, msgspec.convert(frame["events"], list[Event]))
        reader.position = reader.position._replace(seq=frame["last"])
    assert reader.position.seq == page.state.position.seq
    assert chats(reader) == chats(page.state)


def test_nothing_missed_is_nothing_sent() -> None:
    assert list(encode_replay(URL, EPOCH, [])) == []


def test_a_long_replay_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_EVENTS", 4)
    events = Page().play(bytes(range(256))).events[:10]
    assert [numbers for _, numbers in encode_replay(URL, EPOCH, events)] == [4, 4, 2]
    monkeypatch.setattr(replay, "MAX_BYTES", 1)
    assert [numbers for _, numbers in encode_replay(URL, EPOCH, events)] == [1] * 10
    assert MAX_EVENTS * 100 <= MAX_BYTES
