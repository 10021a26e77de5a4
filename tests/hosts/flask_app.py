from flask import Flask, Response, request

from collabchat_asgi import CollabChatMiddleware, wsgi
from tests.blackbox.app import collab

flask_app = Flask(__name__)


@flask_app.get("/")
def home() -> dict[str, str]:
    return {"host": "still here"}


@flask_app.post("/echo")
def echo() -> Response:
    return Response(request.get_data())


@flask_app.get("/state")
def state() -> dict[str, int]:
    return {"answer": 42}  # there is no lifespan in WSGI: what a module sets is all there is


bare = wsgi.adapt(flask_app)
app = CollabChatMiddleware(wsgi.adapt(flask_app), collab=collab)
