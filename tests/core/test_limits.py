from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi import Limits, Timing
from collabchat_asgi.core.limits import Counter, TokenBucket, take_of_each
from collabchat_asgi.errors import ConfigError

from .histories import Tape, catches, many, tapes


def check_bucket(make: type[TokenBucket], data: bytes) -> None:
    """In any stretch of time: at most rate * t + burst. And a wait that was told is enough."""
    tape = Tape(data)
    rate, burst = (0.5, 2.0, 20.0)[tape.below(3)], 1.0 + tape.below(20)
    now = 100.0
    bucket = make(rate, burst, now)
    taken: list[float] = []
    while tape:
        now += tape.below(30) / 16 * tape.below(3)
        wait = bucket.take(now)
        if wait == 0.0:
            taken.append(now)
        else:
            assert wait > 0.0
            assert not bucket.full(now)
            if tape.below(4) == 0:
                now += wait + 1e-9
                assert bucket.take(now) == 0.0
                taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = rate * (taken[last] - taken[first]) + burst
            assert last - first + 1 <= allowed + 1e-6


@many
@given(tapes)
def test_a_bucket_never_gives_more_than_it_has(data: bytes) -> None:
    check_bucket(TokenBucket, data)


class Bottomless(TokenBucket):
    """Saves without bound."""

    def take(self, now: float, tokens: float = 1.0) -> float:
        burst, self.burst = self.burst, 1e9
        wait = super().take(now, tokens)
        self.burst = burst
        return wait


class Generous(TokenBucket):
    def take(self, now: float, tokens: float = 1.0) -> float:
        return super().take(now, tokens * 0.9)


@pytest.mark.parametrize("mutant", [Bottomless, Generous])
def test_a_wrong_bucket_is_noticed(mutant: type[TokenBucket]) -> None:
    assert catches(lambda data: check_bucket(mutant, data))


def test_twenty_at_once_then_one_every_three_seconds() -> None:
    bucket = TokenBucket(20 / 60, 20, 0.0)
    assert [bucket.take(0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(0.0) == pytest.approx(3.0)
    assert bucket.take(3.1) == 0.0
    assert bucket.take(3.1) > 0.0


def test_what_is_given_back_may_be_taken_again_and_no_more() -> None:
    bucket = TokenBucket(1.0, 2.0, 0.0)
    assert bucket.take(0.0, 2.0) == 0.0
    bucket.give_back()
    assert bucket.take(0.0) == 0.0
    bucket.give_back(9.0)
    assert bucket.full(0.0)
    assert bucket.take(0.0, 2.0) == 0.0
    assert bucket.take(0.0) > 0.0


def test_full_is_when_forgetting_would_change_nothing() -> None:
    bucket = TokenBucket(1.0, 2.0, 0.0)
    assert bucket.full(0.0)
    bucket.take(0.0)
    assert not bucket.full(0.9)
    assert bucket.full(1.0)


@given(st.lists(st.sampled_from(["a", "b", "both"]), max_size=30), st.integers(0, 5))
def test_a_token_of_each_or_of_none(asked: list[str], wait: int) -> None:
    together = {name: TokenBucket(0.5, burst, 0.0) for name, burst in (("a", 3.0), ("b", 5.0))}
    alone = {name: TokenBucket(0.5, burst, 0.0) for name, burst in (("a", 3.0), ("b", 5.0))}
    for turn, one in enumerate(asked):
        now, names = float(turn * wait), ["a", "b"] if one == "both" else [one]
        may = all(alone[name].wait(now) == 0 for name in names)
        assert take_of_each([together[name] for name in names], now) == may
        for name in names:
            alone[name].spend(float(may), now)
    assert [bucket.wait(99.0, 3.0) for bucket in together.values()] == [
        bucket.wait(99.0, 3.0) for bucket in alone.values()
    ]


@given(st.integers(1, 50), st.integers(1, 60))
def test_a_counter_counts_down_and_anew_in_each_window(limit: int, more: int) -> None:
    counter = Counter(limit, 10.0)
    assert [counter.add(5.0) for _ in range(more)] == [limit - 1 - n for n in range(more)]
    assert counter.add(14.99) == limit - 1 - more
    assert counter.add(1_000.0) == limit - 1


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "20", None])
def test_a_limit_without_sense_is_refused_by_name(given: object) -> None:
    with pytest.raises(ConfigError, match="comments_per_minute"):
        Limits(comments_per_minute=given)  # type: ignore[arg-type]
    Limits(log_events=0)


@pytest.mark.parametrize("given", [-0.1, float("nan"), True, "5", None])
def test_a_time_without_sense_is_refused_by_name(given: object) -> None:
    with pytest.raises(ConfigError, match="hook_seconds"):
        Timing(hook_seconds=given)  # type: ignore[arg-type]
    Timing(batch_seconds=0)


def test_a_sweep_comes_before_the_log_that_it_compares_is_dropped() -> None:
    kept = r"sweep_seconds=864\) .* less than the 864 seconds of .*dedupe_days"
    with pytest.raises(ConfigError, match=kept):
        Timing(log_days=0, dedupe_days=0.01, sweep_seconds=864)
    Timing(log_days=0, dedupe_days=0.01, sweep_seconds=863)
    Timing(log_days=1, dedupe_days=0.01, sweep_seconds=864)
