"""A log in which nothing is said again and again, however often strangers or an outage bring it
about."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from .core.rarely import Rarely


class SparingLog:
    """Each subject has a line at once, and then one a minute with how many were left out."""

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._now = now
        self._rarely = Rarely()

    def warning(self, subject: str, line: str, *given: object) -> None:
        self._say(logging.WARNING, subject, line, given)

    def error(self, subject: str, line: str, *given: object) -> None:
        self._say(logging.ERROR, subject, line, given)

    def critical(self, subject: str, line: str, *given: object) -> None:
        self._say(logging.CRITICAL, subject, line, given)

    def _say(self, level: int, subject: str, line: str, given: tuple[object, ...]) -> None:
        end = self._rarely.end(subject, self._now())
        if end is not None:
            self._logger.log(level, "%s%s", line % given, end)
