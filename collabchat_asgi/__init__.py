"""Live collaborative text annotations for any ASGI app, with one line."""

from .collab import CollabChat
from .config import Limits, Timing, Tuning
from .core.model import Anchor, Chat, Comment, User
from .core.page_id import page_origin, page_path
from .core.rules import Action, Role
from .core.text import anonymous_id
from .engine.clock import Clock
from .errors import CollabChatError, ConfigError, Denied, ErrorCode, Refused
from .hooks import AccessRequest, ConnectRequest, Identity, UsageReport, default_policy
from .hooks.quota import Quota, QuotaRequest
from .middleware import CollabChatMiddleware
from .objects import (
    Ack,
    Event,
    Events,
    Operation,
    Presence,
    Receipt,
    Snapshot,
    UsageRow,
    UserBelongings,
)
from .version import __version__

__all__ = [
    "AccessRequest",
    "Ack",
    "Action",
    "Anchor",
    "Chat",
    "Clock",
    "CollabChat",
    "CollabChatError",
    "CollabChatMiddleware",
    "Comment",
    "ConfigError",
    "ConnectRequest",
    "Denied",
    "ErrorCode",
    "Event",
    "Events",
    "Identity",
    "Limits",
    "Operation",
    "Presence",
    "Quota",
    "QuotaRequest",
    "Receipt",
    "Refused",
    "Role",
    "Snapshot",
    "Timing",
    "Tuning",
    "UsageReport",
    "UsageRow",
    "User",
    "UserBelongings",
    "__version__",
    "anonymous_id",
    "default_policy",
    "page_origin",
    "page_path",
]
