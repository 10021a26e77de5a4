from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket

from collabchat_asgi import CollabChatMiddleware
from tests.blackbox.app import collab


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"answer": 42}


def make() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def home() -> dict[str, str]:
        return {"host": "still here"}

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.get("/state")
    async def state(request: Request) -> dict[str, int]:
        return {"answer": request.state.answer}

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    return app


bare = make()
app = make()
app.add_middleware(CollabChatMiddleware, collab=collab)
