"""Configuration: arguments first, then the environment, then defaults."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from .errors import ConfigError

logger = logging.getLogger("collabchat_asgi.config")

T = TypeVar("T")

VARIABLES = {
    "COLLABCHAT_STORAGE": "storage",
    "COLLABCHAT_PUBSUB": "pubsub",
    "COLLABCHAT_PREFIX": "prefix",
    "COLLABCHAT_ALLOWED_ORIGINS": "allowed_origins",
    "COLLABCHAT_REQUIRE_SHARED": "require_shared",
    "COLLABCHAT_REQUIRE_TLS": "require_tls",
    "COLLABCHAT_TRUSTED_PROXIES": "trusted_proxies",
    "COLLABCHAT_DRAIN_TOKEN": "drain_token",
    "COLLABCHAT_METRICS_TOKEN": "metrics_token",
    "COLLABCHAT_TRACING": "tracing",
    "COLLABCHAT_DRAIN_ON_SIGTERM": "drain_on_sigterm",
    "COLLABCHAT_USAGE_PER_PAGE": "usage_per_page",
    "COLLABCHAT_CHAT_DAYS": "chat_days",
}


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that the environment gives, by the name of their argument.

    A variable that is not known is a warning only: Kubernetes puts `COLLABCHAT_PORT` and
    `COLLABCHAT_SERVICE_HOST` there by itself where a service is named collabchat.
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith("COLLABCHAT_"):
            continue
        if name in VARIABLES:
            found[VARIABLES[name]] = value
        elif "_SERVICE_" not in name and "_PORT" not in name:
            logger.warning("%s is not a setting%s", name, did_you_mean(name, VARIABLES))
    return found


def did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f": did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"


def as_numbers(name: str, value: object, kind: type[T]) -> T:
    """One of the classes of `config`; its defaults where there is none. Raises `ConfigError`."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{name}={value!r} must be {name}={kind.__name__}(…)")
    return value


def as_secret(name: str, value: object) -> str | None:
    """Raises `ConfigError`, which does not show it."""
    if value is None or isinstance(value, str):
        return value
    raise ConfigError(f"{name} must be text, not {type(value).__name__}")


def as_flag(name: str, value: object) -> bool:
    """Raises `ConfigError`."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{name}={value!r} is neither True nor False")
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("", "0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name}={value!r} is neither true nor false")


def as_days(name: str, value: Any) -> dict[str, float]:
    """Days by tenant, `"*"` for all others. Raises `ConfigError`."""
    table = value if isinstance(value, Mapping) else {} if value in (None, "") else {"*": value}
    days: dict[str, float] = {}
    for tenant_id, given in table.items():
        try:
            days[tenant_id] = float(given)
        except (TypeError, ValueError):
            days[tenant_id] = 0.0
        if not 0 < days[tenant_id] <= 36_500:
            raise ConfigError(f"{name}={value!r}: give days, more than 0 and at most 36,500")
    return days


def as_list(value: str | Iterable[str]) -> tuple[str, ...]:
    """A list, or a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())


def as_prefix(value: object) -> str:
    """Raises `ConfigError`."""
    prefix = value.rstrip("/") if isinstance(value, str) else ""
    if not prefix.startswith("/") or "//" in prefix or "?" in prefix or "#" in prefix:
        raise ConfigError(f"prefix={value!r} must be a path such as /collabchat")
    return prefix


def looks_alone(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why this process may be one of several machines that share no disk; None: no sign of it."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "this is a Kubernetes pod"
    if Path("/.dockerenv").exists():
        return "this is a container"
    return None
