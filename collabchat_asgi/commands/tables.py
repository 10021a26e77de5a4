"""Chats for spreadsheets and for people: lines of CSV, and a page of HTML. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from html import escape

from msgspec import UNSET

from ..core.model import Anchor, Comment, PageKey, RangeSelector, TextQuoteSelector
from ..core.state import ChatState
from .w3c import time_of

COLUMNS = (
    "tenant", "page", "chat", "comment", "author", "name", "created", "edited", "resolved",
    "passage", "text", "reactions",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for something to work out."""

HTML_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>Annotations</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui; max-width: 45em; margin: 2em auto }
blockquote { border-left: .2em solid; margin-left: 0; padding-left: 1em; opacity: .8 }
article { margin: 2em 0 } time, small { opacity: .7; font-size: .85em } p { white-space: pre-wrap }
</style>
"""


def csv_head() -> str:
    return _line(COLUMNS)


def csv_lines(key: PageKey, chat: ChatState) -> Iterator[str]:
    """One for each comment."""
    resolved = "" if chat.resolved is UNSET else time_of(chat.resolved.at)
    for comment in (known.comment for known in chat.comments.values()):
        yield _line(
            (
                *key,
                chat.id,
                comment.id,
                comment.author.id,
                comment.author.name,
                time_of(comment.created_at),
                "" if comment.edited_at is UNSET else time_of(comment.edited_at),
                resolved,
                passage(chat.anchor),
                comment.body,
                _reactions(comment),
            )
        )


def html_of(key: PageKey, chats: list[ChatState]) -> str:
    """A section of the page."""
    parts = [f"<section><h2>{escape(key.url_id)} <small>{escape(key.tenant_id)}</small></h2>\n"]
    for chat in chats:
        quote = passage(chat.anchor)
        parts.append("<article>" + (f"<blockquote>{escape(quote)}</blockquote>" if quote else ""))
        for comment in (known.comment for known in chat.comments.values()):
            name = escape(comment.author.name or comment.author.id)
            at = time_of(comment.created_at)
            told = f"<b>{name}</b> <time datetime={at}>{at[:16].replace('T', ' ')}</time>"
            reactions = _reactions(comment)
            more = f" <small>{escape(reactions)}</small>" if reactions else ""
            parts.append(f"\n<div>{told}{more}<p>{escape(comment.body)}</p></div>")
        if chat.resolved is not UNSET:
            by = chat.resolved.by
            parts.append(f"\n<small>resolved by {escape(by.name or by.id)}</small>")
        parts.append("</article>\n")
    return "".join(parts) + "</section>\n"


def passage(anchor: Anchor) -> str:
    for one in anchor.selector:
        if isinstance(one, TextQuoteSelector):
            return one.exact
        if isinstance(one, RangeSelector):
            return f"{one.start_selector.exact} … {one.end_selector.exact}"
    return ""


def _reactions(comment: Comment) -> str:
    if comment.reactions is UNSET:
        return ""
    return " ".join(f"{emoji} {len(people)}" for emoji, people in comment.reactions.items())


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    safe = (f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    csv.writer(out).writerow(safe)
    return out.getvalue()
