"""The calls beside the socket (PROTOCOL section 6): same hooks, same validation, same log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from ..core.frames import decode_operation, encode, error_fields
from ..core.model import NOWHERE, PageKey, Position
from ..core.replay import merged
from ..core.rules import Action
from ..core.text import has_control, is_tenant_id, is_uuid
from ..engine.backend import unavailable
from ..engine.engine import Admission, Engine
from ..engine.log import decode_log
from ..engine.operations import Request as OperationRequest
from ..engine.operations import forbidden
from ..errors import CloseCode, Closed, Refused, StorageError
from ..hooks import AccessRequest, HookFailed, refusal_of
from .gate import Gate
from .request import Scope, connect_request, headers_of, query_of
from .static import StaticFile

logger = logging.getLogger("collabchat_asgi.asgi")

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

_PRIVATE = {
    "cache-control": "private, no-cache",
    "vary": "Cookie, Authorization, Origin",
}


class _Tenant(msgspec.Struct, rename="camel"):
    tenant_id: str | msgspec.UnsetType = msgspec.UNSET


class Reply(Exception):
    """An answer that is known already: a status other than 200, or one without a body."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}


class Http:
    """One request."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        static: Mapping[str, StaticFile],
        scope: Scope,
        receive: Any,
        send: Any,
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._static = static
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = headers_of(scope)
        self._query = query_of(scope)
        self._method: str = scope["method"]

    async def serve(self, path: str) -> None:
        """Answer `path`, which is below the prefix and begins with no slash."""
        extra: dict[str, str] = {}
        try:
            if path.startswith("v1/"):
                extra = self._cors()
                if self._method == "OPTIONS":
                    raise Reply(204 if "access-control-allow-origin" in extra else 403)
                status, headers, body = 200, *await self._call(path)
            else:
                status, headers, body = self._page(path)
        except Refused as refusal:
            status, headers, body = self._refused(refusal)
        except StorageError as error:
            logger.warning("%s cannot be answered: %s", path, error)
            status, headers, body = self._refused(unavailable())
        except Reply as reply:
            status, headers, body = reply.status, dict(reply.headers), b""
        await self._answer(status, {**extra, **headers}, body)

    # the calls

    async def _call(self, path: str) -> tuple[dict[str, str], bytes]:
        insecure = self._gate.insecure(self._scope)
        if insecure is not None:
            raise Refused("forbidden", insecure)
        calls = {
            ("GET", "v1/chats"): self._chats,
            ("GET", "v1/comments"): self._comments,
            ("GET", "v1/events"): self._events,
            ("GET", "v1/usage"): self._usage,
            ("POST", "v1/ops"): self._operate,
        }
        call = calls.get(("GET" if self._method == "HEAD" else self._method, path))
        if call is None:
            known = {known for _, known in calls}
            raise _not_found() if path not in known else Refused("unsupported", "wrong method")
        return await call()

    async def _chats(self) -> tuple[dict[str, str], bytes]:
        key = await self._reading()
        page = await self._engine.page(key)
        epoch, seq = page.position
        etag = f'W/"{epoch}-{seq}"'
        headers = {"etag": etag, "vary": _PRIVATE["vary"] + ", Accept-Encoding"}
        if etag in [tag.strip() for tag in self._headers.get("if-none-match", "").split(",")]:
            raise Reply(304, _PRIVATE | headers)
        compressed = "gzip" in self._headers.get("accept-encoding", "")
        if compressed:
            headers["content-encoding"] = "gzip"
        return headers, page.encoded(compressed=compressed)

    async def _comments(self) -> tuple[dict[str, str], bytes]:
        limit = self._integer("limit", 100, 1, 1_000)
        chat_id = self._query.get("chatId", "")
        if not is_uuid(chat_id):
            raise Refused("invalid", "chatId is missing or no UUID", field="chatId")
        page = await self._engine.page(await self._reading())
        chat = page.state.chat(chat_id)
        if chat is None:
            raise Refused("not-found", "there is no such chat on this page", field="chatId")
        comments = [known.comment for known in chat.comments.values()]
        before = self._query.get("before")
        if before is not None:
            place = next((i for i, known in enumerate(comments) if known.id == before), None)
            if place is None:
                raise Refused("not-found", "there is no such comment", field="before")
            comments = comments[:place]
        part = comments[-limit:]
        more = len(comments) > len(part)
        return {}, encode({"comments": part, "more": more}).encode()

    async def _events(self) -> tuple[dict[str, str], bytes]:
        after = self._integer("after", 0, 0, 2**53)
        limit = self._integer("limit", 100, 1, 1_000)
        key = await self._reading()
        epoch = self._query.get("epoch", "")
        read = self._engine.reader.read(key, Position(epoch, after) if after else NOWHERE, limit)
        tail = await read
        if isinstance(tail, str):
            raise Refused("reset", f"the log cannot be told from there: {tail}", field="after")
        events = decode_log(tail.events)
        last = events[-1].seq if events else after
        answer = {
            "epoch": tail.position.epoch,
            "seq": tail.position.seq,
            "first": after + 1,
            "last": last,
            "events": merged(events),
        }
        return {}, encode(answer).encode()

    async def _usage(self) -> tuple[dict[str, str], bytes]:
        admission = await self._admit(self._query.get("tenantId"))
        await self._authorize(admission, "view-usage", "")
        days = [self._day("from"), self._day("to")]
        rows = await self._engine.usage(admission.tenant_id, *days)
        return {}, encode({"rows": rows}).encode()

    async def _operate(self) -> tuple[dict[str, str], bytes]:
        refusal = self._gate.refusal(self._scope)
        if refusal is not None:
            raise Refused("forbidden", refusal)
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused("unsupported-media-type", "Content-Type must be application/json")
        body = await self._body()
        tenant_id = _tenant_in(body)
        limits = self._engine.limits
        admission = await self._admit(tenant_id)
        operation = decode_operation(
            body,
            body_chars=limits.body_chars,
            anchor_bytes=limits.anchor_bytes,
            url_id_chars=limits.url_id_chars,
        )
        identity = admission.identity
        request = OperationRequest(
            identity,
            identity.user,
            admission.tenant_id,
            operation,
            len(body),
            serial=self._engine.revocations.serial,
        )
        ack = await self._engine.settle(request)
        return {}, encode(ack).encode()

    def _page(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path == "ws":
            return self._upgrade_hint()
        if path == "health":
            healthy, report = self._engine.health()
            headers = {"cache-control": "no-store", "content-type": "application/json"}
            return 200 if healthy else 503, headers, encode(report).encode()
        if path == "drain":
            return self._drain()
        file = self._static.get("usage.html" if path == "usage" else path)
        if file is None:
            raise _not_found()
        if self._method not in ("GET", "HEAD"):
            raise Reply(405, {"allow": "GET, HEAD"})
        headers = {
            "etag": file.etag,
            "access-control-allow-origin": "*",
            "cache-control": "public, no-cache",
            "vary": "Accept-Encoding",
            "content-type": file.content_type,
            "x-content-type-options": "nosniff",
        }
        if file.etag in self._headers.get("if-none-match", ""):
            raise Reply(304, headers)
        if "gzip" in self._headers.get("accept-encoding", ""):
            return 200, headers | {"content-encoding": "gzip"}, file.compressed
        return 200, headers, file.body

    def _drain(self) -> tuple[int, dict[str, str], bytes]:
        """For a preStop hook: this process sends its clients away."""
        if self._method != "POST":
            raise Reply(405, {"allow": "POST"})
        if not self._gate.may_drain(self._scope):
            raise Refused("forbidden", "only from this machine, or with drain_token")
        engine = self._engine
        if not engine.draining:
            engine.supervisor.once("drain", engine.drain(engine.timing.drain_seconds))
        answer = {"connections": len(engine.connections), "seconds": engine.timing.drain_seconds}
        return 202, {"cache-control": "no-store"}, encode(answer).encode()

    def _upgrade_hint(self) -> tuple[int, dict[str, str], bytes]:
        """Why a WebSocket did not come about, for whoever fetches its address (section 8)."""
        if self._method != "GET":
            raise Reply(405, {"allow": "GET"})
        refusal = self._gate.refusal(self._scope)
        if refusal is not None:
            hint = refusal
        elif "websocket" in self._headers.get("upgrade", "").lower():
            hint = (
                "this server has no WebSocket library: pip install 'uvicorn[standard]', "
                "or start the app with an ASGI server that has one"
            )
        else:
            hint = (
                "this is a WebSocket address. If a browser's WebSocket ends up here, a proxy has "
                "dropped the Upgrade header (nginx: proxy_http_version 1.1, proxy_set_header "
                "Upgrade $http_upgrade, proxy_set_header Connection upgrade)"
            )
        error = {"code": "unsupported", "message": hint, "retry": False}
        headers = {
            "upgrade": "websocket",
            "access-control-allow-origin": "*",
            "cache-control": "no-store",
            "content-type": "application/json",
        }
        return 426, headers, encode(error).encode()

    # who asks, and for what

    async def _admit(self, tenant_id: str | None) -> Admission:
        if tenant_id is not None and not is_tenant_id(tenant_id):
            raise Refused("invalid", "tenantId is not valid", field="tenantId")
        scheme, _, token = self._headers.get("authorization", "").partition(" ")
        visitor = self._headers.get("x-collabchat-visitor")
        if visitor is not None and (not 0 < len(visitor) <= 64 or has_control(visitor)):
            raise Refused("invalid", "X-Collabchat-Visitor is not valid")
        request = connect_request(
            self._scope,
            tenant_id=tenant_id,
            token=token.strip() if scheme.lower() == "bearer" and token.strip() else None,
            visitor_id=visitor,
        )
        try:
            return await self._engine.admit(request)
        except Closed as closed:
            raise _refusal_of(closed) from closed

    async def _reading(self) -> PageKey:
        url_id = self._query.get("urlId", "")
        if not 0 < len(url_id) <= self._engine.limits.url_id_chars or has_control(url_id):
            raise Refused("invalid", "urlId is missing or not valid", field="urlId")
        admission = await self._admit(self._query.get("tenantId"))
        await self._authorize(admission, "read", url_id)
        return PageKey(admission.tenant_id, url_id)

    async def _authorize(self, admission: Admission, action: Action, url_id: str) -> None:
        access = AccessRequest(admission.identity, action, admission.tenant_id, url_id)
        try:
            allowed = await self._engine.hooks.authorize(access)
        except HookFailed as error:
            raise refusal_of(error) from error
        if not allowed:
            raise forbidden()

    async def _body(self) -> bytes:
        body: bytes = b""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Refused("invalid", "the request ended early")
            body += message.get("body", b"")
            if len(body) > self._engine.limits.frame_bytes:
                raise Refused("too-large", "the operation is too large")
            if not message.get("more_body", False):
                return body

    def _integer(self, name: str, default: int, least: int, most: int) -> int:
        text = self._query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise Refused("invalid", f"{name} must be a number", field=name)
        if not least <= int(text) <= most:
            raise Refused("invalid", f"{name} must be {least} to {most}", field=name)
        return int(text)

    def _day(self, name: str) -> str:
        text = self._query.get(name, "")
        try:
            if date.fromisoformat(text).isoformat() == text:
                return text
        except ValueError:
            pass
        raise Refused("invalid", f"{name} must be a UTC day, YYYY-MM-DD", field=name)

    # how it is answered

    def _cors(self) -> dict[str, str]:
        headers = dict(_PRIVATE)
        origin = self._gate.origins.is_foreign(self._scope)
        if origin is not None:
            headers["access-control-allow-origin"] = origin
            headers["access-control-allow-credentials"] = "true"
            headers["access-control-expose-headers"] = "ETag, Retry-After"
            if self._method == "OPTIONS":
                headers["access-control-allow-methods"] = "GET, POST"
                headers["access-control-allow-headers"] = (
                    "authorization, content-type, if-none-match, x-collabchat-visitor"
                )
                headers["access-control-max-age"] = "600"
        return headers

    def _refused(self, refusal: Refused) -> tuple[int, dict[str, str], bytes]:
        headers = {"content-type": "application/json"}
        status = STATUS.get(refusal.code, 400)
        if status in (429, 503):
            headers["retry-after"] = str(-(-(refusal.retry_after_ms or 1_000) // 1_000))
        return status, headers, encode(error_fields(refusal)).encode()

    async def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if body:
            headers.setdefault("content-type", "application/json")
        if status != 304:
            headers["content-length"] = str(len(body))
        if self._method == "HEAD":
            body = b""
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            }
        )
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _not_found() -> Refused:
    return Refused("not-found", "there is nothing here")


def _tenant_in(body: bytes) -> str | None:
    try:
        tenant_id = msgspec.json.decode(body, type=_Tenant).tenant_id
    except msgspec.ValidationError:
        raise Refused("invalid", "tenantId must be a string", field="tenantId") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused("invalid", "the body must be one JSON object") from None
    return None if tenant_id is msgspec.UNSET else tenant_id


def _refusal_of(closed: Closed) -> Refused:
    match closed.code:
        case CloseCode.UNAUTHENTICATED:
            return Refused("unauthenticated", closed.reason)
        case CloseCode.FORBIDDEN:
            return Refused("forbidden", closed.reason)
        case CloseCode.MALFORMED:
            return Refused("invalid", closed.reason, field="tenantId")
    return Refused("unavailable", closed.reason, retry=True)
