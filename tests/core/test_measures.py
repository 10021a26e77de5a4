"""A distribution is a few numbers: nothing observed is lost, and a quantile is its bucket's end."""

from __future__ import annotations

import math
import re
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi.core.measures import (
    COUNTS,
    FAMILIES,
    NO_AMOUNTS,
    SECONDS,
    Family,
    Histogram,
    Row,
    quantile,
    together,
)

bounds = st.sampled_from([SECONDS, COUNTS])
values = st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=50)


@given(bounds, values)
def test_every_observation_is_in_one_bucket(bounds: tuple[float, ...], values: list[float]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    *counts, total = histogram.numbers()
    assert math.isclose(total, sum(values))
    reached = 0
    for bound, count in zip(bounds, counts, strict=False):
        reached += int(count)
        assert reached == sum(value <= bound for value in values)
    assert sum(counts) == len(values)


@given(bounds, values, st.integers(1, 100))
def test_a_quantile_is_the_end_of_the_bucket_it_falls_into(
    bounds: tuple[float, ...], values: list[float], percent: int
) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    family = Family("histogram", "", (), bounds)
    found = quantile(family, histogram.numbers(), percent / 100)
    if not values:
        assert found is None
        return
    exact = sorted(values)[math.ceil(len(values) * (percent / 100)) - 1]
    assert found == (*bounds, math.inf)[bisect_left(bounds, exact)]


def test_names_are_what_a_collector_takes_and_buckets_ascend() -> None:
    for name, family in FAMILIES.items():
        assert re.fullmatch("[a-z][a-z_]*[a-z]", name)
        assert all(re.fullmatch("[a-z][a-z_]*", label) for label in family.labels)
        assert bool(family.bounds) == (family.kind == "histogram"), name
        assert list(family.bounds) == sorted(set(family.bounds)), name


def test_what_several_count_is_added_up_and_of_states_the_greatest_counts() -> None:
    one: list[Row] = [("commits", ["sqlite"], [1.0, 2.0, 0.5]), ("uptime_seconds", [], [9.0])]
    other: list[Row] = [
        ("uptime_seconds", [], [4.0]),
        ("commits", ["sqlite"], [10.0, 0.0, 0.25]),
        ("commits", ["memory"], [3.0, 3.0, 3.0]),
    ]
    assert sorted(together([one, other])) == [
        ("commits", ["memory"], [3.0, 3.0, 3.0]),
        ("commits", ["sqlite"], [11.0, 2.0, 0.75]),
        ("uptime_seconds", [], [9.0]),
    ]
    assert together([one]) == one
    assert FAMILIES.keys() >= NO_AMOUNTS
