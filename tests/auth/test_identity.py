"""What a hook says about a person goes to everyone on the page: it must be text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collabchat_asgi import Identity, Refused

from ..asgi.driver import connect, make


def identity(user_id: str = "ann", **shown: Any) -> Identity:
    return Identity(user_id, tenants={"acme": "commenter"}, **shown)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ann \ud83d", "Ann \ufffd"),
        ("\ude00", "\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("A\x00n\x1b[31mn", "An[31mn"),
        ("Zoë 👩‍🚀", "Zoë 👩‍🚀"),
    ],
    ids=ascii,
)
def test_what_cannot_be_shown_is_left_out(given: str, shown: str) -> None:
    made = identity(name=given, avatar=given)
    assert (made.name, made.avatar) == (shown, shown)
    json.dumps(made.name).encode()


def test_long_names_are_cut_and_pictures_are_no_addresses() -> None:
    """Both go out with every comment of a person."""
    made = identity(name="界" * 201, avatar="a" * 1_001)
    assert made.name == "界" * 199 + "…"
    assert made.avatar is None
    made = identity(name="界" * 200, avatar="a" * 1_000)
    assert (len(made.name), made.avatar) == (200, "a" * 1_000)


@pytest.mark.parametrize("user_id", ["", "a\0", "\ud83d", "a" * 257, 7.0])
def test_an_id_must_be_exact(user_id: Any) -> None:
    with pytest.raises(ValueError, match="user_id"):
        identity(user_id)


@pytest.mark.parametrize("shown", [{"name": b"Ann"}, {"name": None}, {"avatar": 1}])
def test_what_is_no_text_is_refused(shown: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be text"):
        identity(**shown)


async def test_half_an_emoji_in_a_name_disturbs_nobody() -> None:
    collab = make(authenticate=lambda request: identity(name="Ann \ud83d"))
    socket = await connect(collab, "/ws")
    assert (await socket.frame("welcome"))["user"]["name"] == "Ann \ufffd"
    await collab.close()


async def test_the_hosts_own_operation_is_refused_by_name() -> None:
    collab = make()
    body = {"type": "add-comment", "chatId": "x", "comment": {"body": "\ud83d"}}
    with pytest.raises(Refused, match="no text"):
        await collab.submit("acme", "page", body, identity=identity())
    with pytest.raises(Refused, match="limit 1 to 1,000"):
        await collab.events("acme", "page", limit=-1)
    await collab.close()
