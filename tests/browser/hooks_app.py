"""A page at every address, which holds what the header `x-page` says: under the rule of
examples/hooks.py (`app`), and where only the role decides (`anywhere`)."""

from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from collabchat_asgi import CollabChat, CollabChatMiddleware
from examples.hooks import app, authenticate

anywhere = FastAPI()
anywhere.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=authenticate))


@app.get("/{path:path}")
@anywhere.get("/{path:path}")
async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(unquote(request.headers.get("x-page", "")))
