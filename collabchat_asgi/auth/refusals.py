"""Why tokens were refused: for the log, once a minute and reason, never for who asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..sparing_log import SparingLog

logger = logging.getLogger("collabchat_asgi.auth")


class Refusals:
    """Counts what is not said."""

    def __init__(self, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._log = SparingLog(logger, now)

    def note(self, reason: str) -> None:
        self._log.warning(reason, "%s: a token is refused: %s", self._name, reason)
