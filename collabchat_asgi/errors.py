"""What can go wrong, by whose fault it is.

CollabChatError
├─ ConfigError         the host's configuration; the text names the setting to change
├─ MisuseError         the host's program, never shown to a client
├─ Denied              a hook's no
├─ HookFailed          a hook that raised, hung or returned nonsense: neither yes nor no
├─ Refused             an operation that gets an `error`; the connection lives
│  └─ RefusedFrame  ── InvalidFrame     a frame that cannot be understood
├─ Closed              a frame or a state that ends the connection, with its close code
└─ BackendError        a storage or a pub/sub
   ├─ StorageError  ── StorageUnavailable
   └─ PubSubError   ── PubSubUnavailable
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

ErrorCode = Literal[
    "invalid",
    "too-long",
    "too-large",
    "not-found",
    "forbidden",
    "unauthenticated",
    "conflict",
    "rate-limited",
    "quota",
    "too-many",
    "unsupported",
    "unsupported-media-type",
    "unavailable",
    "reset",
    "internal",
]
"""What an `error` frame and an HTTP refusal say by `code` (PROTOCOL section 4)."""


class CollabChatError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigError(CollabChatError, ValueError):
    """The configuration cannot work. The text says which setting to change."""


class MisuseError(CollabChatError, RuntimeError):
    """The host program called in a state where the call has no meaning."""


class Denied(CollabChatError):
    """Raised by a hook to say no. The text is shown to the person who asked; what is no text is
    shown as `str` makes it."""

    message: str = "not allowed"
    """A subclass may have another, or an `__init__` of its own that does not call this one."""

    def __init__(self, message: object = None) -> None:
        if message is not None:
            self.message = str(message)
        super().__init__(self.message)


class HookFailed(CollabChatError):
    """A hook raised, hung or returned nonsense: not a no, and not a yes either."""


class CloseCode(IntEnum):
    """PROTOCOL section 5. 44xx: do not come back until something changed. 45xx: come back."""

    NORMAL = 1000
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    VERSION = 4406
    TOO_LARGE = 4413
    INTERNAL = 4500
    UNAVAILABLE = 4503
    TIMEOUT = 4508
    TOO_SLOW = 4509
    OUT_OF_ORDER = 4510
    GOING_AWAY = 4512
    TOO_MANY = 4529


class Refused(CollabChatError):
    """Answered with an `error` frame (PROTOCOL section 4); the connection stays open.

    `code` is an `ErrorCode`, `retry` says whether the same request may succeed
    later, `retry_after_ms` when, and `field` which field of the request is at fault.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retry: bool = False,
        retry_after_ms: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.retry = retry
        self.retry_after_ms = retry_after_ms
        self.field = field


class RefusedFrame(Refused):
    """A frame of an unknown type. Names what it belongs to, where that could be read."""

    broadcast_id: str | None = None
    url_id: str | None = None
    kind: str = ""
    """Its type, where that is known."""


class InvalidFrame(RefusedFrame):
    """A known type with a bad field."""


class Closed(CollabChatError):
    """Ends the connection with `code`. `reason` is at most 60 ASCII bytes (PROTOCOL section 5)."""

    def __init__(self, code: CloseCode, reason: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after_ms = retry_after_ms


class BackendError(CollabChatError):
    """A storage or pub/sub failed for good: the same call would fail again."""


class StorageError(BackendError):
    """The storage refused, and would refuse again."""


class StorageUnavailable(StorageError):
    """The storage is away, or did not answer in time. The outcome of a commit is unknown:
    the same call again settles it."""


class PubSubError(BackendError):
    """The pub/sub refused, and would refuse again."""


class PubSubUnavailable(PubSubError):
    """The pub/sub is away. What was to be published is lost, which readers of the log heal."""
