"""What `doctor` finds: one line each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    level: Level
    subject: str
    text: str
    """What is so and, where that is not well, the setting to change."""

    def __str__(self) -> str:
        return f"{self.level:<8} {self.subject:<8} {self.text}"


class Checkup:
    """Findings about one subject."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def ok(self, text: str) -> Finding:
        return Finding("ok", self._subject, text)

    def warning(self, text: str) -> Finding:
        return Finding("warning", self._subject, text)

    def problem(self, text: str) -> Finding:
        return Finding("problem", self._subject, text)
