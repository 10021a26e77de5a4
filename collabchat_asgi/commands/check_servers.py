"""What `doctor` asks of the server behind a storage's URL, beside the storage's own contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module

from .finding import Checkup, Finding

_MODULES = {
    "postgres": "check_postgres",
    "postgresql": "check_postgres",
    "redis": "check_redis",
    "rediss": "check_redis",
}
_SKEW_SECONDS = 2.0


async def facts_of(url: str, say: Checkup) -> AsyncIterator[Finding]:
    """Nothing about a server that is not known here, or that cannot be reached: the storage itself
    will say why."""
    scheme = url.partition(":")[0].lower().partition("+")[0]
    if scheme in _MODULES:
        try:
            module = import_module(f".{_MODULES[scheme]}", __package__)
        except ImportError:
            return
        async for finding in module.facts(url, say):
            yield finding


def clock_of(say: Checkup, there: float, before: float, after: float) -> Finding:
    """Of a server that said `there` when it was asked between `before` and `after`."""
    off = there - (before + after) / 2
    if abs(off) <= max(_SKEW_SECONDS, after - before):
        return say.ok(f"clocks agree ({off * 1000:+.0f} ms)")
    return say.warning(
        f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} this machine's: let "
        "both follow NTP; retention and the times that people read depend on it"
    )
