"""What the host says about people, permissions and money: six callables, sync or async.

A no (`Denied`, or False from `authorize`) is an answer. A hook that raises, takes longer than
`Timing.hook_seconds` or returns nonsense lets nothing through: clients are told to come back.
"""

from ..errors import HookFailed
from .calls import Hooks, refusal_of
from .words import (
    AccessRequest,
    Authenticate,
    Authorize,
    BeforeCommit,
    ConnectRequest,
    Identity,
    OnEvent,
    OnUsage,
    UsageReport,
    default_policy,
    role_allows,
)

__all__ = [
    "AccessRequest",
    "Authenticate",
    "Authorize",
    "BeforeCommit",
    "ConnectRequest",
    "HookFailed",
    "Hooks",
    "Identity",
    "OnEvent",
    "OnUsage",
    "UsageReport",
    "default_policy",
    "refusal_of",
    "role_allows",
]
