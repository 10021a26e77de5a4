"""User ids as databases have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": None}, r'name must be text, not NoneType; "" where'),
        ({"name": 7}, "name must be text, not int"),
        ({"avatar": b"/a"}, "avatar must be text or None, not bytes"),
    ],
)
def test_a_name_or_a_picture_that_is_no_text_is_told_which(given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Identity("ann", tenants={}, **given)


class Safe(str):
    """As Django's SafeString, MarkupSafe's Markup and numpy's str_ are."""

    def __str__(self) -> str:
        return "what it shows"

    def __getitem__(self, at: Any) -> Safe:
        return Safe(super().__getitem__(at))


class Word(str, Enum):  # noqa: UP042  # as Django's TextChoices are
    ORG = "acme"
    STAFF = "moderator"


@pytest.mark.parametrize("kind", [str, Safe])
def test_a_text_of_another_class_is_its_text(kind: Any) -> None:
    given = Identity(
        kind("ann"), tenants={kind("acme"): kind("reader")}, name=kind("Ann"), avatar=kind("/a")
    )
    assert given == Identity("ann", tenants={"acme": "reader"}, name="Ann", avatar="/a")
    assert msgspec.json.decode(msgspec.json.encode(given.user)) == {
        "id": "ann",
        "name": "Ann",
        "avatar": "/a",
    }
    assert {type(word) for pair in given.tenants.items() for word in pair} == {str}


def test_tenants_are_numbers_uuids_and_members_of_enums_too() -> None:
    tenants: Any = {7: "reader", ID: "admin", Word.ORG: Word.STAFF}
    known = Identity("ann", tenants=tenants).tenants
    assert known == {"7": "reader", str(ID): "admin", "acme": "moderator"}
    assert {type(word) for pair in known.items() for word in pair} == {str}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tenants": ["acme"]}, "tenants must map tenant ids to roles, not list"),
        ({"tenants": None}, "tenants must map tenant ids to roles, not NoneType"),
        ({"tenants": {None: "reader"}}, "None is no tenant id"),
        ({"tenants": {True: "reader"}}, "True is no tenant id"),
        ({"tenants": {"acme": ["reader"]}}, "no role"),
        ({"tenants": {}, "expires_at": 1_700_000_000}, "datetime with a time zone, not int"),
        ({"tenants": {}, "expires_at": date(2030, 1, 1)}, "datetime with a time zone, not date"),
    ],
)
def test_what_is_wrong_is_said(wrong: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Identity("ann", **wrong)


def test_the_end_of_all_days_is_an_end_in_every_zone() -> None:
    for zone in (UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5))):
        identity = Identity("ann", tenants={}, expires_at=datetime.max.replace(tzinfo=zone))
        left = identity.seconds_left(0)
        assert left is not None
        assert left > 10**11
