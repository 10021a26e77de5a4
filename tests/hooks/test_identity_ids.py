"""User ids as databases have them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from collabchat_asgi import Identity

ID = UUID("8b0e7c64-2b0f-4c1e-8d5e-0d6f8a2f6f10")


@pytest.mark.parametrize(("given", "text"), [(7, "7"), (0, "0"), (ID, str(ID)), ("ann", "ann")])
def test_numbers_and_uuids_become_text(given: Any, text: str) -> None:
    assert Identity(given, tenants={}).user_id == text
    assert Identity(given, tenants={}).user.id == text


@pytest.mark.parametrize("given", [None, True, 7.0, b"ann", ["ann"]])
def test_anything_else_is_told_its_kind(given: Any) -> None:
    with pytest.raises(
        ValueError, match=f"text, a whole number or a UUID, not .*{type(given).__name__}"
    ):
        Identity(given, tenants={})
