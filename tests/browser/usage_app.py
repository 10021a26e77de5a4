"""A month of two tenants' usage, the same whenever it is made, and whoever asks may see it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from collabchat_asgi import (
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Identity,
    Quota,
    Timing,
)
from collabchat_asgi.settings import from_environment
from collabchat_asgi.storage.abc import UsageDelta
from collabchat_asgi.storage.sqlite import SqliteStorage

DAYS = 30
PAGES = {
    "acme": {
        "/handbook/onboarding": 9,
        "/articles/the-lighthouse": 6,
        "/drafts/annual-report": 4,
        "/minutes/board": 3,
        "/help/billing": 2,
        "/articles/fog": 1,
        "/articles/tides": 1,
    },
    "beta": {"/notes": 4, "/press": 2},
}


def month() -> list[UsageDelta]:
    dice, today = random.Random(15), datetime.now(UTC).date()
    rows: list[UsageDelta] = []
    for ago in range(DAYS):
        day = today - timedelta(days=ago)
        busy = (0.35 if day.weekday() >= 5 else 1.0) * (1.3 - ago / 45) * (0.4 if ago == 0 else 1)
        for tenant, pages in PAGES.items():
            for url_id, weight in pages.items():
                operations = int(weight * busy * dice.uniform(20, 45))
                viewers = dice.uniform(8, 20)
                messages = int(operations * viewers)
                counters = {
                    "pubSubMessageCount": messages,
                    "pubSubBandwidth": int(messages * dice.uniform(380, 620)),
                    "eventDeliveryCount": int(messages * 1.2),
                    "operationCount": operations,
                    "chatCreateCount": operations // 5,
                    "commentCreateCount": operations // 2,
                }
                rows.append(UsageDelta("seed", len(rows), tenant, url_id, f"{day}", counters))
            seconds = int(sum(pages.values()) * busy * dice.uniform(9_000, 14_000))
            counters = {"connectionSeconds": seconds}
            rows.append(UsageDelta("seed", len(rows), tenant, "", f"{day}", counters))
    return rows


async def host(scope: Any, receive: Any, send: Any) -> None:
    """Writes the month before anybody comes, and serves nothing else."""
    assert scope["type"] == "lifespan"
    await receive()
    storage = SqliteStorage.from_url(from_environment()["storage"])
    await storage.open()
    await storage.add_usage(month())
    await storage.close()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def authenticate(request: ConnectRequest) -> Identity:
    return Identity("boss", tenants={"acme": "admin", "beta": "admin"})


collab = CollabChat(
    authenticate=authenticate,
    usage_per_page=True,
    timing=Timing(usage_flush_seconds=0.2),
    quota={"beta": Quota(operations=400, bandwidth=10**9, per="month")},
)
app = CollabChatMiddleware(host, collab=collab)
