"""What would be said again and again is said once a minute, with how often it was left out."""

from __future__ import annotations

from collabchat_asgi.core.rarely import MINUTE, SUBJECTS, Rarely


def test_each_subject_is_said_at_once_and_then_once_a_minute() -> None:
    rarely = Rarely()
    assert [rarely.end("a", now) for now in (0.0, 1.0, MINUTE - 0.1)] == ["", None, None]
    assert rarely.end("b", 1.0) == ""
    assert rarely.end("a", MINUTE) == " (2 more since the last such line)"
    assert rarely.end("a", MINUTE + 1) is None
    assert rarely.end("a", 3 * MINUTE) == " (1 more since the last such line)"
    assert rarely.end("a", 4 * MINUTE) == "", "none was left out"


def test_subjects_of_strangers_do_not_pile_up() -> None:
    rarely = Rarely()
    for number in range(10_000):
        rarely.end(f"reason {number}", 0.0)
        rarely.end(f"reason {number}", 0.0)
        assert len(rarely._said) <= SUBJECTS
        assert len(rarely._silent) <= SUBJECTS
