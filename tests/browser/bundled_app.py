"""A host that serves what a bundler made: the folder `DIST`."""

import os

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import anonymous

app = FastAPI()
app.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=anonymous()))
app.mount("/", StaticFiles(directory=os.environ["DIST"], html=True))
