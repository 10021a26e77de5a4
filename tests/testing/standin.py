"""The smallest honest server: one tenant, pages in memory, no rules. It proves the clients."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .story import EPOCH, TENANT, event, user

Json = dict[str, Any]


@dataclass
class StandIn:
    log: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    acks: dict[str, Json] = field(default_factory=dict)
    listeners: dict[str, set[ServerConnection]] = field(default_factory=lambda: defaultdict(set))
    refusals: list[Json] = field(default_factory=list)
    """Fields of errors to answer the next operations with."""
    silent_acks: int = 0
    """So many operations are committed, and their connection dies before the ack."""
    arrived: list[str] = field(default_factory=list)
    """broadcastIds, as often as they came."""
    pongs: list[int] = field(default_factory=list)
    port: int = 0
    _server: Server | None = None

    async def __aenter__(self) -> StandIn:
        self._server = await serve(self._serve, "127.0.0.1", 0, ping_interval=None)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/collabchat"

    async def _serve(self, socket: ServerConnection) -> None:
        name = ""
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "hello":
                    name = frame["token"]
                    if name == "nobody":
                        return await socket.close(4401, "who are you?")
                    await say(socket, type="welcome", tenantId=TENANT, user=user(name))
                    await say(socket, type="ping", n=99)
                elif frame["type"] == "subscribe":
                    await self._subscribe(socket, frame)
                elif frame["type"] == "pong":
                    self.pongs.append(frame["n"])
                elif frame["type"] == "ping":
                    await say(socket, type="pong", n=frame["n"])
                else:
                    await self._operate(socket, name, frame)
        except ConnectionClosed:
            pass
        finally:
            for listeners in self.listeners.values():
                listeners.discard(socket)

    async def _subscribe(self, socket: ServerConnection, frame: Json) -> None:
        page, log = frame["urlId"], self.log[frame["urlId"]]
        since = frame.get("since", {"seq": 0})["seq"]
        position = {"urlId": page, "epoch": EPOCH if log else "", "seq": len(log)}
        await say(socket, type="subscribed", **position, recovered="since" in frame)
        if "since" not in frame:
            assert not log, "this stand-in folds nothing: snapshots are of empty pages"
            await say(socket, type="snapshot", **position, chats=[], last=True)
        elif since < len(log):
            await say(socket, **events(page, log, since + 1))
        self.listeners[page].add(socket)

    async def _operate(self, socket: ServerConnection, name: str, frame: Json) -> None:
        page, broadcast_id = frame["urlId"], frame["broadcastId"]
        self.arrived.append(broadcast_id)
        answer = {"broadcastId": broadcast_id, "urlId": page}
        if self.refusals:
            return await say(socket, type="error", message="no", **self.refusals.pop(0), **answer)
        if broadcast_id not in self.acks:
            log = self.log[page]
            log.append(event(frame, len(log) + 1, name))
            self.acks[broadcast_id] = {**answer, "epoch": EPOCH, "seq": len(log), "ts": len(log)}
            for listener in list(self.listeners[page]):
                await say(listener, **events(page, log, len(log)))
            if self.silent_acks:
                self.silent_acks -= 1
                return socket.transport.abort()
        await say(socket, type="ack", **self.acks[broadcast_id])


def events(page: str, log: list[Json], first: int) -> Json:
    numbers = {"urlId": page, "epoch": EPOCH, "first": first, "last": len(log)}
    return {"type": "events", **numbers, "events": log[first - 1 :]}


async def say(socket: ServerConnection, **frame: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        await socket.send(json.dumps(frame))
