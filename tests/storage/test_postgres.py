"""PostgreSQL keeps the contract: alone, behind PgBouncer, and on an engine of the host's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.postgres import PostgresStorage
from collabchat_asgi.testing.services_postgres import PgBouncer, PostgresServer
from collabchat_asgi.testing.storage_contract import StorageContract

_names = count()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def bouncer(server: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(server) as bouncer:
        yield bouncer


@pytest.fixture
def schema() -> str:
    """A test's data are in a schema of its own."""
    return f"test_{next(_names)}"


class TestPostgres(StorageContract):
    @pytest.fixture(autouse=True)
    def _own_data(self, server: PostgresServer, schema: str) -> None:
        self._url = f"{server.url}?schema={schema}"

    async def make(self) -> Storage:
        return PostgresStorage.from_url(self._url)


class TestBehindPgBouncer(StorageContract):
    @pytest.fixture(autouse=True)
    def _own_data(self, bouncer: PgBouncer, schema: str) -> None:
        self._url = f"{bouncer.url_of('postgres')}?pooler=transaction&schema={schema}"

    async def make(self) -> Storage:
        return PostgresStorage.from_url(self._url)


class TestOnAnEngineOfTheHost(StorageContract):
    @pytest.fixture(autouse=True)
    async def _own_data(
        self, server: PostgresServer, schema: str, request: pytest.FixtureRequest
    ) -> AsyncIterator[None]:
        # A pool belongs to one event loop, also where it is not ours.
        moves = "another_loop" in request.node.name
        url = server.url.replace("postgresql", "postgresql+asyncpg")
        self._engine = create_async_engine(url, **({"poolclass": NullPool} if moves else {}))
        self._schema = schema
        yield
        await self._engine.dispose()

    async def make(self) -> Storage:
        return PostgresStorage(engine=self._engine, schema=self._schema)
