"""CollabChat: composition, start and stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

from . import registry
from .asgi.drain import DrainOnSigterm
from .asgi.gate import Gate
from .asgi.lifespan import lifespan
from .asgi.metrics import register
from .asgi.misuse import Misused
from .asgi.origin import Origins
from .asgi.peer import Peers
from .asgi.request import path_of
from .asgi.router import is_ours, route
from .asgi.start import start_patiently
from .asgi.static import load_static
from .asgi.wire import TextMessage
from .auth.starlette import session_found
from .config import Limits, Timing, Tuning
from .engine.clock import Clock
from .engine.engine import Engine
from .engine.supervisor import joined
from .errors import ConfigError, MisuseError
from .hooks import Authenticate, Authorize, BeforeCommit, Hooks, OnEvent, OnUsage
from .hooks.quota import Quotas, as_hook
from .host_calls import HostCalls
from .pubsub.abc import PubSub
from .reloaders import default_storage
from .settings import (
    as_days,
    as_flag,
    as_list,
    as_numbers,
    as_prefix,
    as_secret,
    from_environment,
    looks_alone,
)
from .storage.abc import Storage
from .tracing import OpenTelemetry
from .wsgi_servers import warn_under_wsgi

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from prometheus_client.registry import CollectorRegistry

logger = logging.getLogger("collabchat_asgi")


class CollabChat(HostCalls):
    """Live annotations for the pages of one app. Give it to `CollabChatMiddleware`, or mount it.

    It starts with the app's lifespan, or with the first request or call where there is none. It may
    be started, closed and started again, also in another event loop: a loop per test works, and so
    does `asyncio.run` per task, which may end without `close`. Two loops at the same time, in two
    threads, want one each, on the same storage.

    Hooks may be sync or async, and are bounded by `Timing.hook_seconds` each; HOOKS.md tells all
    about them. Every argument but hooks, `limits`, `timing`, `tuning` and `clock` is read from the
    environment where it is not given: `COLLABCHAT_STORAGE`, `COLLABCHAT_PUBSUB`, …

    Args:
        authenticate: Who somebody is: an `Identity`, or raises `Denied`. Called for every
            connection and HTTP call, and for who is connected each `Timing.revalidate_seconds`.
        authorize: Whether somebody may do something: True or False. By default the role decides.
        before_commit: The operation as it is to be committed: texts and emoji may be changed, or
            `Denied` raised. By default as it was sent.
        on_event: Told each event after its commit, at most once, on the committing process, in
            order per page.
        on_usage: Told what to bill, at least once each `Timing.usage_flush_seconds` with something
            to bill; `UsageReport.report_id` makes it idempotent.
        quota: How much a tenant, and each person in it, may use in a day or a month: a `Quota` for
            every tenant, a table by tenant (`"*"` for all others), or a function of a
            `QuotaRequest`. What the host submits itself is not held against it.
        storage: A URL or an instance. `sqlite:///collabchat.db` by default.
        pubsub: A URL or an instance. By default what fits the storage.
        prefix: The path below which everything is served, `/collabchat` by default. Where this is
            mounted the mount's path counts instead.
        allowed_origins: Origins besides the page's own that may connect, as a list or a text with
            commas: `https://example.com`.
        limits: How much of everything clients may have: `Limits`.
        timing: How long everything may take, in seconds and days: `Timing`.
        tuning: Inner sizes of this release, in bytes and counts, without a promise: `Tuning`.
        usage_per_page: Count usage per page too, not per tenant and day alone. False by default.
        chat_days: Delete chats that nobody has touched for so many days, in the background and as
            events that readers see: a number for all tenants, or a table by tenant (`"*"` for all
            others). Never by default.
        require_shared: Refuse to start where other processes would not be reached. False by
            default: a warning.
        require_tls: Refuse what comes unencrypted. False by default.
        trusted_proxies: Addresses or networks whose forwarding headers are believed, as a list or a
            text with commas. None by default.
        drain_on_sigterm: Send clients away, over `Timing.drain_seconds`, when the process is told
            to end. False by default.
        drain_token: The secret that lets an orchestrator drain this process over HTTP.
        metrics_token: The secret that lets Prometheus scrape `GET metrics`; without it, whoever may
            `inspect`.
        metrics_registry: A registry of prometheus-client that shall tell this process's numbers
            beside the host's own.
        tracing: Make OpenTelemetry spans: True, or a `TracerProvider` in place of the global one.
            False by default.
        clock: Another clock than the system's: `collabchat_asgi.testing.FakeClock`.

    Raises:
        ConfigError: A setting cannot work; the text names it and says what would.
    """

    def __init__(
        self,
        *,
        authenticate: Authenticate,
        authorize: Authorize | None = None,
        before_commit: BeforeCommit | None = None,
        on_event: OnEvent | None = None,
        on_usage: OnUsage | None = None,
        quota: Quotas | None = None,
        storage: str | Storage | None = None,
        pubsub: str | PubSub | None = None,
        prefix: str | None = None,
        allowed_origins: str | Sequence[str] | None = None,
        limits: Limits | None = None,
        timing: Timing | None = None,
        tuning: Tuning | None = None,
        usage_per_page: bool | None = None,
        chat_days: float | Mapping[str, float] | None = None,
        require_shared: bool | None = None,
        require_tls: bool | None = None,
        trusted_proxies: str | Sequence[str] | None = None,
        drain_on_sigterm: bool | None = None,
        drain_token: str | None = None,
        metrics_token: str | None = None,
        metrics_registry: CollectorRegistry | None = None,
        tracing: bool | TracerProvider | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not callable(authenticate):
            raise ConfigError(
                f"CollabChat(authenticate={authenticate!r}) cannot work: it must be a function "
                "that tells who somebody is. "
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
            "chat_days": chat_days,
            "require_shared": require_shared,
            "require_tls": require_tls,
            "trusted_proxies": trusted_proxies,
            "drain_on_sigterm": drain_on_sigterm,
            "drain_token": drain_token,
            "metrics_token": metrics_token,
            "tracing": tracing,
        }
        given |= {name: value for name, value in arguments.items() if value is not None}
        self.limits = as_numbers("limits", limits, Limits)
        self.timing = as_numbers("timing", timing, Timing)
        self.prefix = as_prefix(given.get("prefix", "/collabchat"))
        self._require_shared = as_flag("require_shared", given.get("require_shared", False))
        self.storage, self.pubsub = _back_ends(
            given["storage"] if "storage" in given else default_storage(), given.get("pubsub")
        )
        self._gate = Gate(
            Origins(as_list(given.get("allowed_origins", ()))),
            Peers(as_list(given.get("trusted_proxies", ()))),
            require_tls=as_flag("require_tls", given.get("require_tls", False)),
            drain_token=as_secret("drain_token", given.get("drain_token")),
            metrics_token=as_secret("metrics_token", given.get("metrics_token")),
        )
        hooks = Hooks(
            authenticate,
            authorize,
            before_commit,
            on_event,
            on_usage,
            as_hook(quota),
            seconds=self.timing.hook_seconds,
        )
        self._engine = Engine(
            self.storage,
            self.pubsub,
            hooks,
            self.limits,
            self.timing,
            as_numbers("tuning", tuning, Tuning),
            TextMessage,
            usage_per_page=as_flag("usage_per_page", given.get("usage_per_page", False)),
            clock=clock,
            chat_days=as_days("chat_days", given.get("chat_days")),
            tracer=_tracer(given.get("tracing", False)),
        )
        if metrics_registry is not None:
            register(metrics_registry, self._engine)
        self._static = load_static()
        warn_under_wsgi(self.prefix)
        watch = as_flag("drain_on_sigterm", given.get("drain_on_sigterm", False))
        self._sigterm = DrainOnSigterm(self.drain) if watch else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._one_thread = threading.Lock()
        self._starting: asyncio.Task[None] | None = None
        self._patient: asyncio.Task[None] | None = None
        """One start for all requests that came before it."""

    if not TYPE_CHECKING:

        def __new__(cls, *misplaced, **arguments):
            """As a middleware class it would be given the app: the start fails, with a sentence."""
            if misplaced and callable(misplaced[0]):
                return Misused(
                    "CollabChat is no middleware: app.add_middleware(CollabChatMiddleware, "
                    "collab=CollabChat(authenticate=…))"
                )
            return super().__new__(cls)

        __new__.__wrapped__ = __init__  # its signature is that of the class

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
        if session_found(scope):
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            await self._started()
        except Exception as error:
            self._gate.log.critical("start", "collabchat failed to start: %s", error)
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
        with self._one_thread:
            if self._loop is not None and self._loop is not loop:
                if not self._loop.is_closed() and self._loop.is_running():
                    raise MisuseError(
                        "this CollabChat runs in another event loop, of another thread: give each "
                        "loop a CollabChat of its own, on the same storage"
                    )
                # That of an `asyncio.run`, or of a test client without a lifespan: it has ended,
                # and nothing in it can be awaited.
                self._loop = self._starting = None
                self._engine.hooks.forget_loop()
            if self._starting is None:
                self._check_shared()
                self._loop = loop
                # What goes on by itself must not live in the context of the first visitor.
                self._starting = loop.create_task(self._start(), context=Context())
            starting = self._starting
        try:
            await joined(starting)
        except Exception:
            if self._starting is starting:
                self._starting = self._loop = None
            raise

    async def _started(self) -> None:
        """For a request: where the server sent no lifespan, the first one waits as that would, and
        those that come meanwhile wait with it."""
        if self._starting is not None and self._starting.done():
            await self.start()
            return
        loop, patient = asyncio.get_running_loop(), self._patient
        if patient is None or patient.done() or patient.get_loop() is not loop:
            patient = self._patient = loop.create_task(start_patiently(self), context=Context())
        await joined(patient)

    async def _start(self) -> None:
        await self._engine.start()
        if self._sigterm is not None:
            self._sigterm.install()

    async def close(self) -> None:
        """Idempotent. Connections are closed with 4512: clients come back."""
        if self._patient is not None and self._patient.get_loop() is asyncio.get_running_loop():
            self._patient.cancel()
        self._patient = None
        if self._starting is None or self._loop is not asyncio.get_running_loop():
            return
        starting, self._starting = self._starting, None
        if self._sigterm is not None:
            self._sigterm.remove()
        starting.cancel()  # one that is still under way closes what it has opened
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
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


def _back_ends(storage: str | Storage, pubsub: str | PubSub | None) -> tuple[Storage, PubSub]:
    made = registry.make_storage(storage) if isinstance(storage, str) else storage
    if pubsub is None:
        pubsub = registry.default_pubsub(storage) if isinstance(storage, str) else "memory://"
    return made, registry.make_pubsub(pubsub) if isinstance(pubsub, str) else pubsub


def _tracer(tracing: bool | str | TracerProvider) -> OpenTelemetry | None:
    if not isinstance(tracing, bool | str):
        return OpenTelemetry(tracing)
    return OpenTelemetry() if as_flag("tracing", tracing) else None


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
