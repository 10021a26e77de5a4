from __future__ import annotations

import pytest
from hypothesis import given

from collabchat_asgi.core.flow import MAX_OPEN_PINGS, Window

from .histories import Tape, catches, many, tapes

WINDOW, STEP = 1_000, 100


def check_window(make: type[Window], data: bytes) -> None:
    """Against a list of pings: only an open ping's own number confirms, and all before it."""
    tape = Tape(data)
    window = make(0.0, STEP)
    pings: list[tuple[int, int]] = []
    confirmed = 0
    serial = 1_000
    while tape:
        match tape.below(4):
            case 0 | 1:
                if window.open(WINDOW):
                    window.sent += 1 + tape.below(200)
                if window.sent >= window.ping_due:
                    serial += 1 + tape.below(50)
                    window.pinged(serial, 1.0, STEP)
                    pings.append((serial, window.sent))
                    assert window.ping_due == window.sent + STEP
            case 2 if pings:
                index = tape.below(len(pings))
                n, confirmed = pings[index]
                del pings[: index + 1]
                assert window.ponged(n)
            case _:
                forged = 900 + tape.below(256)
                if forged not in dict(pings):
                    assert not window.ponged(forged)
        assert window.open(WINDOW) == (window.sent - confirmed < WINDOW)


@many
@given(tapes)
def test_only_answered_pings_open_the_window(data: bytes) -> None:
    check_window(Window, data)


class Believes(Window):
    """Takes any number at or above an open ping's for its answer."""

    def ponged(self, n: int) -> bool:
        answered = [asked for asked, _ in self._pings if asked <= n]
        return super().ponged(answered[-1]) if answered else False


class Forgets(Window):
    """Confirms one ping only, and leaves those before it open."""

    def ponged(self, n: int) -> bool:
        kept = [ping for ping in self._pings if ping[0] < n]
        answered = super().ponged(n)
        if answered:
            self._pings[:0] = kept
        return answered


class ConfirmsAll(Window):
    def ponged(self, n: int) -> bool:
        answered = super().ponged(n)
        if answered:
            self._confirmed = self.sent
        return answered


@pytest.mark.parametrize("mutant", [Believes, Forgets, ConfirmsAll])
def test_a_wrong_window_is_noticed(mutant: type[Window]) -> None:
    assert catches(lambda data: check_window(mutant, data))


def test_a_pong_is_taken_once() -> None:
    window = Window(0.0, STEP)
    window.sent = WINDOW
    window.pinged(7, 1.0, STEP)
    assert not window.open(WINDOW)
    assert window.ponged(7)
    assert window.open(WINDOW)
    window.sent += WINDOW
    assert not window.ponged(7)
    assert not window.open(WINDOW)


def test_an_answered_ping_ends_a_stall_and_a_forged_one_does_not() -> None:
    window = Window(0.0, STEP)
    window.pinged(7, 0.0, STEP)
    window.stall(5.0)
    window.stall(9.0)
    assert window.stalled_at == 5.0
    window.ponged(8)
    assert window.stalled_at == 5.0
    window.ponged(7)
    assert window.stalled_at is None


def test_whoever_never_answers_costs_a_bounded_memory() -> None:
    window = Window(0.0, STEP)
    for n in range(2 * MAX_OPEN_PINGS):
        window.pinged(n, float(n), STEP)
    assert len(window._pings) == MAX_OPEN_PINGS
    assert window.ponged(2 * MAX_OPEN_PINGS - 1)
    assert not window._pings
