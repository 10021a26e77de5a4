"""A host of nothing else: visitors come as they are, and a token is who somebody is."""

from typing import Any

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity


def authenticate(request: ConnectRequest) -> Identity:
    return Identity(request.token or request.visitor_id or "nobody", tenants={"acme": "commenter"})


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """There is no other page."""


app = CollabChatMiddleware(nothing, collab=CollabChat(authenticate=authenticate))
