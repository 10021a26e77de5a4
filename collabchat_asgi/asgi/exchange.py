"""One HTTP request: what it brings, who sent it, and how it is answered."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from ..core.model import PageKey
from ..core.rules import Action
from ..core.text import has_control, is_tenant_id
from ..core.validation import check_url_id
from ..engine.engine import Engine
from ..engine.people.identities import Admission
from ..engine.writing.operations import forbidden
from ..errors import CloseCode, Closed, Refused
from ..hooks import AccessRequest, HookFailed, refusal_of
from .gate import Gate
from .request import Scope, connect_request, headers_of, query_of
from .response import Response

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of what is no page."""


class Exchange:
    """What the calls need to know of a request. Everything that is not as it should be raises
    `Refused`."""

    def __init__(self, engine: Engine, gate: Gate, scope: Scope, receive: Any, send: Any) -> None:
        self.engine = engine
        self.services = engine.services
        self.gate = gate
        self.scope = scope
        self.headers = headers_of(scope)
        self.query = query_of(scope)
        self.method: str = scope["method"]
        self._receive = receive
        self._send = send

    def accepts(self, coding: str) -> bool:
        """Whether the answer may have this content coding (RFC 9110, 12.5.3)."""
        for offered in self.headers.get("accept-encoding", "").lower().split(","):
            name, _, weight = offered.partition(";")
            if name.strip() == coding:
                return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight) is None
        return False

    def has(self, etag: str) -> bool:
        """Whether the client holds this version already: the weak comparison of RFC 9110, 8.8.3.2,
        since a proxy that compresses makes a tag weak (nginx) or longer (Apache)."""
        offered = self.headers.get("if-none-match", "").split(",")
        return "*" in map(str.strip, offered) or _opaque(etag) in map(_opaque, offered)

    async def admit(self, tenant_id: str | None) -> Admission:
        if tenant_id is not None and not is_tenant_id(tenant_id):
            raise Refused("invalid", "tenantId is not valid", field="tenantId")
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        visitor = self.headers.get("x-collabchat-visitor")
        if visitor is not None and (not 0 < len(visitor) <= 64 or has_control(visitor)):
            raise Refused("invalid", "X-Collabchat-Visitor is not valid")
        request = connect_request(
            self.scope,
            address=self.gate.peers.address(self.scope),
            tenant_id=tenant_id,
            token=token.strip() if scheme.lower() == "bearer" and token.strip() else None,
            visitor_id=visitor,
        )
        try:
            return await self.services.identities.admit(request)
        except Closed as closed:
            raise _refusal_of(closed) from closed

    async def reading(self) -> PageKey:
        url_id = self.query.get("urlId", "")
        check_url_id(url_id, self.services.limits.url_id_chars)
        admission = await self.admit(self.query.get("tenantId"))
        self.charge_read(admission)
        await self.authorize(admission, "read", url_id)
        return PageKey(admission.tenant_id, url_id)

    def charge_read(self, admission: Admission) -> None:
        """Raises `Refused` where this person reads too much."""
        refusal = self.services.users.read(
            admission.tenant_id, admission.identity.user_id, self.gate.person(self.scope)
        )
        if refusal is not None:
            raise refusal

    async def authorize(self, admission: Admission, action: Action, url_id: str) -> None:
        access = AccessRequest(admission.identity, action, admission.tenant_id, url_id)
        try:
            allowed = await self.services.hooks.authorize(access)
        except HookFailed as error:
            raise refusal_of(error) from error
        if not allowed:
            raise forbidden()

    def check_origin(self) -> None:
        """Raises `Refused` where a foreign page sends this, or eavesdroppers could."""
        refusal = self.gate.refusal(self.scope)
        if refusal is not None:
            raise Refused("forbidden", refusal)

    def check_query(self) -> None:
        """Raises `Refused` where it is not UTF-8: repaired, it would name another page, and the
        same one whatever was wrong."""
        try:
            query_of(self.scope, "strict")
        except UnicodeDecodeError as error:
            raise Refused("invalid", "the query is not valid UTF-8") from error

    def check_json(self) -> None:
        """A form's content types need no preflight: with a cookie, any site could send them."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused("unsupported-media-type", "Content-Type must be application/json")

    async def body(self) -> bytes:
        body: bytes = b""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Refused("invalid", "the request ended early")
            body += message.get("body", b"")
            if len(body) > self.services.limits.frame_bytes:
                raise Refused("too-large", "the operation is too large")
            if not message.get("more_body", False):
                return body

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise Refused("invalid", f"{name} must be a number", field=name)
        if not least <= int(text) <= most:
            raise Refused("invalid", f"{name} must be {least} to {most}", field=name)
        return int(text)

    def day(self, name: str) -> str:
        text = self.query.get(name, "")
        try:
            if date.fromisoformat(text).isoformat() == text:
                return text
        except ValueError:
            pass
        raise Refused("invalid", f"{name} must be a UTC day, YYYY-MM-DD", field=name)

    async def answer(self, response: Response) -> None:
        headers, body = response.headers, response.body
        if body:
            headers.setdefault("content-type", "application/json")
            headers.setdefault("x-content-type-options", "nosniff")
            if headers["content-type"] == "application/json":
                # It holds what people write: no browser shows it as a page of its own.
                headers.setdefault("content-security-policy", NOTHING)
        if response.status not in (204, 304):
            headers["content-length"] = str(len(body))
        raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": raw})
        body = b"" if self.method == "HEAD" else body
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _opaque(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"').removesuffix("-gzip").removesuffix("-br")


def _refusal_of(closed: Closed) -> Refused:
    match closed.code:
        case CloseCode.UNAUTHENTICATED:
            return Refused("unauthenticated", closed.reason)
        case CloseCode.FORBIDDEN:
            return Refused("forbidden", closed.reason)
        case CloseCode.MALFORMED:
            return Refused("invalid", closed.reason, field="tenantId")
    return Refused("unavailable", closed.reason, retry=True)
