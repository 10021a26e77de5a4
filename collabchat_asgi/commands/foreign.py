"""Annotations of other programs as threads of ours: the Web Annotation model, the answers of
Hypothesis' API, and exports of FastComments. Pure: what is read, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import UNSET, UnsetType

from ..core.model import (
    FORGOTTEN,
    Anchor,
    RangeSelector,
    Resolved,
    Selector,
    TextPositionSelector,
    TextQuoteSelector,
    User,
)
from ..core.text import presentable, shortened
from ..core.validation import check_anchor
from ..errors import Refused
from ..hooks.words import MAX_NAME, as_user_id

FORMATS = ("w3c", "hypothesis", "fastcomments")
ANCHOR_BYTES = 900
NEAR = 64
"""Code points of a passage's beginning and end that stand for one which is too long to carry."""

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999

_OURS = "urn:collabchat:"
_USER = _OURS + "user:"
_TAG = re.compile(r"<[^>]*>")
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li)>", re.IGNORECASE)


@dataclass(slots=True)
class Remark:
    """`id` is a UUID: the source's own, or made of its name, so that it is the same next time."""

    id: str
    user: User
    body: str
    at_ms: int
    edited_ms: int | None = None


@dataclass(slots=True)
class Thread:
    id: str
    source: str
    """The page, as the other program calls it."""
    anchor: Anchor
    remarks: list[Remark]
    resolved: Resolved | None = None
    notes: list[str] = field(default_factory=list)
    """What a person should know about it."""


def threads(format: str, items: Iterable[Mapping[str, Any]]) -> Iterator[Thread]:
    """Threads with their remarks, oldest first. Raises `ValueError` on what is no annotation."""
    read = {"w3c": _w3c, "hypothesis": _hypothesis, "fastcomments": _fastcomments}[format]
    begun: dict[str, Thread] = {}
    replies: list[tuple[str, str, Remark]] = []
    for number, item in enumerate(items, 1):
        try:
            parent, key, thread, remark = read(item)
            if not isinstance(thread.source, str):
                raise TypeError(f"its page is {thread.source!r}")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"number {number} is no annotation of {format}: {error!r}") from error
        if parent is None:
            begun[key] = thread
        else:
            replies.append((parent, key, remark))
    # A reply may answer a reply, and stand before what it answers.
    root = {key: key for key in begun}
    waiting = replies
    while waiting:
        left = []
        for parent, key, remark in waiting:
            if parent in root:
                root[key] = root[parent]
                begun[root[parent]].remarks.append(remark)
            else:
                left.append((parent, key, remark))
        if len(left) == len(waiting):
            break
        waiting = left
    for parent, _, remark in waiting:
        lost = f"left out: it answers {parent}, which is not in the file"
        yield Thread(remark.id, "", Anchor((), 0), [], None, [lost])
    for thread in begun.values():
        thread.remarks.sort(key=lambda remark: remark.at_ms)
        yield thread


def _w3c(item: Mapping[str, Any]) -> tuple[str | None, str, Thread, Remark]:
    bodies = item.get("body") or {}
    body = bodies[0] if isinstance(bodies, list) else bodies
    text = body if isinstance(body, str) else str(body.get("value") or "")
    about: Mapping[str, Any] = body if isinstance(body, dict) else {}
    edited = about.get("modified") or (item.get("modified") if not about.get("id") else None)
    remark = Remark(
        _uuid(str(about.get("id") or f"{item['id']}#body")),
        _person(about.get("creator") or item.get("creator")),
        text,
        _ms(about.get("created") or item.get("created")),
        _ms(edited) if edited else None,
    )
    target = item["target"]
    target = target[0] if isinstance(target, list) else target
    if item.get("motivation") == "replying" and isinstance(target, str):
        remark.id = _uuid(str(item["id"]))
        return target, str(item["id"]), _nothing(remark), remark
    source, selectors = target, []
    if isinstance(target, dict):
        source = target["source"]
        source = source["id"] if isinstance(source, dict) else source
        given = target.get("selector", [])
        selectors = given if isinstance(given, list) else [given]
    anchor, notes = _anchor(selectors, _scope(target, source))
    thread = Thread(_uuid(str(item["id"])), source, anchor, [remark], None, notes)
    if done := item.get("collabchat:resolved"):
        thread.resolved = Resolved(_person(done["collabchat:by"]), _ms(done["collabchat:at"]))
    return None, str(item["id"]), thread, remark


def _hypothesis(item: Mapping[str, Any]) -> tuple[str | None, str, Thread, Remark]:
    name = str(item["user"]).removeprefix("acct:")
    shown = (item.get("user_info") or {}).get("display_name") or name.partition("@")[0]
    at, edited = _ms(item["created"]), _ms(item.get("updated") or item["created"])
    text = str(item.get("text") or "")
    tags = [f"#{tag}" for tag in item.get("tags") or ()]
    key = str(item["id"])
    remark = Remark(
        _uuid(f"hypothesis:{key}:text"),
        _user(name, str(shown)),
        " ".join([text, *tags]).strip(),
        at,
        edited if edited > at else None,
    )
    if references := item.get("references"):
        return str(references[-1]), key, _nothing(remark), remark
    targets = item.get("target") or [{}]
    anchor, notes = _anchor(targets[0].get("selector") or [])
    thread = Thread(_uuid(f"hypothesis:{key}"), str(item["uri"]), anchor, [remark], None, notes)
    return None, key, thread, remark


