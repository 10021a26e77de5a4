"""How much each user, address and tenant has and does, over all processes.

Each process counts for itself and tells the others what was spent, at most `SHARE_SECONDS` later
(control topic). Among more than `SHARING` others the pause is longer in proportion: what one
process takes from all of them in a second stays bounded, however many they are. What another
process has spent is taken from the same bucket here, which may fall below zero: so an allowance is
exact but for what was spent within that time, and what was too much is paid back by waiting. A hint
that is lost is not made up for; open connections are told again with each heartbeat. Without a
pub/sub between them processes ration each for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b

from ...config import Limits
from ...core.limits import TokenBucket, take_of_each
from ...core.model import AddComment, CreateChat, Operation
from ...errors import Refused
from ..clock import Clock
from ..peers.hints import Spending

SHARE_SECONDS = 0.02
SHARING = 10

USER, ADDRESS, TENANT = 0, 1, 2
_WHOSE = ("of this user", "from this address", "in this tenant")

TOLD_CONNECTIONS = 2
"""Fewer of one user are not told to other processes: most people have one tab."""


class Allowance:
    """Of one user, address or tenant. `key` is a hash that all processes make alike."""

    __slots__ = (
        "comments", "connections", "elsewhere", "for_a_comment", "for_another", "key", "kind",
        "name", "operations", "reads", "spent", "typed_at",
    )  # fmt: skip

    def __init__(self, kind: int, key: int, limits: Limits, now: float) -> None:
        self.kind = kind
        self.key = key
        self.name: tuple[int, str, str] | None = None
        """Under which it is found here without hashing; None: only other processes spoke of it."""
        self.connections = 0
        self.elsewhere: dict[str, tuple[int, float]] = {}
        """Connections at other processes, by run, and when they were told."""
        self.spent = [0, 0, 0]
        """Operations, comments and reads that the others have not been told."""
        self.typed_at: dict[str, float] = {}
        each = float(limits.comments_per_minute)
        per_minute = each
        if kind == ADDRESS:
            per_minute = float(limits.comments_per_minute_per_address or 10 * each)
        elif kind == TENANT:
            per_minute = float(limits.comments_per_minute_per_tenant or 50 * each)
        self.comments = TokenBucket(per_minute / 60, per_minute, now)
        many = (1, 10, 100)[kind]
        rate = float(limits.operations_per_second) * many
        self.operations = TokenBucket(rate, rate, now)
        rate = float(limits.reads_per_second) * many
        self.reads = TokenBucket(rate, rate * 10, now)
        self.for_a_comment = (self.operations, self.comments)
        self.for_another = (self.operations,)
        """What an operation takes one from."""

    def all_connections(self, oldest: float) -> int:
        """Here, and as told by the others since `oldest`."""
        if not self.elsewhere:
            return self.connections
        told = (count for count, at in self.elsewhere.values() if at >= oldest)
        return self.connections + sum(told)

    def idle(self, now: float, oldest: float) -> bool:
        """Whether forgetting it would change nothing."""
        if self.all_connections(oldest) or any(self.spent):
            return False
        buckets = (self.comments, self.operations, self.reads)
        return all(bucket.full(now) for bucket in buckets)


class Users:
    """`tell` gives what was spent here to the other processes. What they told is forgotten after
    `expiry` seconds of silence about it."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        tell: Callable[[Sequence[Spending]], None] = lambda rows: None,
        *,
        heartbeat: float = 15.0,
        expiry: float = 40.0,
        others: Callable[[], int] = lambda: 0,
    ) -> None:
        """`others`: how many processes listen."""
        self._limits = limits
        self._clock = clock
        self._tell = tell
        self._heartbeat = heartbeat
        self._expiry = expiry
        self._others = others
        self._users: dict[int, Allowance] = {}
        """And addresses and tenants, by their hash."""
        self._by_name: dict[tuple[int, str, str], Allowance] = {}
        self._untold: dict[int, Allowance] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._told_all_at = clock.monotonic()

    def of(self, tenant_id: str, user_id: str) -> Allowance:
        return self._named(USER, tenant_id, user_id)

    def connected(self, tenant_id: str, user_id: str) -> bool:
        """One more connection; False: there are too many."""
        user = self.of(tenant_id, user_id)
        oldest = self._clock.monotonic() - self._expiry
        if user.all_connections(oldest) >= self._limits.connections_per_user:
            return False
        user.connections += 1
        if user.connections >= TOLD_CONNECTIONS:
            self._tell_soon(user)
        return True

    def disconnected(self, tenant_id: str, user_id: str) -> None:
        user = self.of(tenant_id, user_id)
        user.connections -= 1
        if user.connections + 1 >= TOLD_CONNECTIONS:
            self._tell_soon(user)

    def charge(
        self, tenant_id: str, user_id: str, operation: Operation, address: str | None = None
    ) -> Refused | None:
        """Take an operation from all whose it is, or say why not. It is not given back where the
        operation is refused later: to be refused costs as much."""
        concerned = self._all(tenant_id, user_id, address)
        comments = isinstance(operation, CreateChat | AddComment)
        buckets: list[TokenBucket] = []
        for one in concerned:
            buckets += one.for_a_comment if comments else one.for_another
        if not take_of_each(buckets, self._clock.monotonic()):
            return self._charge(concerned, _cost(operation))
        untold = self._untold
        for one in concerned:
            one.spent[0] += 1
            one.spent[1] += comments
            untold[one.key] = one
        if self._telling is None:
            self._tell_soon(concerned[0])
        return None

    def read(self, tenant_id: str, user_id: str, address: str | None = None) -> Refused | None:
        """The same for a subscription, or a call that reads."""
        return self._charge(self._all(tenant_id, user_id, address), (0, 0, 1))

    def give_back(
        self, tenant_id: str, user_id: str, operation: Operation, address: str | None = None
    ) -> None:
        """It was a retry of what had been committed, which is free."""
        operations, comments, reads = _cost(operation)
        back = (-operations, -comments, -reads)
        self._spend(self._all(tenant_id, user_id, address), back, self._clock.monotonic())

    def hear(self, run: str, rows: Sequence[Spending]) -> None:
        """What another process has told."""
        now = self._clock.monotonic()
        for kind, key, operations, comments, reads, connections in rows:
            known = self._allowance(kind, key)
            known.operations.spend(operations, now)
            known.comments.spend(comments, now)
            known.reads.spend(reads, now)
            if connections:
                known.elsewhere[run] = (connections, now)
            else:
                known.elsewhere.pop(run, None)

    def typing(self, tenant_id: str, user_id: str, url_id: str, seconds: float) -> bool:
        """Whether the user may be shown typing on this page again."""
        user = self.of(tenant_id, user_id)
        now = self._clock.monotonic()
        if now - user.typed_at.get(url_id, float("-inf")) < seconds:
            return False
        user.typed_at = {page: at for page, at in user.typed_at.items() if now - at < seconds}
        user.typed_at[url_id] = now
        return True

    def tick(self) -> None:
        """What is due now; called about once a second."""
        now = self._clock.monotonic()
        if now - self._told_all_at < self._heartbeat:
            return
        self._told_all_at = now
        for one in self._users.values():
            if one.connections >= TOLD_CONNECTIONS:
                self._tell_soon(one)

    def forget(self) -> None:
        """Drop everyone whose return would be no different from a first visit."""
        now = self._clock.monotonic()
        oldest = now - self._expiry
        for key, one in list(self._users.items()):
            if one.idle(now, oldest):
                del self._users[key]
                if one.name is not None:
                    del self._by_name[one.name]
            elif one.elsewhere:
                fresh = {run: told for run, told in one.elsewhere.items() if told[1] >= oldest}
                one.elsewhere = fresh

    def _all(self, tenant_id: str, user_id: str, address: str | None) -> list[Allowance]:
        known = self._by_name.get
        concerned = [
            known((USER, tenant_id, user_id)) or self.of(tenant_id, user_id),
            known((TENANT, tenant_id, "")) or self._named(TENANT, tenant_id),
        ]
        if address is not None:
            concerned.append(known((ADDRESS, address, "")) or self._named(ADDRESS, address))
        return concerned

    def _named(self, kind: int, name: str, user_id: str = "") -> Allowance:
        known = self._by_name.get((kind, name, user_id))
        if known is None:
            whole = f"{name}\0{user_id}" if kind == USER else name
            digest = blake2b(whole.encode(), digest_size=7, person=b"%d" % kind).digest()
            known = self._allowance(kind, int.from_bytes(digest, "big"))
            if known.name is None:
                known.name = (kind, name, user_id)
                self._by_name[known.name] = known
        return known

    def _allowance(self, kind: int, key: int) -> Allowance:
        known = self._users.get(key)
        if known is None:
            now = self._clock.monotonic()
            known = self._users[key] = Allowance(kind, key, self._limits, now)
        return known

    def _charge(self, concerned: list[Allowance], cost: tuple[int, int, int]) -> Refused | None:
        now = self._clock.monotonic()
        operations, comments, reads = cost
        for one in concerned:
            wait = one.operations.wait(now, operations) if operations else 0.0
            if comments:
                wait = max(wait, one.comments.wait(now, comments))
            if reads:
                wait = max(wait, one.reads.wait(now, reads))
            if wait > 0:
                what = "reads" if reads else "operations"
                return Refused(
                    "rate-limited",
                    f"too many {what} {_WHOSE[one.kind]}: wait a moment",
                    retry=True,
                    retry_after_ms=int(wait * 1000) + 1,
                )
        self._spend(concerned, cost, now)
        return None

    def _spend(self, concerned: list[Allowance], cost: tuple[int, int, int], now: float) -> None:
        operations, comments, reads = cost
        for one in concerned:
            spent = one.spent
            if operations:
                one.operations.spend(operations, now)
                spent[0] += operations
            if comments:
                one.comments.spend(comments, now)
                spent[1] += comments
            if reads:
                one.reads.spend(reads, now)
                spent[2] += reads
            self._tell_soon(one)

    def _tell_soon(self, one: Allowance) -> None:
        self._untold[one.key] = one
        if self._telling is None:
            loop = asyncio.get_running_loop()
            pause = SHARE_SECONDS * max(1.0, self._others() / SHARING)
            self._telling = loop.call_later(pause, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        untold, self._untold = self._untold, {}
        rows: list[Spending] = []
        for one in untold.values():
            told = one.connections if one.connections >= TOLD_CONNECTIONS else 0
            rows.append((one.kind, one.key, *one.spent, told))  # type: ignore[arg-type]
            one.spent = [0, 0, 0]
        self._tell(rows)


def _cost(operation: Operation) -> tuple[int, int, int]:
    """Operations, comments, reads."""
    return 1, int(isinstance(operation, CreateChat | AddComment)), 0
