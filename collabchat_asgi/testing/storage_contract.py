"""What every `Storage` promises, as tests to inherit.

    class TestMine(StorageContract):
        async def make(self) -> Storage:
            return MyStorage(...)

`make` returns a new instance that is not open, on the data of this test: the first one of a test
finds it empty, the next ones share it. Needs pytest and pytest-asyncio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ..storage.abc import (
    Storage,
)
from .storage_copying import Copying
from .storage_living import Living
from .storage_read import ReadingOn
from .storage_reading import Reading
from .storage_revising import Revising
from .storage_rewriting import Rewriting
from .storage_writing import Writing

__all__ = ["StorageContract"]


class StorageContract(Writing, Revising, Reading, Living, Copying, Rewriting, ReadingOn):
    """Inherit, and implement `make`."""

    pytestmark = pytest.mark.asyncio

    async def make(self) -> Storage:
        """A new instance, not open, on this test's data."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def storage(self) -> AsyncIterator[Storage]:
        storage = await self.make()
        await storage.open()
        yield storage
        await storage.close()

    @pytest_asyncio.fixture
    async def second(self, storage: Storage) -> AsyncIterator[Storage]:
        """Another instance on the same data: what another process would have."""
        second = await self.make()
        await second.open()
        yield second
        await second.close()
