# uvicorn examples.flask_app:asgi_app
import os
import secrets
from collections.abc import Mapping
from typing import Any

from flask import Flask, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity, wsgi
from collabchat_asgi.auth import flask_session

PASSWORDS = {"ann": "tulip", "bob": "rose"}

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_urlsafe()  # of all processes


@app.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if request.method == "POST":
        name = request.form["name"]
        if PASSWORDS.get(name) == request.form["password"]:
            session["user"] = name
            return redirect("/")
    return render_template("login.html")


@app.get("/")
def article() -> ResponseReturnValue:
    if "user" not in session:
        return redirect("/login")
    return render_template("article.html", user=session["user"])


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, name=user.title(), tenants={"default": "commenter"}) if user else None


collab = CollabChat(authenticate=flask_session(app, identify))
asgi_app = CollabChatMiddleware(wsgi.adapt(app), collab=collab)
