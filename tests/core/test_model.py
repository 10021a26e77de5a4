from __future__ import annotations

import pytest

from collabchat_asgi.core.model import NOWHERE, PageKey, Position


@pytest.mark.parametrize(
    ("position", "other", "continues"),
    [
        (Position("e", 5), Position("e", 5), True),
        (Position("e", 5), Position("e", 4), True),
        (Position("e", 5), Position("e", 6), False),
        (Position("e", 5), Position("f", 4), False),
        (Position("e", 5), NOWHERE, True),
        (Position("e", 5), Position("f", 0), True),
        (NOWHERE, NOWHERE, True),
        (NOWHERE, Position("e", 1), False),
    ],
)
def test_a_position_continues_its_own_history(
    position: Position, other: Position, continues: bool
) -> None:
    assert position.continues(other) is continues


def test_pages_sort_by_tenant_then_page() -> None:
    keys = [PageKey("b", "/a"), PageKey("a", "/b"), PageKey("a", "/a")]
    assert sorted(keys) == keys[::-1]
