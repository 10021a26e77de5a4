# uvicorn examples.fastapi_app:app
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import anonymous

app = FastAPI()
app.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=anonymous()))


@app.get("/")
async def article() -> FileResponse:
    return FileResponse(Path(__file__).with_name("article.html"))
