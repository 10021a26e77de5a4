"""The host's callables behind one face: awaited, bounded in time, told apart."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ..cancellation import is_cancelled
from ..core.measures import Histogram
from ..errors import ConfigError, Denied, HookFailed, Refused
from .faults import Faults
from .quota import AskQuota, Quota, QuotaRequest
from .stall import watched
from .threads import Threads
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
)

BUDGETS = {
    "authenticate": 16,
    "authorize": 16,
    "before_commit": 16,
    "on_event": 4,
    "on_usage": 4,
    "quota": 4,
}
"""Threads of each sync hook. None takes those of another."""


class Hook:
    """One callable of the host, with its own threads and its own faults."""

    def __init__(self, name: str, function: Callable[..., Any] | None, seconds: float) -> None:
        if function is not None and not callable(function):
            raise ConfigError(f"{name} must be a function, not {type(function).__name__}")
        self.name = name
        self.function = function
        self.threads = Threads(name, BUDGETS[name])
        self.faults = Faults(name)
        self.taken = Histogram()
        """Seconds of each call."""
        self._seconds = seconds
        self._is_async = _is_async(function)

    async def __call__(self, argument: object) -> Any:
        """Raises `Denied`, or `HookFailed` where it raised anything else or took too long."""
        assert self.function is not None
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                if self._is_async:
                    return await watched(self.function(argument), self.faults.stalled)
                answer = await self.threads.run(self.function, argument)
                if inspect.isawaitable(answer):
                    return await watched(answer, self.faults.stalled)
                return answer
        except Denied as no:
            # Shown to people, so it must go into a frame, whatever a subclass made of it.
            no.message = str(no.message).encode(errors="replace").decode()
            raise
        except TimeoutError as error:
            self.faults.failed(f"failed: it did not answer within {self._seconds:g} s")
            raise HookFailed(f"{self.name} did not answer in time") from error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            self._failed(error)
        except GeneratorExit as error:
            if _closes_us(error):
                raise
            self._failed(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # `sys.exit()` in a hook would end the loop, and everybody with it; a panic in Rust, or
            # another library's own kind, the connection.
            self._failed(error)
        finally:
            self.taken.observe(time.monotonic() - began)

    def _failed(self, error: BaseException) -> NoReturn:
        self.faults.failed(f"failed: {type(error).__name__}: {error}", error)
        raise HookFailed(f"{self.name} failed") from error

    def nonsense(self, answer: object, wanted: str) -> NoReturn:
        """It returned something else. Raises `HookFailed`."""
        kind = "None" if answer is None else type(answer).__name__
        hint = ""
        if answer is None:
            hint = f": did you forget to return {wanted}?"
        elif callable(answer):
            hint = f": did you forget to call what makes the hook, {self.name}=…(…)?"
        self.faults.failed(f"failed: it returned {kind} instead of {wanted}{hint}")
        raise HookFailed(f"{self.name} returned {kind}")


def _closes_us(error: GeneratorExit) -> bool:
    """Whether it was thrown into our own coroutine, which nobody awaits any more, and not by a
    hook: that has frames of its own below ours."""
    return error.__traceback__ is None or error.__traceback__.tb_next is None


class Hooks:
    """All of them. `seconds` bounds each call."""

    def __init__(
        self,
        authenticate: Authenticate,
        authorize: Authorize | None = None,
        before_commit: BeforeCommit | None = None,
        on_event: OnEvent | None = None,
        on_usage: OnUsage | None = None,
        quota: AskQuota | None = None,
        *,
        seconds: float = 5.0,
    ) -> None:
        self.seconds = seconds
        self._authenticate = Hook("authenticate", authenticate, seconds)
        self._authorize = Hook("authorize", authorize, seconds)
        self._before_commit = Hook("before_commit", before_commit, seconds)
        self._on_event = Hook("on_event", on_event, seconds)
        self._on_usage = Hook("on_usage", on_usage, seconds)
        self._quota = Hook("quota", quota, seconds)
        self.asks = authorize is not None
        """Whether `authorize` is the host's own: then every answer takes a turn of the loop."""
        self.rewrites = before_commit is not None
        self.watches = on_event is not None
        self.bills = on_usage is not None

    async def authenticate(self, request: ConnectRequest) -> Identity:
        """Raises `Denied`, or `HookFailed`."""
        identity = await self._authenticate(request)
        if not isinstance(identity, Identity):
            self._authenticate.nonsense(identity, "an Identity")
        return identity

    async def authorize(self, access: AccessRequest) -> bool:
        """Raises `HookFailed`."""
        if self._authorize.function is None:
            return default_policy(access)
        try:
            answer = await self._authorize(access)
        except Denied:
            return False
        if answer is not True and answer is not False:
            self._authorize.nonsense(answer, "True or False")
        return answer

    async def before_commit(self, access: AccessRequest) -> Mapping[str, object]:
        """Raises `Denied`, or `HookFailed`."""
        if self._before_commit.function is None:
            return access.operation or {}
        operation = await self._before_commit(access)
        if not isinstance(operation, dict):
            self._before_commit.nonsense(operation, "the operation")
        return operation

    def bad_rewrite(self, what: str) -> HookFailed:
        """What to raise where `before_commit` changed what it may not."""
        self._before_commit.faults.failed(f"failed: it {what}")
        return HookFailed(f"before_commit {what}")

    async def on_event(self, event: dict[str, Any]) -> None:
        """Raises `HookFailed`."""
        if self._on_event.function is not None:
            await self._on_event(event)

    async def on_usage(self, reports: Sequence[UsageReport]) -> None:
        """Raises `HookFailed`."""
        if self._on_usage.function is not None:
            await self._on_usage(reports)

    @property
    def limits(self) -> bool:
        return self._quota.function is not None

    async def quota(self, request: QuotaRequest) -> Quota | None:
        """Raises `HookFailed`."""
        if self._quota.function is None:
            return None
        try:
            quota = await self._quota(request)
        except Denied:
            quota = Denied
        if quota is not None and not isinstance(quota, Quota):
            self._quota.nonsense(quota, "a Quota")
        return quota

    def faults(self) -> list[str]:
        """What `health` says: hooks that hang, and hooks that failed within the last minute."""
        return [
            reason
            for hook in self._all()
            for reason in hook.faults.reasons(hook.threads.abandoned, hook.threads.budget)
        ]

    def seconds_taken(self) -> dict[str, Histogram]:
        """Of the hooks that there are, by name."""
        return {hook.name: hook.taken for hook in self._all() if hook.function is not None}

    def faults_of(self) -> dict[str, Faults]:
        """Of the hooks that there are, by name."""
        return {hook.name: hook.faults for hook in self._all() if hook.function is not None}

    def forget_loop(self) -> None:
        """The event loop is about to end; the next one gets threads of its own."""
        for hook in self._all():
            hook.threads.forget_loop()

    def _all(self) -> tuple[Hook, ...]:
        return (
            self._authenticate,
            self._authorize,
            self._before_commit,
            self._on_event,
            self._on_usage,
            self._quota,
        )


def _is_async(hook: Callable[..., Any] | None) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
        getattr(hook, "__call__", None)  # noqa: B004  # an object with `async def __call__`
    )


def refusal_of(error: Denied | HookFailed) -> Refused:
    """What the person who asked is told; a hook that failed is named, so that the browser's console
    can name it."""
    if isinstance(error, Denied):
        return Refused("forbidden", error.message)
    message = f"permissions cannot be checked right now (hook {error})"
    return Refused("unavailable", message, retry=True)
