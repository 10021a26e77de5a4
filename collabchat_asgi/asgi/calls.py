"""The calls beside the socket (PROTOCOL section 6): same hooks, same validation, same log."""

from __future__ import annotations

import msgspec

from ..core.frames import decode_operation
from ..core.model import NOWHERE, Position
from ..core.replay import merged
from ..core.text import is_uuid
from ..engine.pages.decoding import decode_log
from ..engine.writing.submission import Submission
from ..errors import Refused
from .exchange import Exchange
from .response import Response

PRIVATE = {
    "cache-control": "private, no-cache",
    "vary": "Cookie, Authorization, Origin",
}


async def call(exchange: Exchange, path: str) -> Response:
    """Answer a path below `v1/`. Raises `Refused` or `StorageError`."""
    insecure = exchange.gate.insecure(exchange.scope)
    if insecure is not None:
        raise Refused("forbidden", insecure)
    known = _CALLS.get(path)
    if known is None:
        raise Refused("not-found", "there is nothing here")
    method, answer = known
    if exchange.method != method and (exchange.method, method) != ("HEAD", "GET"):
        return Response.only(method)
    return await answer(exchange)


async def chats(exchange: Exchange) -> Response:
    page = await exchange.engine.page(await exchange.reading())
    epoch, seq = page.position
    etag = f'W/"{epoch}-{seq}"'
    headers = {"etag": etag, "vary": PRIVATE["vary"] + ", Accept-Encoding"}
    if exchange.has(etag):
        return Response(304, headers)
    compressed = exchange.accepts("gzip")
    if compressed:
        headers["content-encoding"] = "gzip"
    return Response(200, headers, page.encoded(compressed=compressed))


async def comments(exchange: Exchange) -> Response:
    limit = exchange.integer("limit", 100, 1, 1_000)
    chat_id = exchange.query.get("chatId", "")
    if not is_uuid(chat_id):
        raise Refused("invalid", "chatId is missing or no UUID", field="chatId")
    page = await exchange.engine.page(await exchange.reading())
    chat = page.state.chat(chat_id)
    if chat is None:
        raise Refused("not-found", "there is no such chat on this page", field="chatId")
    known = [state.comment for state in chat.comments.values()]
    before = exchange.query.get("before")
    if before is not None:
        place = next((i for i, comment in enumerate(known) if comment.id == before), None)
        if place is None:
            raise Refused("not-found", "there is no such comment", field="before")
        known = known[:place]
    part = known[-limit:]
    return Response.json({"comments": part, "more": len(known) > len(part)})


async def events(exchange: Exchange) -> Response:
    after = exchange.integer("after", 0, 0, 2**53)
    limit = exchange.integer("limit", 100, 1, 1_000)
    key = await exchange.reading()
    position = Position(exchange.query.get("epoch", ""), after) if after else NOWHERE
    tail = await exchange.services.reader.read(key, position, limit)
    if isinstance(tail, str):
        raise Refused("reset", f"the log cannot be told from there: {tail}", field="after")
    told = decode_log(tail.events)
    return Response.json(
        {
            "epoch": tail.position.epoch,
            "seq": tail.position.seq,
            "first": after + 1,
            "last": told[-1].seq if told else after,
            "events": merged(told),
        }
    )


async def usage(exchange: Exchange) -> Response:
    admission = await exchange.admit(exchange.query.get("tenantId"))
    exchange.charge_read(admission)
    await exchange.authorize(admission, "view-usage", "")
    first, last = exchange.day("from"), exchange.day("to")
    tenant_id, quotas = admission.tenant_id, exchange.services.quotas
    told: dict[str, object] = {"rows": await exchange.engine.usage(tenant_id, first, last)}
    quota = await quotas.shown(tenant_id) if quotas is not None else None
    return Response.json(told | ({"quota": quota} if quota else {}))


async def operate(exchange: Exchange) -> Response:
    exchange.check_json()
    limits = exchange.services.limits
    serial = exchange.services.revocations.serial
    body = await exchange.body()
    admission = await exchange.admit(_tenant_in(body))
    operation = decode_operation(
        body,
        body_chars=limits.body_chars,
        anchor_bytes=limits.anchor_bytes,
        url_id_chars=limits.url_id_chars,
    )
    identity, tenant_id = admission.identity, admission.tenant_id
    submission = Submission(
        identity.user,
        tenant_id,
        operation,
        len(body),
        identity,
        serial=serial,
        address=exchange.gate.person(exchange.scope),
    )
    return Response.json(await exchange.engine.settle(submission))


_CALLS = {
    "v1/chats": ("GET", chats),
    "v1/comments": ("GET", comments),
    "v1/events": ("GET", events),
    "v1/usage": ("GET", usage),
    "v1/ops": ("POST", operate),
}


class _Tenant(msgspec.Struct, rename="camel"):
    tenant_id: str | msgspec.UnsetType = msgspec.UNSET


def _tenant_in(body: bytes) -> str | None:
    try:
        tenant_id = msgspec.json.decode(body, type=_Tenant).tenant_id
    except msgspec.ValidationError:
        if not body.lstrip().startswith(b"{"):
            raise Refused("invalid", "the body must be one JSON object") from None
        raise Refused("invalid", "tenantId must be a string", field="tenantId") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused("invalid", "the body must be one JSON object") from None
    return None if tenant_id is msgspec.UNSET else tenant_id
