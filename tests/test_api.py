"""What the host's own program gives and gets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from collabchat_asgi import CollabChat, ConnectRequest, Identity, Limits, Refused
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import ConfigError, MisuseError, StorageError
from collabchat_asgi.storage.abc import Failed
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat

ANN = Identity("ann", tenants={"acme": "commenter"})


def make(**given: Any) -> CollabChat:
    return CollabChat(**{"authenticate": anonymous("acme"), "storage": "memory://", **given})


@pytest.mark.parametrize("given", [None, "ann", 5])
def test_what_is_no_hook_is_told_what_is_needed(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"authenticate=.* tells who somebody is"):
        CollabChat(authenticate=given)


def test_a_missing_or_unknown_word_is_named() -> None:
    with pytest.raises(TypeError, match="authenticate"):
        CollabChat()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="storag"):
        CollabChat(authenticate=anonymous(), storag="memory://")  # type: ignore[call-arg]


async def test_a_hook_is_tried_in_one_line() -> None:
    who = await anonymous()(ConnectRequest(visitor_id="v" * 32))
    assert who.tenants == {"default": "commenter"}


async def test_a_page_id_may_be_as_long_as_the_limit_and_no_longer() -> None:
    collab = make(limits=Limits(url_id_chars=700))
    await collab.submit("acme", "p" * 700, create_chat(), identity=ANN)
    assert (await collab.snapshot("acme", "p" * 700))["seq"] == 1
    for url_id in ("p" * 701, "", "a\nb", "\ud800", 7):
        with pytest.raises(Refused) as refused:
            await collab.snapshot("acme", url_id)  # type: ignore[arg-type]
        assert refused.value.field == "urlId"
    await collab.close()


async def test_usage_takes_dates_and_days_and_nothing_else() -> None:
    collab = make()
    today = datetime.now(UTC).date()
    await collab.submit("acme", "page", create_chat(), identity=ANN)
    await collab.close()
    by_date = await collab.usage("acme", today, today)
    assert by_date == await collab.usage("acme", today.isoformat(), today.isoformat())
    wrong: list[Any] = ["yesterday", "2026-1-1", 20_260_101, None, datetime.now(UTC)]
    for day in wrong:
        with pytest.raises(Refused, match=r"last_day=.* YYYY-MM-DD"):
            await collab.usage("acme", date(2026, 1, 1), day)
    with pytest.raises(Refused, match="tenant_id"):
        await collab.usage("no tenant", today, today)
    await collab.close()


async def test_presence_counts_who_is_on_a_page() -> None:
    async with TestClient(collab := make()) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.subscribe("page")
        assert await collab.presence("acme", "page") == {"users": 1, "connections": 1}
        assert await collab.users("acme", "page") == await collab.presence("acme", "page")


@pytest.mark.parametrize(
    "whom", [{"user_id": "a\ud800"}, {"user_id": 7}, {"connection_id": ""}, {"tenant_id": "a b"}]
)
async def test_who_cannot_exist_cannot_be_revoked(whom: Any) -> None:
    collab = make()
    with pytest.raises(MisuseError, match=r"that is no"):
        await collab.revoke(**whom)
    await collab.close()


class Full(MemoryStorage):
    """Refuses every commit for good."""

    async def commit(self, groups: Any, revise: Any) -> Any:
        full = Failed(ValueError("it is full"))
        return [{entry.broadcast_id: full for entry in g.entries} for g in groups]


async def test_a_revocation_that_was_not_stored_is_told() -> None:
    collab = make(storage=Full())
    with pytest.raises(StorageError, match="was not stored"):
        await collab.revoke(user_id="ann")
    await collab.close()
