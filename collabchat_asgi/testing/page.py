"""A page as a client holds it: a snapshot and the fold of every later event (PROTOCOL 8)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Page:
    """The confirmed page. It knows only what the server said, in the order it was said."""

    def __init__(self) -> None:
        self.epoch = ""
        self.seq = 0
        self.chats: dict[str, Json] = {}
        self._parts: list[Json] = []

    @property
    def since(self) -> Json:
        return {"epoch": self.epoch, "seq": self.seq}

    def replace(self, epoch: str, seq: int, chats: list[Json]) -> None:
        self.epoch, self.seq = epoch, seq
        self.chats = {chat["id"]: _thaw(chat) for chat in chats}

    def snapshot(self, frame: Json) -> None:
        """One `snapshot` frame. Nothing changes before the last one has come."""
        self._parts += frame["chats"]
        if frame["last"]:
            parts, self._parts = self._parts, []
            self.replace(frame["epoch"], frame["seq"], parts)

    def forget_parts(self) -> None:
        """A connection that broke inside a snapshot leaves parts that belong to nothing."""
        self._parts = []

    def events(self, frame: Json) -> bool:
        """One `events` frame. False where it does not follow: the caller subscribes again."""
        if frame["epoch"] == self.epoch and frame["last"] <= self.seq:
            return True
        if frame["first"] > self.seq + 1 or (self.seq and frame["epoch"] != self.epoch):
            return False
        for event in frame["events"]:
            if event["seq"] > self.seq:
                self._apply(event)
        self.epoch, self.seq = frame["epoch"], frame["last"]
        return True

    def outline(self) -> Json:
        """What any two readers at one position agree on. Times stay out: merging moves them."""
        return {chat_id: _outline(chat) for chat_id, chat in sorted(self.chats.items())}

    def _apply(self, event: Json) -> None:
        if event["type"] == "new-text-chat":
            self.chats[event["chat"]["id"]] = _created(event)
        elif event["type"] == "deleted-text-chat":
            self.chats.pop(event["chatId"], None)
        elif chat := self.chats.get(event["chatId"]):
            chat["updatedAt"] = event["ts"]
            _CHANGES[event["change"]](chat, event)


def _thaw(chat: Json) -> Json:
    """A copy deep enough to be changed by events."""
    comments = [
        {**comment, "reactions": {e: list(u) for e, u in comment.get("reactions", {}).items()}}
        for comment in chat["comments"]
    ]
    return {**chat, "comments": comments}


def _created(event: Json) -> Json:
    chat = event["chat"]
    return {
        "id": chat["id"],
        "anchor": chat["anchor"],
        "createdBy": event["user"],
        "createdAt": event["ts"],
        "updatedAt": event["ts"],
        "commentCount": 1,
        "comments": [_comment(chat["comment"], event)],
    }


def _comment(comment: Json, event: Json) -> Json:
    return {**comment, "author": event["user"], "createdAt": event["ts"], "reactions": {}}


def _find(chat: Json, comment_id: str) -> Json:
    """An unknown comment is older than the newest five: a change to it shows nowhere."""
    return next((c for c in chat["comments"] if c["id"] == comment_id), {"reactions": {}})


def _added(chat: Json, event: Json) -> None:
    chat["comments"].append(_comment(event["comment"], event))
    chat["commentCount"] += 1


def _edited(chat: Json, event: Json) -> None:
    _find(chat, event["comment"]["id"]).update(event["comment"])


def _deleted(chat: Json, event: Json) -> None:
    chat["comments"] = [c for c in chat["comments"] if c["id"] != event["commentId"]]
    chat["commentCount"] -= 1


def _resolved(chat: Json, event: Json) -> None:
    chat["resolved"] = {"by": event["user"], "at": event["ts"]}


def _reopened(chat: Json, event: Json) -> None:
    chat.pop("resolved", None)


def _moved(chat: Json, event: Json) -> None:
    chat["anchor"] = event["anchor"]


def _reacted(chat: Json, event: Json) -> None:
    users = _find(chat, event["commentId"])["reactions"].setdefault(event["emoji"], [])
    if event["user"]["id"] not in users:
        users.append(event["user"]["id"])


def _unreacted(chat: Json, event: Json) -> None:
    reactions = _find(chat, event["commentId"])["reactions"]
    users = [user for user in reactions.pop(event["emoji"], []) if user != event["user"]["id"]]
    if users:
        reactions[event["emoji"]] = users


_CHANGES = {
    "comment-added": _added,
    "comment-edited": _edited,
    "comment-deleted": _deleted,
    "resolved": _resolved,
    "reopened": _reopened,
    "anchor-moved": _moved,
    "reaction-added": _reacted,
    "reaction-removed": _unreacted,
}


def _outline(chat: Json) -> Json:
    return {
        "anchor": chat["anchor"],
        "by": chat["createdBy"]["id"],
        "resolved": chat["resolved"]["by"]["id"] if "resolved" in chat else None,
        "count": chat["commentCount"],
        "comments": [
            [
                comment["id"],
                comment["body"],
                comment["author"]["id"],
                {emoji: sorted(users) for emoji, users in comment.get("reactions", {}).items()},
            ]
            for comment in chat["comments"]
        ],
    }


def agree(one: Json, other: Json) -> bool:
    """Whether two outlines show the same page. Snapshots carry the newest comments only, so two
    readers are compared on those that both hold."""
    return one.keys() == other.keys() and all(
        _same(chat, other[chat_id]) for chat_id, chat in one.items()
    )


def _same(one: Json, other: Json) -> bool:
    shared = min(len(one["comments"]), len(other["comments"]))
    return bool(
        all(one[key] == other[key] for key in ("anchor", "by", "resolved", "count"))
        and one["comments"][len(one["comments"]) - shared :]
        == other["comments"][len(other["comments"]) - shared :]
    )
