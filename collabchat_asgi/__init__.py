"""Live collaborative text annotations for any ASGI app, with one line."""

from .collab import CollabChat
from .config import Limits, Timing, Tuning
from .core.rules import Action, Role
from .core.text import anonymous_id
from .errors import CollabChatError, ConfigError, Denied, Refused
from .hooks import AccessRequest, ConnectRequest, Identity, UsageReport, default_policy
from .middleware import CollabChatMiddleware
from .version import __version__

__all__ = [
    "AccessRequest",
    "Action",
    "CollabChat",
    "CollabChatError",
    "CollabChatMiddleware",
    "ConfigError",
    "ConnectRequest",
    "Denied",
    "Identity",
    "Limits",
    "Refused",
    "Role",
    "Timing",
    "Tuning",
    "UsageReport",
    "__version__",
    "anonymous_id",
    "default_policy",
]
