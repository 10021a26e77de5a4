"""Why tokens were refused: for the log, once a minute and reason, never for who asked."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger("collabchat_asgi.auth")

MINUTE = 60.0
REASONS = 100
"""Kept at most: reasons may quote what strangers send."""


class Refusals:
    """Counts what is not said."""

    def __init__(self, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._now = now
        self._said: dict[str, float] = {}
        self._silent: Counter[str] = Counter()

    def note(self, reason: str) -> None:
        now = self._now()
        said = self._said.get(reason)
        if said is not None and now - said < MINUTE:
            self._silent[reason] += 1
            return
        if len(self._said) >= REASONS:
            self._said.clear()
            self._silent.clear()
        self._said[reason] = now
        count = self._silent.pop(reason, 0)
        more = f" ({count} more since the last such line)" if count else ""
        logger.warning("%s: a token is refused: %s%s", self._name, reason, more)
