"""The vectors that the JavaScript client folds too (tests/vectors/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collabchat_asgi.core.model import Event
from collabchat_asgi.core.state import State

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "fold.json").read_text("utf-8"))

Json = dict[str, Any]


def fold(frames: list[Json]) -> State:
    """What a reader of the frames does: a frame that does not follow its position is dropped."""
    state = State()
    for frame in frames:
        position = state.position
        known = frame["last"] <= position.seq
        gap = frame["first"] > position.seq + 1
        if known or gap or (position.seq > 0 and frame["epoch"] != position.epoch):
            continue
        state.fold_all(frame["epoch"], msgspec.convert(frame["events"], list[Event]))
        state.position = position._replace(epoch=frame["epoch"], seq=frame["last"])
    return state


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_both_sides_fold_alike(vector: Json) -> None:
    state = fold(vector["events"])
    told = [json.loads(msgspec.json.encode(chat.as_chat(None))) for chat in state.chats.values()]
    assert told == vector["expected"]["chats"]
    assert state.position._asdict() == vector["expected"]["position"]
