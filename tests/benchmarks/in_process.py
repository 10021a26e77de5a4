"""Connections without sockets: what the engine itself can do."""

from __future__ import annotations

import asyncio
from typing import Any

from collabchat_asgi import CollabChat, ConnectRequest
from collabchat_asgi.core.frames import Since, Subscribe
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.engine.people.connection import Connection
from collabchat_asgi.engine.people.identities import Admission
from collabchat_asgi.errors import CloseCode
from tests.benchmarks.material import TENANT, create_chat, identity, new_id


class Viewer:
    """A client that takes everything at once and keeps nothing but the types."""

    def __init__(self, collab: CollabChat, name: str) -> None:
        self.frames: dict[str, int] = {}
        self.closed: CloseCode | None = None
        request = ConnectRequest(TENANT, None, name, {}, {}, {}, None, {})
        admission = Admission(identity(name), TENANT)
        self.connection: Connection = collab._engine.services.door.connect(
            admission, request, self.send, self
        )

    async def send(self, message: Any) -> None:
        text: str = message["text"]
        kind = text[9 : text.index('"', 9)]
        self.frames[kind] = self.frames.get(kind, 0) + 1
        if kind == "subscribed":
            kind = "recovered" if '"recovered":true' in text else "not recovered"
            self.frames[kind] = self.frames.get(kind, 0) + 1

    def finish(self, code: CloseCode, reason: str, *, abort: bool) -> None:
        self.closed = code

    def subscribe(self, url_id: str, since: Since | None = None) -> None:
        frame = Subscribe(url_id) if since is None else Subscribe(url_id, since)
        self.connection.receive(frame, 100)

    def is_live(self, url_id: str) -> bool:
        viewer = self.connection.viewers.get(url_id)
        return viewer is not None and viewer.live


async def all_live(viewers: list[tuple[Viewer, str]]) -> None:
    """Return when each of them is live on its page."""
    waiting = viewers
    while waiting := [(viewer, page) for viewer, page in waiting if not viewer.is_live(page)]:
        assert not any(viewer.closed for viewer, _ in waiting)
        await asyncio.sleep(0.001)


async def filled_page(collab: CollabChat, url_id: str, chats: int) -> None:
    """A page with so many chats, committed in the ordinary way."""
    maker = identity("maker")
    made = [create_chat(url_id, new_id()) for _ in range(chats)]
    await asyncio.gather(*(collab.submit(TENANT, url_id, one, identity=maker) for one in made))


def closed_page(collab: CollabChat, url_id: str) -> None:
    """Forget an open page, as if it had been idle for long."""
    pages = collab._engine.services.pages
    page = pages._pages.pop(PageKey(TENANT, url_id))
    del pages._topics[page.topic]
