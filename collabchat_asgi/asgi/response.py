"""What an HTTP request is answered with."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.frames import encode, error_fields
from ..errors import Refused

STATUS = {
    "invalid": 400,
    "too-long": 400,
    "unsupported": 400,
    "too-many": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "quota": 403,
    "not-found": 404,
    "conflict": 409,
    "reset": 410,
    "too-large": 413,
    "unsupported-media-type": 415,
    "rate-limited": 429,
    "internal": 500,
    "unavailable": 503,
}


class Response:
    """A status, headers by lower-case name, and a body."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.body = body

    @classmethod
    def json(cls, value: object, headers: Mapping[str, str] | None = None) -> Response:
        return cls(200, headers, encode(value).encode())

    @classmethod
    def refused(cls, refusal: Refused) -> Response:
        """The error object of PROTOCOL section 6."""
        status = STATUS.get(refusal.code, 400)
        headers: dict[str, str] = {}
        if status in (429, 503):
            headers["retry-after"] = str(-(-(refusal.retry_after_ms or 1_000) // 1_000))
        return cls(status, headers, encode(error_fields(refusal)).encode())

    @classmethod
    def only(cls, *methods: str) -> Response:
        """405, and which methods there are."""
        allowed = ", ".join(methods)
        refusal = Refused("unsupported", f"the method must be {allowed}")
        return cls(405, {"allow": allowed}, encode(error_fields(refusal)).encode())
