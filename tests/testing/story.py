"""A small true story of clients and one server, so that tests can tell one lie at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from collabchat_asgi.testing.evidence import chat_of, text_of
from collabchat_asgi.testing.history import History, Record, Tape
from collabchat_asgi.testing.page import Page

Json = dict[str, Any]
TENANT, PAGE, EPOCH = "acme", "page", "e1"


class Story:
    """An honest server with one page: commits in order, tells every listener in frames."""

    def __init__(self) -> None:
        ticks = itertools.count(1)
        self.history = History(clock=lambda: float(next(ticks)))
        self.log: list[Json] = []
        self.page = Page()
        self.listeners: dict[str, tuple[Tape, Page]] = {}
        self.tapes: dict[str, Tape] = {}

    @property
    def position(self) -> Json:
        return {"epoch": EPOCH if self.log else "", "seq": len(self.log)}

    def chats(self) -> list[Json]:
        """As of now: what was read does not change when the page does."""
        return deepcopy(list(self.page.chats.values()))

    def open(self, client: str, tenant: str = TENANT) -> Tape:
        tape = self.tapes[client] = self.history.tape(client, tenant=tenant)
        tape.sent({"type": "hello"})
        tape.received({"type": "welcome", "tenantId": tenant, "user": user(client)})
        return tape

    def join(self, client: str, since: int | None = None) -> None:
        tape = self.tapes.get(client) or self.open(client)
        asked = {} if since is None else {"since": {"epoch": EPOCH, "seq": since}}
        tape.sent({"type": "subscribe", "urlId": PAGE, **asked})
        answer = {"type": "subscribed", "urlId": PAGE, **self.position, "recovered": bool(asked)}
        tape.received(answer)
        page = self.listeners.get(client, (tape, Page()))[1]
        if since is None:
            frame = {"type": "snapshot", "urlId": PAGE, **self.position, "last": True}
            tape.received({**frame, "chats": self.chats()})
            page.replace(**self.position, chats=self.chats())
        self.listeners[client] = tape, page
        if since is not None and since < len(self.log):
            self._tell(tape, page, since + 1)

    def commit(self, client: str, operation: Json, *, answer: bool = True) -> int:
        """Asks, writes, answers; nobody is told yet. The number."""
        tape = self.tapes[client]
        tape.sent({"urlId": PAGE, **operation})
        self._blank(operation)
        self.log.append(event(operation, len(self.log) + 1, client))
        self.page.events(self.frame(len(self.log)))
        if answer:
            self.ack(client, operation, len(self.log))
        return len(self.log)

    def _blank(self, operation: Json) -> None:
        """What is edited or deleted now stays in its place without its text."""
        gone = {operation.get("commentId"), operation.get("comment", {}).get("id")}
        if operation["type"] == "delete-chat":
            gone |= {text_of(e)[0] for e in self.log if chat_of(e) == operation["chatId"]}
        if operation["type"] in ("edit-comment", "delete-comment", "delete-chat"):
            self.log = [without_text(e) if text_of(e)[0] in gone else e for e in self.log]

    def ack(self, client: str, operation: Json, seq: int) -> None:
        made = operation.get("chat", {}).get("comment") or operation.get("comment") or {}
        ids = {
            "chatId": operation.get("chatId") or operation.get("chat", {}).get("id"),
            "commentId": made.get("id"),
        }
        self.tapes[client].received(
            {
                "type": "ack",
                "broadcastId": operation["broadcastId"],
                "urlId": PAGE,
                "epoch": EPOCH,
                "seq": seq,
                "ts": 1_000 + seq,
                **{name: value for name, value in ids.items() if value},
            }
        )

    def refuse(self, client: str, operation: Json, code: str = "forbidden", **more: Any) -> None:
        tape = self.tapes[client]
        tape.sent({"urlId": PAGE, **operation})
        answer = {"type": "error", "code": code, "message": "no", "retry": False, **more}
        tape.received({**answer, "broadcastId": operation["broadcastId"], "urlId": PAGE})

    def frame(self, first: int) -> Json:
        numbers = {"urlId": PAGE, "epoch": EPOCH, "first": first, "last": len(self.log)}
        return {"type": "events", **numbers, "events": self.log[first - 1 :]}

    def tell(self) -> None:
        """One frame to everyone who listens."""
        for tape, page in self.listeners.values():
            if page.seq < len(self.log):
                self._tell(tape, page, page.seq + 1)

    def _tell(self, tape: Tape, page: Page, first: int) -> None:
        frame = self.frame(first)
        tape.received(frame)
        page.events(frame)

    def read_chats(self) -> None:
        tape = self.history.tape("http", tenant=TENANT)
        tape.sent({"type": "read-chats", "urlId": PAGE})
        chats = self.chats()
        tape.received({"type": "chats", "urlId": PAGE, **self.position, "chats": chats})

    def end(self) -> History:
        """Everything settles; the log and the pages are written down."""
        self.history.quiet()
        tape = self.history.tape("final", tenant=TENANT)
        tape.sent({"type": "read-events", "urlId": PAGE})
        tape.final({**self.frame(1), "type": "log", "seq": len(self.log)})
        tape.sent({"type": "read-chats", "urlId": PAGE})
        chats = self.chats()
        tape.final({"type": "chats", "urlId": PAGE, **self.position, "chats": chats})
        for listener, page in self.listeners.values():
            position = {"urlId": PAGE, "epoch": page.epoch, "seq": page.seq}
            listener.final({"type": "page", **position, "outline": page.outline()})
            listener.closed(1000)
        return self.history


def user(name: str) -> Json:
    return {"id": name, "name": name.title()}


def event(operation: Json, seq: int, client: str) -> Json:
    head = {"seq": seq, "broadcastId": operation["broadcastId"], "ts": seq, "user": user(client)}
    names = ("chatId", "comment", "commentId", "anchor", "emoji")
    fields = {name: operation[name] for name in names if name in operation}
    match operation["type"]:
        case "create-chat":
            return {"type": "new-text-chat", **head, "chat": operation["chat"]}
        case "delete-chat":
            return {"type": "deleted-text-chat", **head, **fields}
        case kind:
            change = {
                "add-comment": "comment-added",
                "edit-comment": "comment-edited",
                "delete-comment": "comment-deleted",
                "resolve-chat": "resolved",
                "reopen-chat": "reopened",
                "move-anchor": "anchor-moved",
                "add-reaction": "reaction-added",
                "remove-reaction": "reaction-removed",
            }[kind]
            return {"type": "updated-text-chat", **head, "change": change, **fields}


def without_text(event: Json) -> Json:
    event = deepcopy(event)
    (event.get("chat") or event)["comment"]["body"] = ""
    return event


def find(history: History, type: str, client: str = "", nth: int = 0, **match: Any) -> int:
    """Index of the nth received or final frame of this type."""
    found = [
        index
        for index, record in enumerate(history)
        if record.frame.get("type") == type
        and record.kind in ("received", "final")
        and client in ("", record.client)
        and match.items() <= record.frame.items()
    ]
    return found[nth]


def retell(history: History, index: int, change: Callable[[Json], Json]) -> None:
    record = history.records[index]
    history.records[index] = replace(record, frame=change(record.frame))


def drop(history: History, index: int) -> Record:
    return history.records.pop(index)
