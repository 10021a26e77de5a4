# uvicorn examples.quart_app:app
import os
import secrets
from collections.abc import Mapping
from typing import Any

from quart import Quart, redirect, render_template, request, session
from quart.typing import ResponseReturnValue

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity
from collabchat_asgi.auth import flask_session

PASSWORDS = {"ann": "tulip", "bob": "rose"}

app = Quart(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_urlsafe()  # of all processes


@app.route("/login", methods=["GET", "POST"])
async def login() -> ResponseReturnValue:
    if request.method == "POST":
        form = await request.form
        if PASSWORDS.get(form["name"]) == form["password"]:
            session["user"] = form["name"]
            return redirect("/")
    return await render_template("login.html")


@app.get("/")
async def article() -> ResponseReturnValue:
    if "user" not in session:
        return redirect("/login")
    return await render_template("article.html", user=session["user"])


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, name=user.title(), tenants={"default": "commenter"}) if user else None


collab = CollabChat(authenticate=flask_session(app, identify))
app.asgi_app = CollabChatMiddleware(app.asgi_app, collab=collab)  # type: ignore[method-assign]
