"""What went wrong with one hook: said once a minute, and kept for `health`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("collabchat_asgi.hooks")

MINUTE = 60.0


class Faults:
    """Of one hook, by the seconds of a monotonic clock.

    The first fault is logged at once with its traceback, the next ones are counted, and a minute
    later one is logged again with their number."""

    def __init__(self, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._now = now
        self._logged_at: float | None = None
        self._silent = 0
        self._failed_at: float | None = None
        self._since = 0
        self._stalled_at: float | None = None
        self.failures = 0
        """Since the process has started."""

    def failed(self, what: str, error: BaseException | None = None) -> None:
        """`what` is the end of the sentence "hook authorize …"."""
        now = self._now()
        self.failures += 1
        self._since = self._since + 1 if self._recent(now) else 1
        self._failed_at = now
        if self._logged_at is not None and now - self._logged_at < MINUTE:
            self._silent += 1
            return
        more = f" ({self._silent} faults more since the last such line)" if self._silent else ""
        self._logged_at, self._silent = now, 0
        logger.error("hook %s %s%s", self.name, what, more, exc_info=error)

    def stalled(self, seconds: float) -> None:
        """It kept the event loop for so long."""
        now = self._now()
        if self._stalled_at is not None and now - self._stalled_at < MINUTE:
            return
        self._stalled_at = now
        logger.warning(
            "hook %s blocked the event loop for %.1f s: nobody was served meanwhile. Let it await "
            "what takes time, or make it a plain def: then it runs in a thread",
            self.name,
            seconds,
        )

    def reasons(self, held: int, budget: int) -> list[str]:
        """What `health` says about this hook; `held` of its threads do not come back."""
        said: list[str] = []
        if held:
            said.append(f"hook {self.name}: {held} of its {budget} threads hang")
        if self._recent(self._now()):
            said.append(f"hook {self.name}: {self._since} failures, the last under a minute ago")
        return said

    def _recent(self, now: float) -> bool:
        return self._failed_at is not None and now - self._failed_at < MINUTE
