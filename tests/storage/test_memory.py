"""The memory storage keeps the contract, alone and shared by name."""

from __future__ import annotations

from itertools import count

import pytest

from collabchat_asgi.errors import ConfigError
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.storage_acts import grow
from collabchat_asgi.testing.storage_contract import StorageContract

_names = count()


class TestMemory(StorageContract):
    tells_strays = True
    refuses_strays = True

    @pytest.fixture(autouse=True)
    def _own_data(self) -> None:
        self._name = f"test-{next(_names)}"

    async def make(self) -> Storage:
        return MemoryStorage.from_url(f"memory://{self._name}")


async def test_without_a_name_the_data_is_the_instances_own() -> None:
    one, other = MemoryStorage.from_url("memory://"), MemoryStorage.from_url("memory://")
    await grow(one, 1)
    assert await one.key() != await other.key()
    assert await other.pages(None, None, 9) == []
    await one.close()
    await one.open()
    assert len(await one.pages(None, None, 9)) == 1


def test_it_has_no_options() -> None:
    with pytest.raises(ConfigError, match="no options"):
        MemoryStorage.from_url("memory://name?timeout=1")
    assert not MemoryStorage.shared
