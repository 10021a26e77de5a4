"""The subcommand `import`: annotations of other programs, as if they had been made here."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
import orjson
from msgspec import UNSET

from ..config import Limits
from ..core.model import (
    Event,
    EventChat,
    EventComment,
    NewTextChat,
    PageKey,
    Position,
    RangeSelector,
    TextQuoteSelector,
    UpdatedTextChat,
)
from ..core.records import change, restore
from ..core.state import State
from ..core.text import is_tenant_id, shortened, trim
from ..core.validation import check_url_id
from ..errors import ConfigError, Refused, StorageError
from ..storage.abc import Committed, Entry, Group, Outcome, Reused, Storage, Tail
from .foreign import FORMATS, Remark, Thread, page_of, threads
from .session import STDIN, a_site, add_storage, content_of, finish, opened, storage_url

HELP = "take annotations of other programs in; the same again adds nothing"

_AT_ONCE = 200
"""Events in one commit."""
_ATTEMPTS = 20
"""Of one commit, on a page where others are always before us."""
_OURS = UUID("6f0c5a0e-6b6b-4f0e-9d0e-c011abc4a700")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("file", type=Path, help="JSON or one JSON object per line; - for stdin")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--tenant", metavar="ID", required=True)
    parser.add_argument(
        "--base",
        metavar="URL",
        type=a_site,
        default="",
        help="pages at this address get their path as id, as https://docs.example",
    )
    parser.add_argument(
        "--text",
        metavar="FILE",
        type=Path,
        help="the text of the page, where the file is about one page: tells what will not anchor",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would come, and why not")


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    if not is_tenant_id(arguments.tenant):
        raise ConfigError(f"--tenant {arguments.tenant!r} is no tenant id")
    if str(arguments.file) == str(arguments.text) == "-":
        raise ConfigError(f"{STDIN} cannot be both the file and --text")
    found = list(_read(arguments.file, arguments.format))
    text = _words(arguments.text) if arguments.text else None
    pages: dict[str, list[Thread]] = {}
    fates: Counter[str] = Counter()
    for thread in found:
        _check(thread, text)
        url_id = page_of(thread.source, arguments.base, exact=arguments.format == "w3c")
        try:
            check_url_id(url_id, Limits().url_id_chars)
        except Refused as error:
            fates["left"] += max(1, len(thread.remarks))
            if thread.source:
                thread.notes.append(f"left out, its page cannot be called {url_id!r}: {error}")
        else:
            pages.setdefault(url_id, []).append(thread)
    async with opened(storage_url(arguments), may_be_new=not arguments.dry_run) as storage:
        for url_id, there in pages.items():
            fates += await bring(
                storage, PageKey(arguments.tenant, url_id), there, dry=arguments.dry_run
            )
    would = "would be " if arguments.dry_run else ""
    print(
        f"{fates['chats']:,} chats with {fates['comments']:,} comments {would}imported on "
        f"{len(pages):,} pages, {fates['there']:,} comments there already, "
        f"{fates['left']:,} left out"
    )
    for thread in found:
        for note in thread.notes:
            print(f"{thread.source} {thread.id}: {note}", file=sys.stderr)
    return 1 if fates["left"] else 0


def _words(path: Path) -> str:
    try:
        return " ".join(content_of(path).decode().split())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read(path: Path, format: str) -> Iterator[Thread]:
    data = content_of(path)
    try:
        try:
            whole: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            whole = [orjson.loads(line) for line in data.splitlines() if line.strip()]
        if isinstance(whole, Mapping):
            known = (whole[name] for name in ("items", "rows", "comments") if name in whole)
            whole = next(known, [whole])
        if not isinstance(whole, list):
            raise ValueError("a list of annotations is needed, or one on each line")
        yield from threads(format, whole)
    except ValueError as error:
        raise ConfigError(f"{STDIN if str(path) == '-' else path}: {error}") from error


def _check(thread: Thread, text: str | None) -> None:
    """Note what a person should know, and make what is too long fit."""
    limits = Limits()
    for remark in thread.remarks:
        whole = trim(remark.body.replace("\0", ""))
        if len(whole) > limits.body_chars:
            thread.notes.append(f"{remark.id} was longer than {limits.body_chars} and is cut")
        elif not whole:
            thread.notes.append(f"{remark.id} says nothing and is left out")
        remark.body = shortened(whole, limits.body_chars)
    if text is None:
        return
    for one in thread.anchor.selector:
        quotes = [one] if isinstance(one, TextQuoteSelector) else []
        if isinstance(one, RangeSelector):
            quotes = [one.start_selector, one.end_selector]
        if any(" ".join(quote.exact.split()) not in text for quote in quotes):
            thread.notes.append("its words are not in the text: it will not anchor")
            return


async def bring(
    storage: Storage, key: PageKey, given: Sequence[Thread], *, dry: bool
) -> Counter[str]:
    """Commit what the page does not have. Raises `StorageError`."""
    total: Counter[str] = Counter()
    known: set[str] = set()
    failures = 0
    while True:
        loaded = await storage.load(key)
        made = list(_events(restore(loaded.position, loaded.records, 0), given, known))
        if not total:
            total["there"] = sum(kind == "there" for kind, _ in made)
        total["left"] = sum(kind == "left" for kind, _ in made)
        new = [(kind, entry) for kind, entry in made if entry is not None]
        part = new if dry else new[:_AT_ONCE]
        if part and not dry:
            entries = [entry for _, entry in part]
            outcomes = await _commit(storage, key, loaded.position, entries)
            if again := {id for id, outcome in outcomes.items() if _is_known(outcome)}:
                # Imported once, and undone here since then. Nothing else was written.
                known |= again
                total["there"] += sum(
                    kind != "resolved" for kind, entry in part if entry.broadcast_id in again
                )
                continue
            if not all(isinstance(outcome, Committed) for outcome in outcomes.values()):
                failures += 1
                if failures == _ATTEMPTS:
                    raise StorageError(f"{key}: others were before us {failures} times: try again")
                continue
            failures = 0
        for kind, _ in part:
            total[kind] += 1
            total["comments"] += kind == "chats"
        if dry or not part:
            return total


async def _commit(
    storage: Storage, key: PageKey, at: Position, entries: Sequence[Entry]
) -> Mapping[str, Outcome]:
    def moved(_: PageKey, tail: Tail) -> Sequence[Entry]:
        return ()

    [outcomes] = await storage.commit([Group(key, at, entries)], moved)
    return outcomes


def _is_known(outcome: Outcome) -> bool:
    return isinstance(outcome, Reused) or (isinstance(outcome, Committed) and outcome.again)


def _events(
    state: State, given: Sequence[Thread], known: Collection[str]
) -> Iterator[tuple[str, Entry | None]]:
    """What becomes of each remark, and the entry where one is written, on the page as it grows.
    `known` are broadcast ids that the page remembers, whatever has become of what they did."""
    limits = Limits()
    for thread in given:
        is_gone = state.chat(thread.id) is None and _id(thread.remarks[0].id) in known
        for remark in thread.remarks:
            chat = state.chat(thread.id)
            full = len(state.chats) >= limits.chats_per_page
            if chat is not None:
                full = len(chat.comments) >= limits.comments_per_chat
            if (
                is_gone
                or _id(remark.id) in known
                or state.taken(remark.id)
                or (chat is None and state.taken(thread.id))
            ):
                yield "there", None
            elif full or not remark.body:
                yield "left", None
            else:
                yield "comments" if chat else "chats", _entry(state, thread, remark)
        chat, done_id = state.chat(thread.id), _id(f"{thread.id} resolved")
        if thread.resolved is None or chat is None or done_id in known:
            continue
        if chat.resolved is UNSET:
            done = UpdatedTextChat(
                state.position.seq + 1,
                done_id,
                thread.resolved.at,
                thread.resolved.by,
                thread.id,
                "resolved",
            )
            yield "resolved", _written(state, done)


def _entry(state: State, thread: Thread, remark: Remark) -> Entry:
    seq, edited = state.position.seq + 1, UNSET if remark.edited_ms is None else remark.edited_ms
    comment = EventComment(remark.id, remark.body, edited)
    head = seq, _id(remark.id), remark.at_ms, remark.user
    if state.chat(thread.id) is None:
        return _written(state, NewTextChat(*head, EventChat(thread.id, thread.anchor, comment)))
    return _written(state, UpdatedTextChat(*head, thread.id, "comment-added", comment=comment))


def _written(state: State, event: Event) -> Entry:
    before = state.chats.get(event.chat_id)
    state.fold(state.position.epoch, event)
    written = change(before, state, event)
    fingerprint = blake2b(msgspec.json.encode(event.broadcast_id), digest_size=16).digest()
    receipt = msgspec.json.encode((event.ts, event.chat_id, None))
    return Entry(
        event.broadcast_id,
        event.user.id,
        fingerprint,
        receipt,
        written.event,
        written.body_key,
        written.puts,
        written.deletes,
    )


def _id(name: str) -> str:
    return str(uuid5(_OURS, name))
