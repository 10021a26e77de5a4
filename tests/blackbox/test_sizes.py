"""PROTOCOL section 3.3: a new annotation is under 1,000 bytes as a frame."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collabchat_asgi.testing.operations import create_chat

from .conftest import Site

LIMIT = 1_000
ANCHOR = 360


def annotation(letter: str) -> dict[str, Any]:
    """A 40-character quote and an 80-character comment, as clients write them: prefix and suffix
    shrink until the anchor is small enough."""
    anchor: dict[str, Any] = {}
    for context in range(64, 23, -1):
        quote = {"exact": letter * 40, "prefix": letter * context, "suffix": letter * context}
        place = {"type": "TextPositionSelector", "start": 12_345, "end": 12_385}
        selectors = [{"type": "TextQuoteSelector", **quote}, place]
        anchor = {"selector": selectors, "length": 23_456}
        if len(json.dumps(anchor, ensure_ascii=False, separators=(",", ":")).encode()) <= ANCHOR:
            break
    create = create_chat(letter * 80)
    create["chat"]["anchor"] = anchor
    return create


@pytest.mark.parametrize(("letter", "page"), [("a", 100), ("ж", 40)], ids=["Latin", "Cyrillic"])
async def test_a_new_annotation_is_under_1000_bytes(site: Site, letter: str, page: int) -> None:
    site.page = site.mark + "p" * (page - len(site.mark))
    bob = await site.join("bob")
    ann = await site.join("ann")
    before = bob.received_bytes["events"]
    await ann.do(annotation(letter))
    frame = await bob.expect("events", first=1, last=1)
    assert bob.received_bytes["events"] - before < LIMIT, frame


async def test_frames_carry_no_null(site: Site) -> None:
    ann = await site.join()
    await ann.do(create_chat())
    await ann.expect_event("new-text-chat")
    page = await site.http().chats(site.page)
    assert "null" not in json.dumps([ann.inbox, ann.welcome, page])
