# uvicorn examples.fastapi_login_app:app
import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import jwt
from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity, auth

PASSWORDS = {"ann": "tulip", "bob": "rose"}
SECRET = os.environ.get("SECRET_KEY") or secrets.token_urlsafe()  # of all processes
LIFETIME = timedelta(hours=8)

app = FastAPI()
templates = Jinja2Templates(Path(__file__).with_name("templates"))


def current_user(access_token: Annotated[str, Cookie()] = "") -> str:
    try:
        claims = jwt.decode(access_token, SECRET, ["HS256"], options={"require": ["exp"]})
    except jwt.PyJWTError as error:
        raise HTTPException(303, headers={"location": "/login"}) from error
    return str(claims["sub"])


@app.get("/login")
async def form(request: Request) -> Response:
    return templates.TemplateResponse(request, "login.html")


@app.post("/login")
async def login(
    request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    if PASSWORDS.get(name) != password:
        return templates.TemplateResponse(request, "login.html")
    token = jwt.encode({"sub": name, "exp": datetime.now(UTC) + LIFETIME}, SECRET)
    response = RedirectResponse("/", 303)
    response.set_cookie("access_token", token, httponly=True, samesite="lax")
    return response


@app.get("/")
async def article(request: Request, user: Annotated[str, Depends(current_user)]) -> Response:
    return templates.TemplateResponse(request, "article.html", {"user": user})


def identify(claims: dict[str, Any]) -> Identity:
    user = claims["sub"]
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return Identity(
        user, name=user.title(), tenants={"default": "commenter"}, expires_at=expires_at
    )


verify = auth.jwt(SECRET, algorithms=["HS256"], identify=identify)


async def authenticate(request: ConnectRequest) -> Identity:
    return await verify(replace(request, token=request.cookies.get("access_token")))


app.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=authenticate))
