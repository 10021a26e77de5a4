"""A chat as Web Annotations (https://www.w3.org/TR/annotation-model/).

Its first comment is the body of an annotation of the text, every later one an annotation that
replies to that. What the model has no word for (resolved, reactions) stands under a name of ours,
which readers that do not know it skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import UNSET

from ..core.model import Anchor, Comment, PageKey, User
from ..core.state import ChatState

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
OURS = {"collabchat": "urn:collabchat:"}

_KEPT = ":/?#[]@!$&'()*+,;=%-._~"
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
"""What an IRI may hold as it is; letters of any script are added to it below."""


def annotations_of(key: PageKey, chat: ChatState, base: str = "") -> Iterator[dict[str, Any]]:
    comments = [state.comment for state in chat.comments.values()]
    first = comments[0] if comments else None
    id = f"urn:uuid:{chat.id}"
    yield {
        **_context(chat.resolved is not UNSET or _has_reactions(first)),
        "id": id,
        "type": "Annotation",
        "motivation": "commenting",
        "created": time_of(chat.created_at),
        **({"modified": time_of(chat.updated_at)} if chat.updated_at != chat.created_at else {}),
        "creator": _person(chat.created_by),
        **({"body": _first_body(chat, first)} if first else {}),
        "target": _target(source_of(key, base), chat.anchor),
        **_resolved(chat),
    }
    for comment in comments[1:]:
        edited = {} if comment.edited_at is UNSET else {"modified": time_of(comment.edited_at)}
        yield {
            **_context(_has_reactions(comment)),
            "id": f"urn:uuid:{comment.id}",
            "type": "Annotation",
            "motivation": "replying",
            "created": time_of(comment.created_at),
            **edited,
            "creator": _person(comment.author),
            "body": _body(comment),
            "target": id,
        }


def _context(ours: bool) -> dict[str, Any]:
    return {"@context": [CONTEXT, OURS] if ours else CONTEXT}


def _has_reactions(comment: Comment | None) -> bool:
    return comment is not None and comment.reactions is not UNSET


def _body(comment: Comment) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "TextualBody",
        "value": comment.body,
        "format": "text/plain",
        "purpose": "commenting",
    }
    if comment.reactions is not UNSET:
        body["collabchat:reactions"] = [
            {"collabchat:emoji": emoji, "collabchat:by": [_user(id) for id in people]}
            for emoji, people in comment.reactions.items()
        ]
    return body


def _first_body(chat: ChatState, comment: Comment) -> dict[str, Any]:
    """With its own author and time where the comment that the chat began with is gone."""
    body = {"id": f"urn:uuid:{comment.id}", **_body(comment)}
    if (comment.author.id, comment.created_at) != (chat.created_by.id, chat.created_at):
        body |= {"creator": _person(comment.author), "created": time_of(comment.created_at)}
    if comment.edited_at is not UNSET:
        body["modified"] = time_of(comment.edited_at)
    return body


def _resolved(chat: ChatState) -> dict[str, Any]:
    if chat.resolved is UNSET:
        return {}
    told = {"collabchat:by": _person(chat.resolved.by), "collabchat:at": time_of(chat.resolved.at)}
    return {"collabchat:resolved": told}


def _target(source: str, anchor: Anchor) -> dict[str, Any]:
    """Without a selector the page as a whole is meant (4 Specific Resources)."""
    target: dict[str, Any] = {"source": source}
    if anchor.selector:
        target["selector"] = msgspec.to_builtins(anchor.selector)
    if anchor.scope is not UNSET:
        target["scope"] = f"{source.partition('#')[0]}#{quote(anchor.scope, safe='')}"
    return target


def source_of(key: PageKey, base: str = "") -> str:
    """The page as an IRI: its id where that is one, a path at `base`, or a name of our own."""
    # Any text may name a page: "http://[oops" too, which is no address.
    with suppress(ValueError):
        parts = urlsplit(key.url_id)
        if parts.scheme in ("http", "https") and parts.netloc:
            return _iri(key.url_id)
        if base and key.url_id.startswith("/"):
            site = urlsplit(base)
            return _iri(f"{site.scheme}://{site.netloc}{key.url_id}")
    return f"urn:collabchat:page:{quote(key.tenant_id, safe='')}:{quote(key.url_id, safe='')}"


def _iri(text: str) -> str:
    bare = "".join(c if c.isalnum() or c in _KEPT else quote(c) for c in text)
    return _NO_ESCAPE.sub("%25", bare)


def _person(user: User) -> dict[str, str]:
    name = {"name": user.name} if user.name else {}
    return {"id": _user(user.id), "type": "Person", **name}


def _user(id: str) -> str:
    return f"urn:collabchat:user:{quote(id, safe='')}"


def time_of(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")
