# uvicorn examples.litestar_app:app
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar, Request, asgi, get, post
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.enums import RequestEncodingType
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.params import Body
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig
from litestar.types import Receive, Scope, Send

from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import starlette_session

PASSWORDS = {"ann": "tulip", "bob": "rose"}


@dataclass
class Login:
    name: str
    password: str


@get("/login")
async def login_form() -> Template:
    return Template("login.html")


@post("/login")
async def login(
    request: Request[Any, Any, Any],
    data: Annotated[Login, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    if PASSWORDS.get(data.name) != data.password:
        return Redirect("/login", status_code=303)
    request.set_session({"user": data.name})
    return Redirect("/", status_code=303)


@get("/")
async def article(request: Request[Any, Any, Any]) -> Template | Redirect:
    if "user" not in request.session:
        return Redirect("/login")
    return Template("article.html", context={"user": request.session["user"]})


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, name=user.title(), tenants={"default": "commenter"}) if user else None


collab = CollabChat(authenticate=starlette_session(identify))


@asgi("/collabchat", is_mount=True, copy_scope=True)
async def annotations(scope: Scope, receive: Receive, send: Send) -> None:
    """Mounted, so that Litestar's session middleware runs before."""
    await collab(scope, receive, send)


app = Litestar(
    [login_form, login, article, annotations],
    middleware=[ServerSideSessionConfig().middleware],
    on_startup=[collab.start],
    on_shutdown=[collab.close],
    template_config=TemplateConfig(
        directory=Path(__file__).with_name("templates"), engine=JinjaTemplateEngine
    ),
)
