"""A host that tells who it takes its visitors for: their name is what it sees of them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity


def authenticate(request: ConnectRequest) -> Identity:
    address = request.client[0] if request.client else "?"
    seen = f"{request.scope.get('scheme', '-')} from {address}"
    return Identity("visitor", name=seen, tenants={"default": "commenter"})


collab = CollabChat(authenticate=authenticate)
app = Starlette(middleware=[Middleware(CollabChatMiddleware, collab=collab)])
