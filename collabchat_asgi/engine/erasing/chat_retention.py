"""Chats that nobody has touched for so many days are deleted, as a moderator would: by events that
whoever looks on sees, a few pages at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from ...core.model import FORGOTTEN, DeleteChat, PageKey
from ...core.records import CHAT, ChatRecord
from ...core.text import uuid7
from ...errors import Refused, StorageError
from ...storage.abc import Record, Storage
from ..backend import bounded
from ..pages.page import Page
from ..pages.pages import Pages
from ..writing.committer import Committer
from ..writing.submission import Answer, Receipt, Submission, Waiting

logger = logging.getLogger("collabchat_asgi.engine")

PAGES_PER_ROUND = 2_000
"""Looked through; the next round goes on behind them."""
_PAGES_AT_ONCE = 200
_MS = 86_400_000
_chat = msgspec.json.Decoder(ChatRecord)


class ChatRetention:
    """`days_of` says for how many days a tenant's chats are kept; None: for ever."""

    def __init__(
        self,
        storage: Storage,
        pages: Pages,
        committer: Committer,
        days_of: Callable[[str], float | None],
        seconds: float,
    ) -> None:
        self._storage = storage
        self._pages = pages
        self._committer = committer
        self._days_of = days_of
        self._seconds = seconds
        self._after: PageKey | None = None

    async def round(self, now_ms: int) -> int:
        """Delete what is old on the next pages; how many chats. Raises `StorageError`."""
        seen = deleted = 0
        while seen < PAGES_PER_ROUND:
            listing = self._storage.pages(None, self._after, _PAGES_AT_ONCE)
            keys = await bounded(listing, self._seconds)
            if not keys:
                self._after = None
                break
            for key in keys:
                days = self._days_of(key.tenant_id) if key.tenant_id else None
                if days is not None:
                    deleted += await self._page(key, now_ms, now_ms - int(days * _MS))
                self._after = key
                seen += 1
        return deleted

    async def _page(self, key: PageKey, now_ms: int, before_ms: int) -> int:
        loaded = await bounded(self._storage.load(key), self._seconds)
        old = [id for record in loaded.records if (id := _old(record, before_ms))]
        if not old:
            return 0
        waiting: list[asyncio.Future[Answer]] = []
        async with self._pages.using(key) as page:
            for id in old:
                chat = page.state.chat(id)
                # Somebody may have answered meanwhile.
                if chat is not None and chat.updated_at < before_ms:
                    operation = DeleteChat(url_id=key.url_id, chat_id=id)
                    waiting.append(self._delete(page, operation, now_ms))
            answers = await asyncio.gather(*waiting)
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        # Another process may look through the same pages, or its author has been quicker.
        stays = [refusal for refusal in refused if refusal.code != "not-found"]
        if stays:
            raise StorageError(f"{len(stays)} old chats of {page.topic} stay: {stays[0]}")
        return sum(isinstance(answer, Receipt) for answer in answers)

    def _delete(self, page: Page, operation: DeleteChat, now_ms: int) -> asyncio.Future[Answer]:
        waiting = Waiting()
        submission = Submission(
            FORGOTTEN, page.key.tenant_id, operation, asker=waiting, trusted=True, ts=now_ms
        )
        # Where somebody has answered at this very moment, it is not old any more.
        submission.ask_again = True
        submission.complete(now_ms, uuid7(now_ms))
        self._committer.submit(page, submission)
        return waiting.future


def _old(record: Record, before_ms: int) -> str | None:
    """The id of the chat that this record is, where nobody has touched it since."""
    if not record.key.startswith(CHAT):
        return None
    try:
        chat = _chat.decode(record.value)
    except msgspec.MsgspecError:
        return None  # a newer release knows what it is
    return record.key[len(CHAT) :] if chat.updated_at < before_ms else None
