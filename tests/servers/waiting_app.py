"""An app whose storage is away, and which would wait for it till the end of days."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.asgi import start
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.storage.memory import MemoryStorage

start.PATIENT_SECONDS = 10**6


class Away(MemoryStorage):
    async def open(self) -> None:
        raise StorageUnavailable("db.internal: no answer")

    async def close(self) -> None:
        pass


collab = CollabChat(authenticate=anonymous(), storage=Away())
app = Starlette(middleware=[Middleware(CollabChatMiddleware, collab=collab)])
