from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from collabchat_asgi import CollabChatMiddleware
from tests.blackbox.app import collab


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    yield {"answer": 42}


async def home(request: Request) -> Response:
    return JSONResponse({"host": "still here"})


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def state(request: Request) -> Response:
    return JSONResponse({"answer": request.state.answer})


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


routes = [
    Route("/", home),
    Route("/echo", echo, methods=["POST"]),
    Route("/state", state),
    WebSocketRoute("/ws", talk),
]
bare = Starlette(routes=routes, lifespan=lifespan)
app = Starlette(
    routes=routes,
    lifespan=lifespan,
    middleware=[Middleware(CollabChatMiddleware, collab=collab)],
)
