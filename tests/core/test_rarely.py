"""What would be said again and again is said once a minute, with how often it was left out."""

from __future__ import annotations

import pytest

from collabchat_asgi.core.rarely import MINUTE, SUBJECTS, Rarely


def check_rarely(make: type[Rarely]) -> None:
    rarely = make()
    assert [rarely.end("a", now) for now in (0.0, 1.0, MINUTE - 0.1)] == ["", None, None]
    assert rarely.end("b", 1.0) == ""
    assert rarely.end("a", MINUTE) == " (2 more since the last such line)"
    assert rarely.end("a", MINUTE + 1) is None
    assert rarely.end("a", 3 * MINUTE) == " (1 more since the last such line)"
    assert rarely.end("a", 4 * MINUTE) == "", "none was left out"


def test_each_subject_is_said_at_once_and_then_once_a_minute() -> None:
    check_rarely(Rarely)


class Once(Rarely):
    """Says a subject once, and never again."""

    def end(self, subject: str, now: float) -> str | None:
        return super().end(subject, 0.0)


class Always(Rarely):
    """Leaves nothing out."""

    def end(self, subject: str, now: float) -> str | None:
        self._said.pop(subject, None)
        return super().end(subject, now)


class ForAll(Rarely):
    """One subject speaks for all of them."""

    def end(self, subject: str, now: float) -> str | None:
        return super().end("", now)


class Uncounted(Rarely):
    """Does not say how much was left out."""

    def end(self, subject: str, now: float) -> str | None:
        self._silent.clear()
        return super().end(subject, now)


@pytest.mark.parametrize("mutant", [Once, Always, ForAll, Uncounted])
def test_a_wrong_one_is_noticed(mutant: type[Rarely]) -> None:
    with pytest.raises(AssertionError):
        check_rarely(mutant)


def test_subjects_of_strangers_do_not_pile_up() -> None:
    rarely = Rarely()
    for number in range(10_000):
        rarely.end(f"reason {number}", 0.0)
        rarely.end(f"reason {number}", 0.0)
        assert len(rarely._said) <= SUBJECTS
        assert len(rarely._silent) <= SUBJECTS
