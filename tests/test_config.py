"""Settings that cannot work are refused by name, with what would."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from collabchat_asgi import CollabChat, Limits, Timing, Tuning
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import ConfigError

CLASSES = (Limits, Timing, Tuning)
EVERY = [(cls, one) for cls in CLASSES for one in fields(cls)]
every = pytest.mark.parametrize(("cls", "one"), EVERY, ids=lambda it: getattr(it, "name", ""))


@every
def test_each_field_has_a_least_and_a_greatest_value(cls: type, one: object) -> None:
    name, least, most = one.name, one.metadata["least"], one.metadata["most"]  # type: ignore[attr-defined]
    for wrong in (least - 1, most + 1, float("inf"), float("nan"), True, "5"):
        with pytest.raises(ConfigError, match=name):
            cls(**{name: wrong})


def test_the_window_holds_two_pings_and_what_lies_between() -> None:
    with pytest.raises(ConfigError, match="at least three times ping_bytes"):
        Tuning(window_bytes=100_000)
    Tuning(window_bytes=100_000, ping_bytes=20_000)


def test_people_do_not_expire_between_two_heartbeats() -> None:
    with pytest.raises(ConfigError, match="heartbeat_seconds"):
        Timing(expiry_seconds=10)
    Timing(expiry_seconds=10, heartbeat_seconds=4)


@pytest.mark.parametrize("name", [one.name for one in fields(Tuning)])
def test_a_limit_that_has_moved_says_where_to(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"CollabChat\(tuning=Tuning\({name}=…\)\)"):
        Limits(**{name: 100_000})


def test_a_word_that_is_no_setting_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="chats_a_page"):
        Limits(chats_a_page=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limits", {"frame_bytes": 1}),
        ("limits", {}),
        ("timing", 5),
        ("tuning", Limits()),
        ("require_tls", 1),
        ("prefix", 5),
        ("drain_token", b"s3cret"),
        ("metrics_token", b"s3cret"),
    ],
)
def test_what_is_of_another_kind_is_named_at_the_start(name: str, value: object) -> None:
    """And not in the first call that needs it."""
    given: dict[str, Any] = {"storage": "memory://", name: value}
    with pytest.raises(ConfigError, match=name) as raised:
        CollabChat(authenticate=anonymous(), **given)
    assert "s3cret" not in str(raised.value)
