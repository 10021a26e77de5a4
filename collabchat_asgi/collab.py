"""CollabChat: composition, start and stop, and the calls that the host's own program makes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from . import registry
from .asgi.drain import DrainOnSigterm
from .asgi.gate import Gate
from .asgi.lifespan import lifespan
from .asgi.origin import Origins
from .asgi.peer import Peers
from .asgi.request import path_of
from .asgi.router import is_ours, route
from .asgi.static import load_static
from .asgi.wire import TextMessage
from .config import Limits, Timing, Tuning
from .core.frames import decode_operation
from .core.model import NOWHERE, PageKey, Position
from .core.replay import merged
from .core.text import has_control, is_tenant_id
from .engine.clock import Clock
from .engine.engine import Engine
from .engine.log import decode_log
from .engine.operations import Request
from .engine.revocations import Revocation
from .errors import ConfigError, MisuseError, Refused
from .hooks import Authenticate, Authorize, BeforeCommit, Hooks, Identity, OnEvent, OnUsage
from .pubsub.abc import PubSub
from .settings import (
    as_flag,
    as_list,
    as_prefix,
    did_you_mean,
    from_environment,
    looks_alone,
)
from .storage.abc import Storage

logger = logging.getLogger("collabchat_asgi")

DEFAULT_STORAGE = "sqlite:///collabchat.db"


class CollabChat:
    """Live annotations for the pages of one app. Give it to `CollabChatMiddleware`, or mount it.

    `storage` and `pubsub` are URLs or instances; what is not given is read from
    `COLLABCHAT_STORAGE`, `COLLABCHAT_PUBSUB`, `COLLABCHAT_PREFIX`, `COLLABCHAT_ALLOWED_ORIGINS`, …
    Where no pub/sub is given it fits the storage. Hooks may be sync or async.

    It starts with the app's lifespan, or with the first request where the server sends none. It may
    be started, closed and started again, also in another event loop.
    """

    def __init__(
        self,
        *,
        authenticate: Authenticate | None = None,
        authorize: Authorize | None = None,
        before_commit: BeforeCommit | None = None,
        on_event: OnEvent | None = None,
        on_usage: OnUsage | None = None,
        storage: str | Storage | None = None,
        pubsub: str | PubSub | None = None,
        prefix: str | None = None,
        allowed_origins: str | Sequence[str] | None = None,
        limits: Limits | None = None,
        timing: Timing | None = None,
        tuning: Tuning | None = None,
        usage_per_page: bool | None = None,
        require_shared: bool | None = None,
        require_tls: bool | None = None,
        trusted_proxies: str | Sequence[str] | None = None,
        drain_on_sigterm: bool | None = None,
        drain_token: str | None = None,
        clock: Clock | None = None,
        **unknown: Any,
    ) -> None:
        _refuse_unknown(unknown)
        if authenticate is None:
            raise ConfigError(
                "CollabChat(authenticate=…) is needed: a function that tells who somebody is. "
                "There is no open default; collabchat_asgi.auth.anonymous(tenant='default') "
                "lets everyone in under a name of their browser's own"
            )
        given: dict[str, Any] = dict(from_environment())
        arguments = {
            "storage": storage,
            "pubsub": pubsub,
            "prefix": prefix,
            "allowed_origins": allowed_origins,
            "usage_per_page": usage_per_page,
            "require_shared": require_shared,
            "require_tls": require_tls,
            "trusted_proxies": trusted_proxies,
            "drain_on_sigterm": drain_on_sigterm,
            "drain_token": drain_token,
        }
        given |= {name: value for name, value in arguments.items() if value is not None}
        self.limits = limits or Limits()
        self.timing = timing or Timing()
        self.prefix = as_prefix(given.get("prefix", "/collabchat"))
        self._require_shared = as_flag("require_shared", given.get("require_shared", False))
        self.storage, self.pubsub = _back_ends(
            given.get("storage", DEFAULT_STORAGE), given.get("pubsub")
        )
        self._gate = Gate(
            Origins(as_list(given.get("allowed_origins", ()))),
            Peers(as_list(given.get("trusted_proxies", ()))),
            require_tls=as_flag("require_tls", given.get("require_tls", False)),
            drain_token=given.get("drain_token"),
        )
        hooks = Hooks(
            authenticate,
            authorize,
            before_commit,
            on_event,
            on_usage,
            seconds=self.timing.hook_seconds,
        )
        self._engine = Engine(
            self.storage,
            self.pubsub,
            hooks,
            self.limits,
            self.timing,
            tuning or Tuning(),
            TextMessage,
            usage_per_page=as_flag("usage_per_page", given.get("usage_per_page", False)),
            clock=clock,
        )
        self._static = load_static()
        watch = as_flag("drain_on_sigterm", given.get("drain_on_sigterm", False))
        self._sigterm = DrainOnSigterm(self.drain) if watch else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return (
            f"CollabChat(storage={self.storage!r}, pubsub={self.pubsub!r}, prefix={self.prefix!r})"
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As a mounted app: the prefix is the mount's path, whatever it is."""
        if scope["type"] == "lifespan":
            await lifespan(self, None, scope, receive, send)
            return
        # Litestar strips a mount's path and adds a slash at the end.
        path = path_of(scope).strip("/")
        if is_ours(scope, path):
            await self.serve(path, scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def serve(self, path: str, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request whose path below the prefix is `path`."""
        try:
            await self.start()
        except Exception as error:
            logger.critical("collabchat cannot start: %s", error)
            await _away(scope, receive, send)
            return
        await route(self._engine, self._gate, self._static, path, scope, receive, send)

    # start and stop

    async def start(self) -> None:
        """Idempotent. Raises `ConfigError` or `StorageError` with what to do about it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise MisuseError("collabchat_asgi needs asyncio: this server runs trio") from error
        if self._loop is not None and self._loop is not loop:
            if self._loop.is_closed() or not self._loop.is_running():
                # A test client's loop that ended without a lifespan; nothing in it can be awaited.
                self._loop = self._starting = None
            else:
                raise MisuseError("this CollabChat runs in another event loop; make one for each")
        if self._starting is None:
            self._check_shared()
            self._loop = loop
            self._starting = loop.create_task(self._start())
        starting = self._starting
        try:
            await asyncio.shield(starting)
        except Exception:
            if self._starting is starting:
                self._starting = self._loop = None
            raise

    async def _start(self) -> None:
        await self._engine.start()
        if self._sigterm is not None:
            self._sigterm.install()

    async def close(self) -> None:
        """Idempotent. Connections are closed with 4512: clients come back."""
        if self._starting is None or self._loop is not asyncio.get_running_loop():
            return
        starting, self._starting = self._starting, None
        if self._sigterm is not None:
            self._sigterm.remove()
        try:
            await starting
        finally:
            await self._engine.stop()
            self._loop = None

    def _check_shared(self) -> None:
        """Say what does not reach the other processes that there may be."""
        storage, pubsub = self.storage, self.pubsub
        cure = "set COLLABCHAT_STORAGE to postgresql+asyncpg://… or redis://…"
        if not storage.shared:
            self._alone("memory:// keeps everything in this one process", cure)
        elif storage.one_machine and (where := looks_alone()):
            reach = "SQLite is shared by the processes of one machine only"
            self._alone(f"{where}, and {reach}", cure)
        if not storage.shared:
            return
        cure = (
            "set COLLABCHAT_PUBSUB, or the argument pubsub=, to postgresql+asyncpg://… or redis://…"
        )
        if not pubsub.shared:
            self._alone("as pub/sub memory:// reaches this one process", cure)
        elif pubsub.one_machine and not storage.one_machine and (where := looks_alone()):
            self._alone(f"{where}, and local:// reaches the processes of one machine only", cure)

    def _alone(self, what: str, cure: str) -> None:
        if self._require_shared:
            raise ConfigError(f"require_shared is on, but {what}: {cure}")
        logger.warning("%s: where there are several, %s", what, cure)

    # the host's own calls

    async def submit(
        self,
        tenant_id: str,
        url_id: str,
        operation: dict[str, Any],
        *,
        identity: Identity,
    ) -> dict[str, Any]:
        """Do what a client could do: the wire's operation in, its ack out.

        The rules hold; `authorize` is not asked and nothing is rationed. Raises `Refused`.
        """
        await self.start()
        _check_page(tenant_id, url_id)
        try:
            encoded = msgspec.json.encode({**operation, "urlId": url_id})
        except UnicodeEncodeError as error:
            raise Refused("invalid", f"the operation is no text: {error.reason}") from error
        limits = self.limits
        decoded = decode_operation(
            encoded,
            body_chars=limits.body_chars,
            anchor_bytes=limits.anchor_bytes,
            url_id_chars=limits.url_id_chars,
        )
        request = Request(identity, identity.user, tenant_id, decoded, len(encoded), trusted=True)
        return await self._engine.settle(request)

    async def snapshot(self, tenant_id: str, url_id: str) -> dict[str, Any]:
        """`{epoch, seq, chats}` with every commit that was acked before this call."""
        await self.start()
        page = await self._engine.page(_check_page(tenant_id, url_id))
        answer: dict[str, Any] = msgspec.json.decode(page.encoded(compressed=False))
        return answer

    async def events(
        self, tenant_id: str, url_id: str, *, epoch: str = "", after: int = 0, limit: int = 100
    ) -> dict[str, Any]:
        """`{epoch, seq, first, last, events}` after a position. Raises `Refused` (`reset`)."""
        await self.start()
        key = _check_page(tenant_id, url_id)
        if after < 0 or not 1 <= limit <= 1_000:
            raise Refused("invalid", "after must be 0 or more, limit 1 to 1,000")
        tail = await self._engine.reader.read(
            key, Position(epoch, after) if after else NOWHERE, limit
        )
        if isinstance(tail, str):
            raise Refused("reset", f"the log cannot be told from there: {tail}")
        events = decode_log(tail.events)
        return {
            "epoch": tail.position.epoch,
            "seq": tail.position.seq,
            "first": after + 1,
            "last": events[-1].seq if events else after,
            "events": msgspec.to_builtins(merged(events)),
        }

    async def users(self, tenant_id: str, url_id: str) -> dict[str, int]:
        """`{users, connections}` on a page, over all processes that this one has heard of.

        A process hears of a page while it has it open: 0 where nobody views it here.
        """
        await self.start()
        page = self._engine.pages.get(_check_page(tenant_id, url_id))
        users, connections = page.presence.counts() if page else (0, 0)
        return {"users": users, "connections": connections}

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[dict[str, Any]]:
        """Flushed counts by UTC day (`YYYY-MM-DD`), both days included."""
        await self.start()
        return await self._engine.usage(tenant_id, first_day, last_day)

    async def revoke(
        self,
        *,
        user_id: str | None = None,
        tenant_id: str | None = None,
        connection_id: str | None = None,
    ) -> None:
        """Close, on every process, the connections that fit all that is given (4403)."""
        if user_id is None and tenant_id is None and connection_id is None:
            raise MisuseError("revoke needs user_id, tenant_id or connection_id")
        await self.start()
        await self._engine.revocations.revoke(Revocation(user_id, tenant_id, connection_id))

    async def drain(self, seconds: float | None = None) -> None:
        """Send every client away, spread over `seconds` (`Timing.drain_seconds`), before this
        process ends. New connections are refused meanwhile."""
        await self.start()
        await self._engine.drain(self.timing.drain_seconds if seconds is None else seconds)


def _back_ends(storage: str | Storage, pubsub: str | PubSub | None) -> tuple[Storage, PubSub]:
    made = registry.make_storage(storage) if isinstance(storage, str) else storage
    if pubsub is None:
        pubsub = registry.default_pubsub(storage) if isinstance(storage, str) else "memory://"
    return made, registry.make_pubsub(pubsub) if isinstance(pubsub, str) else pubsub


def _check_page(tenant_id: str, url_id: str) -> PageKey:
    if not is_tenant_id(tenant_id):
        raise Refused("invalid", "tenant_id is not valid", field="tenantId")
    if not 0 < len(url_id) <= 512 or has_control(url_id):
        raise Refused("invalid", "url_id is not valid", field="urlId")
    return PageKey(tenant_id, url_id)


def _refuse_unknown(unknown: dict[str, Any]) -> None:
    if unknown:
        parameters = inspect.signature(CollabChat.__init__).parameters
        known = [name for name in parameters if name not in ("self", "unknown")]
        name = next(iter(unknown))
        hint = did_you_mean(name, known)
        raise ConfigError(
            f"CollabChat has no argument {name!r}{hint}; known are {', '.join(known)}"
            if "did you mean" in hint
            else f"CollabChat has no argument {name!r}{hint}"
        )


async def _away(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await send({"type": "websocket.close", "code": 4503, "reason": "the server cannot start"})
        return
    body = b'{"code":"unavailable","message":"the server cannot start","retry":true}'
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"5")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
