"""How much each user has and does in this process."""

from __future__ import annotations

from ..config import Limits
from ..core.limits import TokenBucket
from ..core.model import AddComment, CreateChat, Operation
from ..errors import Refused
from .clock import Clock


class Allowance:
    """One user of one tenant."""

    __slots__ = ("comments", "connections", "operations", "typed_at")

    def __init__(self, limits: Limits, now: float) -> None:
        self.connections = 0
        burst = float(limits.comments_per_minute)
        self.comments = TokenBucket(burst / 60, burst, now)
        rate = float(limits.operations_per_second)
        self.operations = TokenBucket(rate, rate, now)
        self.typed_at: dict[str, float] = {}


class Users:
    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._users: dict[tuple[str, str], Allowance] = {}

    def of(self, tenant_id: str, user_id: str) -> Allowance:
        key = (tenant_id, user_id)
        user = self._users.get(key)
        if user is None:
            user = self._users[key] = Allowance(self._limits, self._clock.monotonic())
        return user

    def charge(self, tenant_id: str, user_id: str, operation: Operation) -> Refused | None:
        """Take from the user's allowance, or say why not."""
        user = self.of(tenant_id, user_id)
        now = self._clock.monotonic()
        wait = user.operations.take(now)
        if wait == 0 and isinstance(operation, CreateChat | AddComment):
            wait = user.comments.take(now)
            if wait > 0:
                user.operations.give_back()
        if wait > 0:
            return Refused(
                "rate-limited",
                "too many operations: wait a moment",
                retry=True,
                retry_after_ms=int(wait * 1000) + 1,
            )
        return None

    def give_back(self, tenant_id: str, user_id: str, operation: Operation) -> None:
        """It was a retry of what had been committed, which is free."""
        user = self.of(tenant_id, user_id)
        user.operations.give_back()
        if isinstance(operation, CreateChat | AddComment):
            user.comments.give_back()

    def typing(self, tenant_id: str, user_id: str, url_id: str, seconds: float) -> bool:
        """Whether the user may be shown typing on this page again."""
        user = self.of(tenant_id, user_id)
        now = self._clock.monotonic()
        if now - user.typed_at.get(url_id, float("-inf")) < seconds:
            return False
        user.typed_at = {page: at for page, at in user.typed_at.items() if now - at < seconds}
        user.typed_at[url_id] = now
        return True

    def forget(self) -> None:
        """Drop everyone whose return would be no different from a first visit."""
        now = self._clock.monotonic()
        for key, user in list(self._users.items()):
            if not user.connections and user.comments.full(now) and user.operations.full(now):
                del self._users[key]
