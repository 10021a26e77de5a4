"""What the host says about people, permissions and money: five callables, sync or async.

A no (`Denied`, or False from `authorize`) is an answer. A hook that raises, takes longer than
`Timing.hook_seconds` or returns nonsense lets nothing through: clients are told to come back.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import anyio
import anyio.to_thread

from .cancellation import is_cancelled
from .core.model import Chat, Comment, User
from .core.rules import ROLE_ACTIONS, Action, Role
from .core.text import is_tenant_id, is_text, presentable
from .errors import CollabChatError, ConfigError, Denied, Refused

logger = logging.getLogger("collabchat_asgi.hooks")

T = TypeVar("T")

MAX_USER_ID = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, and in which role in which tenant.

    `user_id` is what the host calls the person, at most 256 characters; `tenants` maps tenant ids
    to roles. `expires_at` (with a time zone) ends the connection unless it is refreshed before.

    What cannot be shown in `name` and `avatar` (control characters, halves of surrogate pairs) is
    left out or replaced: whoever signs identities may have cut a name in the middle of an emoji.
    """

    user_id: str
    tenants: Mapping[str, Role] = field(kw_only=True)
    name: str = field(default="", kw_only=True)
    avatar: str | None = field(default=None, kw_only=True)
    expires_at: datetime | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.user_id, str) or not 0 < len(self.user_id) <= MAX_USER_ID:
            raise ValueError(f"Identity.user_id must be 1 to {MAX_USER_ID} characters")
        if "\0" in self.user_id or not is_text(self.user_id):
            raise ValueError("Identity.user_id must be text, without NUL and lone surrogates")
        if not isinstance(self.name, str) or not isinstance(self.avatar, str | None):
            raise ValueError("Identity.name and Identity.avatar must be text")
        object.__setattr__(self, "name", presentable(self.name))
        if self.avatar is not None:
            object.__setattr__(self, "avatar", presentable(self.avatar))
        for tenant_id, role in self.tenants.items():
            if not is_tenant_id(tenant_id):
                raise ValueError(f"Identity.tenants: {tenant_id!r} is no tenant id")
            if role not in ROLE_ACTIONS:
                known = ", ".join(ROLE_ACTIONS)
                raise ValueError(f"Identity.tenants: {role!r} is no role; the roles are {known}")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError("Identity.expires_at needs a time zone: datetime.now(UTC) + …")

    @property
    def user(self) -> User:
        """The person as everyone on a page sees them."""
        if self.avatar is None:
            return User(self.user_id, self.name)
        return User(self.user_id, self.name, self.avatar)

    def seconds_left(self, now_ms: int) -> float | None:
        """Until `expires_at`; None where there is none."""
        if self.expires_at is None:
            return None
        return self.expires_at.astimezone(UTC).timestamp() - now_ms / 1000


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Everything that a browser brought along. Header names are lower case.

    `tenant_id` is what the client asked for, None where it left that open. `visitor_id` is a secret
    of the browser (PROTOCOL section 3.1): make public ids of it with `anonymous_id` only.
    """

    tenant_id: str | None
    token: str | None
    visitor_id: str | None
    cookies: Mapping[str, str]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    client: tuple[str, int] | None
    scope: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What somebody is about to do. `operation` is the wire's operation as a dict of its own;
    `chat` and `comment` are what it names, as far as they exist."""

    identity: Identity
    action: Action
    tenant_id: str
    url_id: str
    operation: dict[str, Any] | None = None
    chat: Chat | None = None
    comment: Comment | None = None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What to add to a tenant's bill. `report_id` is the same however often it is reported."""

    report_id: str
    tenant_id: str
    url_id: str | None
    day: str
    """UTC, `YYYY-MM-DD`."""
    counters: Mapping[str, int]


Authenticate = Callable[[ConnectRequest], Identity | Awaitable[Identity]]
Authorize = Callable[[AccessRequest], bool | Awaitable[bool]]
BeforeCommit = Callable[[AccessRequest], dict[str, Any] | Awaitable[dict[str, Any]]]
OnEvent = Callable[[dict[str, Any]], Awaitable[None] | None]
OnUsage = Callable[[Sequence[UsageReport]], Awaitable[None] | None]


def default_policy(access: AccessRequest) -> bool:
    """Whether the role of `access.identity` in the tenant allows the action."""
    role = access.identity.tenants.get(access.tenant_id)
    return role is not None and access.action in ROLE_ACTIONS[role]


class HookFailed(CollabChatError):
    """A hook raised, hung or returned nonsense: not a no, and not a yes either."""


