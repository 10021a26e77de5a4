"""How much a tenant, and each person in it, may use in a day or a month."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from ..errors import ConfigError

COUNTED = ("operations", "messages", "bandwidth", "connections", "pages")
"""Fields of `Quota` that are numbers."""
OF_PEOPLE = ("operations", "connections", "pages")
"""Those that can be told apart by person: a frame for a thousand readers is counted once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """None: as much as they like; 0: none at all. Raises `ConfigError`.

    Exact over all processes to within one `Timing.usage_flush_seconds`: what another process has
    let through since is not known here.
    """

    operations: int | None = None
    """Accepted for the first time; what changed nothing counts too."""
    messages: int | None = None
    """`pubSubMessageCount`: frames handed to readers, and operations."""
    bandwidth: int | None = None
    """`pubSubBandwidth`, in bytes."""
    connections: int | None = None
    """Opened sockets."""
    pages: int | None = None
    """On which the first discussion begins."""
    per: Literal["day", "month"] = "day"
    """In UTC."""
    over: Literal["read-only", "refuse"] = "read-only"
    """What somebody finds who joins a page when any of it is used up: the page, without a word to
    say, or no page at all. Who is there already reads on."""
    each_user: Quota | None = None
    """What each person in the tenant may use; without `messages` and `bandwidth`, which are not
    told apart by person."""

    def __post_init__(self) -> None:
        for name in COUNTED:
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 0):
                raise ConfigError(f"Quota({name}={value!r}): give a whole number from 0, or None")
        if self.per not in ("day", "month"):
            raise ConfigError(f'Quota(per={self.per!r}): give "day" or "month"')
        if self.over not in ("read-only", "refuse"):
            raise ConfigError(f'Quota(over={self.over!r}): give "read-only" or "refuse"')
        each = self.each_user
        if each is None:
            return
        if not isinstance(each, Quota):
            raise ConfigError(f"Quota(each_user={each!r}): give a Quota")
        for one in fields(each):
            no = one.name == "each_user" or (one.name in COUNTED and one.name not in OF_PEOPLE)
            if no and getattr(each, one.name) is not None:
                raise ConfigError(f"Quota(each_user=Quota({one.name}=…)): not told apart by person")


@dataclass(frozen=True, slots=True)
class QuotaRequest:
    """Whose quota is asked for: a tenant's, or with `user_id` that of a person in it. None is the
    answer where there is none; for a person, the tenant's `each_user` holds then."""

    tenant_id: str
    user_id: str | None = None


AskQuota: TypeAlias = Callable[[QuotaRequest], Quota | Awaitable[Quota | None] | None]
Quotas: TypeAlias = Quota | Mapping[str, Quota] | AskQuota
"""The same for every tenant; a table by tenant, in which `"*"` stands for all others; or a hook."""


def as_hook(given: Quotas | None) -> AskQuota | None:
    """Raises `ConfigError`."""
    if given is None or (callable(given) and not isinstance(given, Quota | Mapping)):
        return given
    table = {"*": given} if isinstance(given, Quota) else given
    if not isinstance(table, Mapping) or not all(isinstance(q, Quota) for q in table.values()):
        raise ConfigError(
            f"quota={given!r}: give a Quota, a table such as {{'acme': Quota(…), '*': Quota(…)}}, "
            "or a function that takes a QuotaRequest"
        )
    known = dict(table)

    async def ask(request: QuotaRequest) -> Quota | None:
        if request.user_id is not None:
            return None
        return known.get(request.tenant_id, known.get("*"))

    return ask
