"""SQLite keeps the contract, and says what is wrong with a file and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.storage_contract import StorageContract


class TestSqlite(StorageContract):
    @pytest.fixture(autouse=True)
    def _own_data(self, tmp_path: Path) -> None:
        self._url = f"sqlite:///{tmp_path}/pages.db"

    async def make(self) -> Storage:
        return SqliteStorage.from_url(self._url)
