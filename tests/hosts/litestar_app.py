from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.datastructures import State

from collabchat_asgi import CollabChatMiddleware
from tests.blackbox.app import collab


@get("/")
async def home() -> dict[str, str]:
    return {"host": "still here"}


@post("/echo", status_code=200)
async def echo(request: Request) -> Response[bytes]:  # type: ignore[type-arg]
    return Response(await request.body(), media_type="application/octet-stream")


@get("/state")
async def state(state: State) -> dict[str, int]:
    return {"answer": state.answer}


@websocket("/ws")
async def talk(socket: WebSocket) -> None:  # type: ignore[type-arg]
    await socket.accept()
    async for text in socket.iter_data("text"):
        await socket.send_text(text)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.answer = 42
    yield


def make() -> Litestar:
    return Litestar([home, echo, state, talk], lifespan=[lifespan])


bare = make()
app = CollabChatMiddleware(make(), collab=collab)
