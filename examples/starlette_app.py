# uvicorn examples.starlette_app:app
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity
from collabchat_asgi.auth import starlette_session

PASSWORDS = {"ann": "tulip", "bob": "rose"}
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe()  # of all processes

templates = Jinja2Templates(Path(__file__).with_name("templates"))


async def login(request: Request) -> Response:
    if request.method == "POST":
        form = await request.form()
        name = str(form["name"])
        if PASSWORDS.get(name) == form["password"]:
            request.session["user"] = name
            return RedirectResponse("/", 303)
    return templates.TemplateResponse(request, "login.html")


async def article(request: Request) -> Response:
    if "user" not in request.session:
        return RedirectResponse("/login")
    return templates.TemplateResponse(request, "article.html", {"user": request.session["user"]})


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, name=user.title(), tenants={"default": "commenter"}) if user else None


collab = CollabChat(authenticate=starlette_session(identify))
app = Starlette(
    routes=[Route("/", article), Route("/login", login, methods=["GET", "POST"])],
    middleware=[
        Middleware(SessionMiddleware, secret_key=SECRET_KEY),
        Middleware(CollabChatMiddleware, collab=collab),
    ],
)
