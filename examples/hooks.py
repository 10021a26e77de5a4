# uvicorn examples.hooks:app
"""Who somebody is, what they may do, and what it costs: the three hooks."""

from collections.abc import Sequence

from fastapi import FastAPI

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    Role,
    UsageReport,
    default_policy,
)

SESSIONS: dict[str, tuple[str, str, str, Role]] = {
    "s3cret": ("ann", "Ann", "acme", "moderator"),
    "t0ken": ("bob", "Bob", "acme", "reader"),
}
BILL: dict[str, dict[str, int]] = {}


async def authenticate(request: ConnectRequest) -> Identity:
    session = SESSIONS.get(request.cookies.get("sid") or request.token or "")
    if session is None:
        raise Denied("sign in first")
    user_id, name, tenant, role = session
    return Identity(user_id, name=name, tenants={tenant: role})


def authorize(access: AccessRequest) -> bool:
    """What the role allows, on the pages that are known here; drafts are for moderators."""
    if not default_policy(access):
        return False
    if access.action == "view-usage":  # about no page
        return True
    path = access.path
    if path is None:  # no page of this site is called so
        return False
    if path == "/drafts" or path.startswith("/drafts/"):
        return access.identity.tenants[access.tenant_id] in ("moderator", "admin")
    return path == "/articles" or path.startswith("/articles/")  # people may invent any other name


async def count_usage(reports: Sequence[UsageReport]) -> None:
    """At least once, so `report_id` is the key."""
    for report in reports:
        BILL.setdefault(report.report_id, dict(report.counters))


collab = CollabChat(authenticate=authenticate, authorize=authorize, on_usage=count_usage)
app = FastAPI()
app.add_middleware(CollabChatMiddleware, collab=collab)
