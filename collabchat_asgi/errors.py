"""What can go wrong, by whose fault it is.

CollabChatError
├─ ConfigError         the host's configuration; the text names the setting to change
├─ MisuseError         the host's program, never shown to a client
├─ Denied              a hook's no
├─ Refused             an operation or a frame that gets an `error`; the connection lives
├─ Closed              a frame or a state that ends the connection, with its close code
└─ BackendError        a storage or a pub/sub
   ├─ StorageError  ── StorageUnavailable
   └─ PubSubError   ── PubSubUnavailable
"""

from __future__ import annotations

from enum import IntEnum


class CollabChatError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigError(CollabChatError, ValueError):
    """The configuration cannot work. The text says which setting to change."""


class MisuseError(CollabChatError, RuntimeError):
    """The host program called in a state where the call has no meaning."""


class Denied(CollabChatError):
    """Raised by a hook to say no. The text is shown to the person who asked."""

    def __init__(self, message: str = "not allowed") -> None:
        super().__init__(message)
        self.message = message


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

    `code` is one of PROTOCOL's error codes, `retry` says whether the same request may succeed
    later, `retry_after_ms` when, and `field` which field of the request is at fault.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: bool = False,
        retry_after_ms: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.retry_after_ms = retry_after_ms
        self.field = field


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