def _fastcomments(item: Mapping[str, Any]) -> tuple[str | None, str, Thread, Remark]:
    key = str(item.get("_id") or item["id"])
    user = item.get("userId") or item.get("anonUserId") or f"fastcomments:{key}"
    edited = item.get("editedAt") or item.get("dateEdited")
    remark = Remark(
        _uuid(f"fastcomments:{key}:text"),
        _user(str(user), str(item.get("commenterName") or "")),
        str(item.get("comment") or _text_of(str(item["commentHTML"]))),
        _ms(item["date"]),
        _ms(edited) if edited else None,
    )
    if item.get("parentId"):
        return str(item["parentId"]), key, _nothing(remark), remark
    selectors = item.get("selectors") or []
    if item.get("quote"):
        selectors = [{"type": "TextQuoteSelector", "exact": item["quote"]}]
    anchor, notes = _anchor(selectors)
    source = str(item.get("url") or item["urlId"])
    thread = Thread(_uuid(f"fastcomments:{key}"), source, anchor, [remark], None, notes)
    return None, key, thread, remark


def _text_of(html: str) -> str:
    return unescape(_TAG.sub("", _LINE_END.sub("\n", html)))


def _anchor(selectors: Iterable[Any], scope: str | UnsetType = UNSET) -> tuple[Anchor, list[str]]:
    """What a client of ours could have sent; the rest is left out."""
    found: list[Selector] = []
    notes: list[str] = []
    end = 0
    for one in selectors:
        with suppress(msgspec.ValidationError, Refused):
            made, reaches = _selectors(one)
            check_anchor(Anchor((*found, *made), 0, scope), "anchor", ANCHOR_BYTES)
            found += made
            end = max(end, reaches)
    if not found:
        notes.append("names no passage that can be found in text: it is about the page as a whole")
    elif all(isinstance(one, TextPositionSelector) for one in found):
        notes.append("names a place and no words: it anchors only while the page stays as it was")
    return Anchor(tuple(found), end, scope), notes


def _selectors(one: Any) -> tuple[Sequence[Selector], int]:
    """One of theirs as ours, and how long the text is at least."""
    kind = one.get("type") if isinstance(one, dict) else None
    if kind == "TextQuoteSelector":
        return _quote(one), len(one["exact"])
    if kind == "TextPositionSelector":
        position = msgspec.convert(one, TextPositionSelector)
        return [position], position.end
    if kind == "RangeSelector" and "exact" in (one.get("startSelector") or {}):
        return [msgspec.convert(one, RangeSelector)], 0
    return [], 0


def _scope(target: Any, source: Any) -> str | UnsetType:
    """As our own export writes it: the part of the page after its address."""
    given = target.get("scope") if isinstance(target, dict) else None
    address, mark, name = given.partition("#") if isinstance(given, str) else ("", "", "")
    scope = unquote(name)
    if not (mark and name and isinstance(source, str)) or address != source.partition("#")[0]:
        return UNSET
    return UNSET if "\0" in scope or len(scope) > 4 * NEAR else scope


def _quote(one: Mapping[str, Any]) -> list[Selector]:
    """As much of its surroundings as fits."""
    exact, prefix, suffix = (str(one.get(name) or "") for name in ("exact", "prefix", "suffix"))
    if len(exact) > 4 * NEAR:
        start, end = TextQuoteSelector(exact[:NEAR]), TextQuoteSelector(exact[-NEAR:])
        return [RangeSelector(start, end)]
    for near in (NEAR, 24, 0):
        quote = TextQuoteSelector(
            exact, prefix[-near:] if near else "", suffix[:near] if near else ""
        )
        if len(msgspec.json.encode(quote)) <= ANCHOR_BYTES - 150:
            return [quote]
    half = len(exact) // 4
    return [RangeSelector(TextQuoteSelector(exact[:half]), TextQuoteSelector(exact[-half:]))]


def _nothing(remark: Remark) -> Thread:
    return Thread(remark.id, "", Anchor((), 0), [])


def _person(given: Any) -> User:
    if isinstance(given, list):
        given = given[0] if given else None
    if isinstance(given, str):
        return _user(given, "")
    given = given or {}
    name = given.get("name") or given.get("nickname") or ""
    return _user(str(given.get("id") or name or "unknown"), str(name))


def _user(id: str, name: str) -> User:
    if id.startswith(_USER):
        id = unquote(id.removeprefix(_USER))
        if id == FORGOTTEN.id:
            return FORGOTTEN
    return User(as_user_id(presentable(id)[:256]), shortened(presentable(name), MAX_NAME))


def _uuid(name: str) -> str:
    """The source's own where it is one."""
    with suppress(ValueError):
        return str(UUID(name.removeprefix("urn:uuid:")))
    return str(uuid5(NAMESPACE_URL, name))


def _ms(given: Any) -> int:
    """Raises `ValueError` for what is no moment of a calendar: no export could tell it."""
    if isinstance(given, int | float):
        ms = int(given)
    else:
        moment = datetime.fromisoformat(str(given))
        ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise ValueError(f"{given!r} is no time of the years 1 to 9999, in milliseconds")
    return ms


def page_of(source: str, base: str, *, exact: bool = False) -> str:
    """The page's id, as the widget would call it: a path below `base`, else the address without
    query and fragment (`exact`: with them); a name of ours as it was."""
    prefix = f"{_OURS}page:"
    if source.startswith(prefix):
        return unquote(source.removeprefix(prefix).partition(":")[2])
    try:
        parts = urlsplit(source)
    except ValueError:  # as "http://[oops"
        return source
    if not parts.scheme or not parts.netloc:
        return source
    known = urlsplit(base)
    if base and (parts.scheme, parts.netloc) == (known.scheme, known.netloc):
        return parts.path or "/"
    if exact:
        return source
    return parts._replace(query="", fragment="").geturl()
