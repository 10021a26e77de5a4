"""Two discussions that are there already, so that the first visitor sees what one looks like."""

from __future__ import annotations

from typing import Any

from .. import CollabChat, Identity

PAGE = "/notes-in-the-margin"

MARA = Identity("resident:mara", name="Mara Lindqvist", tenants={"demo": "commenter"})
TOMAS = Identity("resident:tomas", name="Tomás Rey", tenants={"demo": "commenter"})

_TIDES = "00000000-0000-4000-8000-0000000000a1"
_CIRCLE = "00000000-0000-4000-8000-0000000000a2"


def _anchor(exact: str, prefix: str, suffix: str) -> dict[str, Any]:
    """The position is left to the quote: the page's text may change as it likes."""
    quote = {"type": "TextQuoteSelector", "exact": exact, "prefix": prefix, "suffix": suffix}
    return {"selector": [quote], "length": 0}


_SAID: list[tuple[Identity, dict[str, Any]]] = [
    (
        MARA,
        {
            "type": "create-chat",
            "chat": {
                "id": _TIDES,
                "anchor": _anchor(
                    "A review has had time to be fair.",
                    "notes in margins sound so different from reviews. ",
                    " The fish on page forty",
                ),
                "comment": {
                    "id": "00000000-0000-4000-8000-0000000000b1",
                    "body": "Best line of the piece. Could we open with it?",
                },
            },
        },
    ),
    (
        TOMAS,
        {
            "type": "add-comment",
            "chatId": _TIDES,
            "comment": {
                "id": "00000000-0000-4000-8000-0000000000b2",
                "body": "I would keep it here. It lands because of the two sentences before it.",
            },
        },
    ),
    (
        MARA,
        {
            "type": "add-reaction",
            "chatId": _TIDES,
            "commentId": "00000000-0000-4000-8000-0000000000b2",
            "emoji": "👍",
        },
    ),
    (
        TOMAS,
        {
            "type": "create-chat",
            "chat": {
                "id": _CIRCLE,
                "anchor": _anchor(
                    "for the better part of a winter",
                    "one copy of everything from house to house ",
                    ". Mark Meaning Usual reply",
                ),
                "comment": {
                    "id": "00000000-0000-4000-8000-0000000000b3",
                    "body": "Do we know which winter?",
                },
            },
        },
    ),
]


async def move_in(collab: CollabChat) -> None:
    """Whoever starts the demo again, on the same data, finds them once."""
    try:
        if (await collab.snapshot("demo", PAGE))["seq"] == 0:
            for identity, operation in _SAID:
                await collab.submit("demo", PAGE, operation, identity=identity)
    finally:
        await collab.close()
