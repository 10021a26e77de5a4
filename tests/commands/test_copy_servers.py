"""Around once: through every kind of storage, and what comes back is what was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest

from collabchat_asgi.testing.services_postgres import PASSWORD, PostgresServer
from collabchat_asgi.testing.services_redis import RedisCluster, RedisServer

from .conftest import Run
from .test_copy import checksum


@pytest.fixture(scope="module")
def stations() -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(PostgresServer()).url,
            stack.enter_context(RedisServer()).url,
            stack.enter_context(RedisCluster()).url,
        ]


def test_around_once(filled: str, other: str, stations: list[str], collabchat: Run) -> None:
    way = [filled, *stations, other]
    sums = []
    for source, target in pairwise(way):
        code, out, err = collabchat("copy", "--from", source, "--to", target)
        assert (code, err) == (0, "")
        assert out.startswith("3 pages copied, 0 there already; verified: 30 operations")
        assert PASSWORD not in out
        sums.append(checksum(out))
    _, out, _ = collabchat("copy", "--from", filled, "--to", other)
    assert out.startswith("0 pages copied, 3 there already")
    assert {*sums, checksum(out)} == {sums[0]}
