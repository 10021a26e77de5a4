from typing import Any

from quart import Quart, request, websocket

from collabchat_asgi import CollabChatMiddleware
from tests.blackbox.app import collab


def make() -> Quart:
    app = Quart(__name__)

    @app.before_serving
    async def start() -> None:
        app.config["answer"] = 42

    @app.get("/")
    async def home() -> dict[str, str]:
        return {"host": "still here"}

    @app.post("/echo")
    async def echo() -> str | bytes:
        return await request.get_data(as_text=False)

    @app.get("/state")
    async def state() -> dict[str, Any]:
        return {"answer": app.config["answer"]}

    @app.websocket("/ws")
    async def talk() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app


bare = make()
app = make()
app.asgi_app = CollabChatMiddleware(app.asgi_app, collab=collab)  # type: ignore[method-assign]