class Hooks:
    """The host's callables behind one face: awaited, bounded in time, told apart.

    Sync callables run in threads of our own (at most 16 at once), so that hanging ones do not slow
    the host's endpoints; an abandoned thread counts until it comes back.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        authorize: Authorize | None = None,
        before_commit: BeforeCommit | None = None,
        on_event: OnEvent | None = None,
        on_usage: OnUsage | None = None,
        *,
        seconds: float = 5.0,
    ) -> None:
        for name, hook in (
            ("authenticate", authenticate),
            ("authorize", authorize),
            ("before_commit", before_commit),
            ("on_event", on_event),
            ("on_usage", on_usage),
        ):
            if hook is not None and not callable(hook):
                raise ConfigError(f"{name} must be a function, not {type(hook).__name__}")
        self._authenticate = authenticate
        self._authorize = authorize
        self._before_commit = before_commit
        self._on_event = on_event
        self._on_usage = on_usage
        self.seconds = seconds
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def asks(self) -> bool:
        """Whether `authorize` is the host's own: then every answer takes a turn of the loop."""
        return self._authorize is not None

    @property
    def rewrites(self) -> bool:
        return self._before_commit is not None

    @property
    def watches(self) -> bool:
        return self._on_event is not None

    @property
    def bills(self) -> bool:
        return self._on_usage is not None

    async def authenticate(self, request: ConnectRequest) -> Identity:
        """Raises `Denied`, or `HookFailed`."""
        identity = await self._call("authenticate", self._authenticate, request)
        if not isinstance(identity, Identity):
            self._nonsense("authenticate", identity, "an Identity")
        return identity

    async def authorize(self, access: AccessRequest) -> bool:
        """Raises `HookFailed`."""
        if self._authorize is None:
            return default_policy(access)
        try:
            answer = await self._call("authorize", self._authorize, access)
        except Denied:
            return False
        if answer is not True and answer is not False:
            self._nonsense("authorize", answer, "True or False")
        return answer

    async def before_commit(self, access: AccessRequest) -> dict[str, Any]:
        """Raises `Denied`, or `HookFailed`."""
        if self._before_commit is None:
            return access.operation or {}
        operation = await self._call("before_commit", self._before_commit, access)
        if not isinstance(operation, dict):
            self._nonsense("before_commit", operation, "the operation")
        return operation

    async def on_event(self, event: dict[str, Any]) -> None:
        """Raises `HookFailed`."""
        if self._on_event is not None:
            await self._call("on_event", self._on_event, event)

    async def on_usage(self, reports: Sequence[UsageReport]) -> None:
        """Raises `HookFailed`."""
        if self._on_usage is not None:
            await self._call("on_usage", self._on_usage, reports)

    async def _call(self, name: str, hook: Callable[[T], Any], argument: T) -> Any:
        try:
            async with asyncio.timeout(self.seconds):
                if _is_async(hook):
                    return await hook(argument)
                answer = await self._in_thread(hook, argument)
                return await answer if inspect.isawaitable(answer) else answer
        except Denied:
            raise
        except TimeoutError as error:
            logger.error("hook %s did not answer within %g s", name, self.seconds)
            raise HookFailed(f"{name} did not answer in time") from error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            logger.exception("hook %s failed", name)
            raise HookFailed(f"{name} failed") from error
        except Exception as error:
            logger.exception("hook %s failed", name)
            raise HookFailed(f"{name} failed") from error

    async def _in_thread(self, hook: Callable[[T], Any], argument: T) -> Any:
        """A caller that gives up leaves a task behind, which holds the thread's place: a limiter
        that let go of it would let hanging threads grow without end (research: H26)."""
        wanted, begun = True, False

        def run() -> Any:
            nonlocal begun
            begun = True
            return hook(argument) if wanted else None

        task = asyncio.ensure_future(anyio.to_thread.run_sync(run, limiter=self._threads()))
        try:
            return await asyncio.shield(task)
        finally:
            wanted = False
            if not begun:
                task.cancel()

    def _threads(self) -> anyio.CapacityLimiter:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(16)
        return self._limiter

    def forget_loop(self) -> None:
        """The event loop is about to end; the next one gets a limiter of its own."""
        self._limiter = None

    def _nonsense(self, name: str, answer: object, wanted: str) -> NoReturn:
        hint = f": did you forget to return {wanted}?" if answer is None else ""
        kind = "None" if answer is None else type(answer).__name__
        logger.error("hook %s returned %s instead of %s%s", name, kind, wanted, hint)
        raise HookFailed(f"{name} returned {kind}")


def _is_async(hook: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
        getattr(hook, "__call__", None)  # noqa: B004  # an object with `async def __call__`
    )


def refusal_of(error: Denied | HookFailed) -> Refused:
    """What the person who asked is told."""
    if isinstance(error, Denied):
        return Refused("forbidden", error.message)
    return Refused("unavailable", "permissions cannot be checked right now", retry=True)


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
]
