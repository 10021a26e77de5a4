"""Which lines of the log that would come again and again are said."""

from __future__ import annotations

from collections import Counter

MINUTE = 60.0
SUBJECTS = 100
"""Kept at most: what a line is about may be of a stranger's making."""


class Rarely:
    """Each subject at once, and then once a minute with how many lines were left out."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._silent: Counter[str] = Counter()

    def end(self, subject: str, now: float) -> str | None:
        """The end of the line that is due; None: it is left out. `now` is in seconds of a monotonic
        clock."""
        said = self._said.get(subject)
        if said is not None and now - said < MINUTE:
            self._silent[subject] += 1
            return None
        if len(self._said) >= SUBJECTS:
            self._said.clear()
            self._silent.clear()
        self._said[subject] = now
        count = self._silent.pop(subject, 0)
        return f" ({count} more since the last such line)" if count else ""
