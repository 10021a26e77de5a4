"""A host of nothing else; the token is who somebody is."""

from typing import Any

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity


def authenticate(request: ConnectRequest) -> Identity:
    return Identity(request.token or "nobody", tenants={"acme": "commenter"})


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """There is no other page."""


app = CollabChatMiddleware(nothing, collab=CollabChat(authenticate=authenticate))
