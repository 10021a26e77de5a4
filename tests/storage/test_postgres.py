"""PostgreSQL keeps the contract: alone, behind PgBouncer, and on a pool of the host's."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from collabchat_asgi.commands.check_postgres import facts
from collabchat_asgi.commands.finding import Checkup
from collabchat_asgi.core.model import NOWHERE, Mark, PageKey, Position
from collabchat_asgi.errors import ConfigError, MisuseError, StorageError, StorageUnavailable
from collabchat_asgi.postgres_client.address import Address
from collabchat_asgi.storage.abc import Failed, Group, PageCopy, Record, Reset, Storage
from collabchat_asgi.storage.postgres import PostgresStorage
from collabchat_asgi.storage.postgres_calls import Connections
from collabchat_asgi.storage.sql import Procedure, Statement, one_act
from collabchat_asgi.testing.services_postgres import (
    PASSWORD,
    PgBouncer,
    PostgresServer,
    PostgresStandby,
)
from collabchat_asgi.testing.storage_acts import (
    OTHER,
    PAGE,
    Again,
    an_event,
    committed,
    grow,
    log_of,
    put,
)
from collabchat_asgi.testing.storage_contract import StorageContract

_names = count()

HANGS = 30.0
"""Seconds, far beyond the bound that is set: whoever waits so long waits for ever."""


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
    tells_strays = True
    refuses_strays = True
    usage_at_once = 2_500

    @pytest.fixture(autouse=True)
    def _own_data(self, server: PostgresServer, schema: str) -> None:
        self._url = f"{server.url}?schema={schema}&timeout=20"

    async def make(self) -> Storage:
        return PostgresStorage.from_url(self._url)


@pytest.mark.long
class TestBehindPgBouncer(StorageContract):
    tells_strays = True
    refuses_strays = True
    purges = False
    usage_at_once = 2_500

    @pytest.fixture(autouse=True)
    def _own_data(self, bouncer: PgBouncer, schema: str) -> None:
        self._url = f"{bouncer.url_of('postgres')}?pooler=transaction&schema={schema}&timeout=20"

    async def make(self) -> Storage:
        return PostgresStorage.from_url(self._url)


class FreshConnections:
    """A pool that keeps none."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(self._url)
        try:
            yield connection
        finally:
            await connection.close()


@pytest.mark.long
class TestOnAPoolOfTheHost(StorageContract):
    tells_strays = True
    refuses_strays = True
    purges = False
    usage_at_once = 2_500

    @pytest.fixture(autouse=True)
    async def _own_data(
        self, server: PostgresServer, schema: str, request: pytest.FixtureRequest
    ) -> AsyncIterator[None]:
        # A pool belongs to one event loop, also where it is not ours.
        self._moves = "_loop" in request.node.name
        self._server = server
        self._schema = schema
        self._pools: list[asyncpg.Pool[asyncpg.Record]] = []
        yield
        for pool in self._pools:
            pool.terminate()

    async def make(self) -> Storage:
        if self._moves:
            fresh = FreshConnections(self._server.url)
            return PostgresStorage(pool=fresh, schema=self._schema, timeout=20)
        self._pools.append(await asyncpg.create_pool(self._server.url, min_size=0))
        return PostgresStorage(pool=self._pools[-1], schema=self._schema, timeout=20)


@pytest.fixture
def url(server: PostgresServer, schema: str) -> str:
    return f"{server.url}?schema={schema}"


@pytest.fixture
async def storage(url: str) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(url)
    await storage.open()
    yield storage
    await storage.close()


async def ask(server: PostgresServer, statement: str) -> list[dict[str, object]]:
    return await asyncio.to_thread(server.execute, statement)


CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'collabchat'"""


# Configuration.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("?poll=3", "poll; known: .*pooler"),
        ("?pool=none", "pool=none: give a number from 1"),
        ("?pool=0", "pool=0"),
        ("?timeout=-1", "timeout=-1"),
        ("?pooler=session", "only pooler=transaction"),
        ("?schema=a-b", "schema=a-b: letters"),
        ("?pool_size=5", "write pool="),
        ("?channel_binding=require", "take it out.*verify-full"),
        ("?sslrootcert=/no/such.pem", "sslrootcert=/no/such.pem: there is no such file"),
        ("?connect_timeout=soon", "connect_timeout=soon"),
        ("?listen=mysql://x", "listen=.*not a URL like postgresql"),
    ],
)
def test_an_option_that_cannot_work_says_so(options: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        PostgresStorage.from_url(f"postgresql://chat:hunter2@db.example:5433/app{options}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2@h:65536/d",
        "nonsense hunter2",
        "postgresql://u:h@hunter2@h/d",
    ],
)
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="postgresql://user:password@host") as caught:
        PostgresStorage.from_url(url)
    assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)


def test_it_shows_where_it_is_and_no_secret() -> None:
    listen = "listen=postgresql%3A%2F%2Fchat%3Ahunter2%40db"
    url = "postgresql+asyncpg://chat:hunter2@db.example:5433/app"
    for options in ("", "?sslpassword=hunter2&sslmode=require", f"?pooler=transaction&{listen}"):
        storage = PostgresStorage.from_url(url + options)
        assert repr(storage) == "PostgresStorage('db.example:5433/app')"
        assert "hunter2" not in repr(storage._address)


def test_it_takes_a_url_or_a_pool() -> None:
    with pytest.raises(ConfigError, match="URL or a pool"):
        PostgresStorage()


async def test_it_must_be_open(url: str) -> None:
    storage = PostgresStorage(url)
    for _ in range(2):
        with pytest.raises(MisuseError, match="open"):
            await storage.key()
        await storage.open()
        await storage.close()


# Opening.


async def test_who_cannot_get_in_is_told_why(server: PostgresServer) -> None:
    for wrong, says in (
        (server.url.replace("hunter2", "hunter3"), "check user and password"),
        (server.url_of("missing"), "create the database"),
    ):
        with pytest.raises(StorageError, match=says) as caught:
            await PostgresStorage(wrong).open()
        assert not isinstance(caught.value, StorageUnavailable)
        assert "hunter" not in str(caught.value)


async def test_nobody_listens_there() -> None:
    storage = PostgresStorage(f"postgresql://chat:{PASSWORD}@127.0.0.1:1/app?timeout=0.2")
    with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1/app: .*[Cc]onnect") as caught:
        await storage.open()
    assert PASSWORD not in str(caught.value)


RIGHTS = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"


async def test_a_missing_right_is_named_with_its_grant(server: PostgresServer, schema: str) -> None:
    await ask(server, f"CREATE ROLE {schema}_role LOGIN PASSWORD '{PASSWORD}'")
    await ask(server, f"CREATE SCHEMA {schema}")
    role = f"{schema}_role"
    theirs = PostgresStorage(
        f"postgresql://{role}:{PASSWORD}@127.0.0.1:{server.port}/postgres?schema={schema}"
    )
    lacking = f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    with pytest.raises(StorageError, match=lacking):
        await theirs.open()
    await ask(server, lacking)
    await theirs.open()
    await theirs.close()
    # Now they belong to somebody else.
    for kind, name in await owned(server, schema):
        await ask(server, f"ALTER {kind} {schema}.{name} OWNER TO postgres")
    await ask(server, f"REVOKE CREATE ON SCHEMA {schema} FROM {role}")
    with pytest.raises(StorageError, match=f"GRANT {RIGHTS} {schema} TO {role}"):
        await theirs.open()
    await ask(server, f"GRANT {RIGHTS} {schema} TO {role}")
    await theirs.open()
    with pytest.raises(StorageError, match=f"GRANT USAGE ON SEQUENCE {schema}.*TO {role}"):
        await grow(theirs, 1)
    await ask(server, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    assert (await grow(theirs, 1)).seq == 1
    await theirs.close()


async def owned(server: PostgresServer, schema: str) -> list[tuple[str, str]]:
    rows = await ask(
        server,
        f"SELECT relname FROM pg_class WHERE relnamespace = '{schema}'::regnamespace "  # noqa: S608
        "AND relkind = 'r'",
    )
    return [("TABLE", str(row["relname"])) for row in rows]


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_hold_what_people_write(
    server: PostgresServer, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    await ask(
        server,
        f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(StorageError, match=f"encoded in {encoding}.*ENCODING 'UTF8'"):
        await PostgresStorage(server.url_of(name)).open()
    [finding] = [
        f async for f in facts(server.url_of(name), Checkup("storage")) if encoding in f.text
    ]
    assert "ENCODING 'UTF8'" in finding.text


@pytest.mark.parametrize(
    "spelling",
    [
        "postgres://{user}@127.0.0.1:{port}/postgres",
        "postgresql+asyncpg://{user}@localhost:{port}/postgres?sslmode=prefer",
        "postgresql://{user}@127.0.0.1:1,127.0.0.1:{port}/postgres?target_session_attrs=read-write",
        "postgresql://{user}@/postgres?host={folder}&port={port}",
        "postgresql://{user}@{quoted}:{port}/postgres",
        "postgresql:///postgres?host=127.0.0.1&port={port}&user=postgres&password=hunter2",
        "postgresql://{user}@127.0.0.1:{port}/postgres?ssl=disable&application_name=shop",
        "postgresql://{user}@127.0.0.1:{port}/postgres?options=-c%20statement_timeout%3D9000",
        "postgresql://{user}@127.0.0.1:{port}/postgres?connect_timeout=10&keepalives=1",
        "postgresql://{user}@127.0.0.1:{port}/postgres?channel_binding=prefer&gssencmode=disable",
        "postgresql://{user}@127.0.0.1:{port}/postgres?pgbouncer=true",
    ],
)
async def test_urls_as_hosters_write_them(
    server: PostgresServer, schema: str, spelling: str
) -> None:
    words = {
        "user": f"postgres:{PASSWORD}",
        "port": server.port,
        "folder": server.folder,
        "quoted": quote(str(server.folder), safe=""),
    }
    url = spelling.format(**words)
    url += f"{'&' if '?' in url else '?'}schema={schema}"
    storage = PostgresStorage.from_url(url)
    await storage.open()
    assert (await grow(storage, 1)).seq == 1
    await storage.close()
    assert PASSWORD not in repr(storage)


async def test_what_a_url_sets_is_set(server: PostgresServer, schema: str) -> None:
    options = "options=-c%20statement_timeout%3D9000&application_name=shop"
    address = Address.parse(f"{server.url}?{options}", "storage")
    connection = await address.connect()
    assert await connection.fetchval("SHOW statement_timeout") == "9s"
    assert await connection.fetchval("SHOW application_name") == "shop"
    await connection.close()
    assert Address.parse(f"{server.url}?pgbouncer=true", "storage").pooled


async def test_a_pooler_that_nobody_mentioned_is_found_out(bouncer: PgBouncer) -> None:
    with pytest.raises(StorageError, match=r"add \?pooler=transaction"):
        await PostgresStorage(bouncer.url_of("postgres")).open()


async def test_tables_of_a_newer_release_are_left_alone(
    url: str, storage: PostgresStorage, server: PostgresServer, schema: str
) -> None:
    await ask(server, f"UPDATE {schema}.collabchat_facts SET version = 1000")  # noqa: S608
    with pytest.raises(StorageError, match=r"version 1000.*upgrade"):
        await PostgresStorage(url).open()


OPEN = """
import asyncio, sys
from collabchat_asgi.storage.postgres import PostgresStorage
from collabchat_asgi.storage.sql import Procedure, Statement, one_act

async def main():
    storage = PostgresStorage(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    await storage.open()
    print((await storage.key()).hex(), flush=True)
    await storage.close()

asyncio.run(main())
"""


@pytest.mark.long
def test_eight_processes_open_at_once(server: PostgresServer) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, f"{server.url}?schema=eight"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    try:
        assert all(child.stdout and child.stdout.readline() == "ready\n" for child in children)
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        [key] = {child.communicate(timeout=60)[0].strip() for child in children}
        assert len(bytes.fromhex(key)) == 32
    finally:
        for child in children:
            child.kill()
            child.wait()


# What the server does to its clients.


async def test_cut_connections_are_not_noticed(
    storage: PostgresStorage, server: PostgresServer
) -> None:
    head = await grow(storage, 1)
    await asyncio.gather(*(storage.load(PAGE) for _ in range(5)))
    for _ in range(3):
        assert await ask(server, CUT)
        head = committed(
            (await put(storage, head, entry := an_event()))[entry.broadcast_id]
        ).position
        assert await storage.heads([PAGE]) == {PAGE: head}


async def test_a_restart_under_load_loses_and_repeats_nothing(
    storage: PostgresStorage, server: PostgresServer
) -> None:
    acked: dict[str, int] = {}
    over = asyncio.Event()

    async def write(writer: int) -> None:
        head = NOWHERE
        for n in count():
            if over.is_set():
                return
            entry = an_event(f"{writer}-{n}")
            while True:
                try:
                    outcomes = await put(storage, head, entry)
                    break
                except StorageUnavailable:
                    continue
            head = committed(outcomes[entry.broadcast_id]).position
            acked[entry.broadcast_id] = head.seq

    writers = [asyncio.ensure_future(write(writer)) for writer in range(4)]
    for _ in range(3):
        before = len(acked)
        while len(acked) < before + 20:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await asyncio.to_thread(server.crash)
    over.set()
    await asyncio.gather(*writers)
    events = (await log_of(storage)).events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.broadcast_id: event.seq for event in events} == acked


async def test_a_frozen_server_is_unavailable_in_time(url: str, server: PostgresServer) -> None:
    storage = PostgresStorage(f"{url}&timeout=0.5")
    await storage.open()
    head = await grow(storage, 1)
    entry = an_event("mine")
    server.freeze()
    try:
        calls = [put(storage, head, entry), *(storage.load(PAGE) for _ in range(20))]
        async with asyncio.timeout(HANGS):
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(answer, StorageUnavailable) for answer in answers), answers
    finally:
        server.thaw()
    async with asyncio.timeout(30):
        while True:
            try:
                assert committed((await put(storage, head, entry))["mine"]).position.seq == 2
                break
            except StorageUnavailable:
                continue
    await storage.close()


async def test_closing_does_not_wait_for_a_frozen_server(url: str, server: PostgresServer) -> None:
    storage = PostgresStorage(f"{url}&timeout=0.5")
    await storage.open()
    server.freeze()
    try:
        load = asyncio.ensure_future(storage.load(PAGE))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await storage.close()
        with pytest.raises(StorageUnavailable):
            await load
    finally:
        server.thaw()


async def test_a_standby_is_unavailable_until_it_is_promoted(
    storage: PostgresStorage, server: PostgresServer
) -> None:
    head = await grow(storage, 1)
    read_only = "ALTER DATABASE postgres SET default_transaction_read_only = "
    await ask(server, read_only + "on")
    try:
        await ask(server, CUT)
        with pytest.raises(StorageUnavailable, match="point the URL at the primary"):
            await grow(storage, 1)
        assert (await storage.load(PAGE)).position == head
        await storage.open()
    finally:
        off = "SET default_transaction_read_only = off; " + read_only + "off"
        await asyncio.to_thread(_execute_script, server, off)
    assert await grow(storage, 1)


def _execute_script(server: PostgresServer, script: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(server.url)
        for statement in script.split("; "):
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


async def test_a_driver_that_cancels_itself_is_asked_again(storage: PostgresStorage) -> None:
    """Whoever waits for a future that another task has cancelled ends so, without being meant."""
    calls = 0

    @one_act
    def interrupted() -> Procedure[int]:
        nonlocal calls
        calls += 1
        [[number]] = yield Statement("SELECT 7")
        if calls == 1:
            raise asyncio.CancelledError
        return int(number)

    assert await storage._read(interrupted) == 7
    assert calls == 2


async def test_a_deadlock_is_tried_again(
    storage: PostgresStorage, server: PostgresServer, schema: str
) -> None:
    """Somebody outside locks the pages the other way round."""
    for page in (PAGE, OTHER):
        await grow(storage, 1, page)
    connection = await asyncpg.connect(server.url, server_settings={"search_path": schema})
    # Whoever waits longer than this is the one that gives way: us.
    await connection.execute("SET deadlock_timeout = '60s'")
    lock = "SELECT 1 FROM collabchat_page WHERE url_id = $1 FOR UPDATE"
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(lock, OTHER.url_id)
    entries = {page: an_event() for page in (PAGE, OTHER)}
    groups = [Group(page, NOWHERE, [entry]) for page, entry in entries.items()]
    ours = asyncio.ensure_future(
        PostgresStorage.commit(storage, groups, lambda page, tail: [entries[page]])
    )
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while not await ask(server, waiting):
        pass
    await connection.execute(lock, PAGE.url_id)
    await transaction.commit()
    await connection.close()
    for outcomes in await ours:
        assert all(committed(outcome).position.seq == 2 for outcome in outcomes.values())


async def test_who_freezes_in_mid_commit_does_not_hold_the_page(
    url: str, server: PostgresServer, schema: str
) -> None:
    storage = PostgresStorage(f"{url}&timeout=0.5")
    await storage.open()
    head = await grow(storage, 1)
    # Our own settings, and a transaction that nobody goes on with.
    assert storage._address is not None
    frozen = await storage._address.connect()
    await frozen.execute(f"BEGIN; SELECT 1 FROM {schema}.collabchat_page FOR UPDATE")  # noqa: S608
    entry = an_event("mine")
    with pytest.raises(StorageUnavailable, match=r"0\.5 s"):
        await put(storage, head, entry)
    async with asyncio.timeout(10):
        while True:
            try:
                assert committed((await put(storage, head, entry))["mine"]).position.seq == 2
                break
            except StorageUnavailable:
                continue
    frozen.terminate()
    await storage.close()


@pytest.mark.parametrize("between", ["a pooler", "a pool of the host's"])
async def test_nor_does_who_freezes_in_a_session_of_somebody_else(
    server: PostgresServer, bouncer: PgBouncer, schema: str, between: str
) -> None:
    async with asyncpg.create_pool(server.url, min_size=0) as pool:
        if between == "a pooler":
            pooled = f"{bouncer.url_of('postgres')}?pooler=transaction&schema={schema}&timeout=0.5"
            storage = PostgresStorage(pooled)
        else:
            storage = PostgresStorage(pool=pool, schema=schema, timeout=0.5)
        await storage.open()
        head = await grow(storage, 1)
        assert storage._calls is not None
        frozen = await asyncpg.connect(server.url)
        await frozen.execute(storage._calls._begin_write)
        await frozen.execute(f"SELECT 1 FROM {schema}.collabchat_page FOR UPDATE")  # noqa: S608
        entry = an_event("mine")
        async with asyncio.timeout(10):
            while True:
                try:
                    assert committed((await put(storage, head, entry))["mine"]).position.seq == 2
                    break
                except StorageUnavailable:
                    continue
        frozen.terminate()
        await storage.close()


async def test_a_failover_that_lost_the_end_and_was_written_over_is_told() -> None:
    with PostgresServer() as primary, PostgresStandby(primary) as standby:
        url = (
            f"postgresql://postgres:{PASSWORD}@127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            "/postgres?target_session_attrs=read-write&timeout=10"
        )
        one, other = PostgresStorage(url), PostgresStorage(url)
        await one.open()
        await other.open()
        head = await grow(one, 2)
        seen = "SELECT pg_last_wal_replay_lsn() >= '{}'::pg_lsn AS seen"
        [end] = await ask(primary, "SELECT pg_current_wal_lsn()::text AS lsn")
        while not (await ask(standby, seen.format(end["lsn"])))[0]["seen"]:
            pass
        await asyncio.to_thread(standby.stop)
        await put(one, head, an_event("lost-1"), an_event("lost-2"))
        marks = [Mark(Position(head.epoch, seq), f"lost-{seq - 2}") for seq in (3, 4)]
        assert not await one.strays({PAGE: marks})
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(standby.start)
        await asyncio.to_thread(standby.promote)
        assert await other.heads([PAGE]) == {PAGE: head}
        await put(other, head, *(an_event(f"told-{n}") for n in range(3)))
        assert await one.heads([PAGE]) == {PAGE: Position(head.epoch, 5)}, "as if it had grown"
        astray = [an_event("builds on what was lost")]
        group = Group(PAGE, Position(head.epoch, 4), astray, "lost-2")
        [outcomes] = await one.commit([group], Again(*astray))
        assert outcomes == {astray[0].broadcast_id: Reset(Position(head.epoch, 5))}
        assert await one.strays({PAGE: marks}) == {PAGE}
        renewed = await one.renew_stray(PAGE, marks)
        assert (renewed.seq, renewed.epoch == head.epoch) == (5, False)
        assert await other.heads([PAGE]) == {PAGE: renewed}
        await one.close()
        await other.close()


class LosesAnswers:
    """Connections that are lost with the first answer to a COMMIT."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.lost = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[LosesAnswers.Connection]:
        async with self._connections.acquire() as connection:
            yield LosesAnswers.Connection(self, connection)

    class Connection:
        def __init__(self, losing: LosesAnswers, connection: Any) -> None:
            self._losing, self._connection = losing, connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        async def execute(self, query: str) -> None:
            await self._connection.execute(query)
            if query == "COMMIT" and not self._losing.lost:
                self._losing.lost += 1
                raise ConnectionResetError("as the test wants it")


async def test_a_rewrite_whose_answer_was_lost_is_told_as_done(storage: PostgresStorage) -> None:
    head = await grow(storage, 2)
    calls = storage._open_calls()
    calls._connections = losing = LosesAnswers(calls._connections)

    def renewed_once(page: PageCopy) -> PageCopy | None:
        fresh = Position("renewed", page.position.seq)
        return replace(page, position=fresh) if page.position == head else None

    assert await storage.rewrite(PAGE, renewed_once)
    assert losing.lost == 1
    assert await storage.heads([PAGE]) == {PAGE: Position("renewed", 2)}
    assert not await storage.rewrite(PAGE, renewed_once)


# What callers do.


async def test_a_commit_that_nobody_waits_for_ends(storage: PostgresStorage) -> None:
    head = await grow(storage, 1)
    entries = [an_event(f"entry-{n}") for n in range(20)]
    for turns, entry in enumerate(entries):
        commit = asyncio.ensure_future(put(storage, head, entry))
        for _ in range(turns):
            await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
    await storage.close()
    await storage.open()
    assert {e.broadcast_id for e in (await log_of(storage)).events} >= {
        e.broadcast_id for e in entries[1:]
    }


async def test_connections_are_as_many_as_the_pool_says(url: str) -> None:
    storage = PostgresStorage(f"{url}&pool=3")
    await storage.open()
    calls = [asyncio.ensure_future(storage.load(PAGE)) for _ in range(50)]
    for call in calls[::3]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert storage._pool is not None
    made = list(storage._pool.made)
    assert 1 <= len(made) <= 3
    await storage.close()
    assert all(connection.is_closed() for connection in made)


async def test_a_pool_of_the_host_stays_open(server: PostgresServer, schema: str) -> None:
    settings = {"default_transaction_isolation": "serializable"}
    pool = await asyncpg.create_pool(server.url, min_size=0, server_settings=settings)
    storage = PostgresStorage(pool=pool, schema=schema)
    for seq in (1, 2):
        await storage.open()
        assert (await grow(storage, 1)).seq == seq
        await storage.close()
        async with pool.acquire() as connection:
            for setting, value in (
                ("transaction_isolation", "serializable"),
                ("transaction_read_only", "off"),
                ("plan_cache_mode", "auto"),
            ):
                assert await connection.fetchval(f"SHOW {setting}") == value
    await pool.close()


async def test_plans_do_not_remember_the_empty_tables(server: PostgresServer, schema: str) -> None:
    """On sessions that the host has set up, where plans are kept after five executions."""
    pool = await asyncpg.create_pool(server.url, min_size=0, max_size=1)
    storage = PostgresStorage(pool=pool, schema=schema)
    await storage.open()
    entries = f"{schema}.collabchat_entry"
    await ask(server, f"ALTER TABLE {entries} SET (autovacuum_enabled = off)")
    for _ in range(20):
        await grow(storage, 1)
    rows = 50_000
    await ask(
        server,
        f"INSERT INTO {entries} "  # noqa: S608
        "(page_id, broadcast_id, seq, epoch, user_id, fingerprint, receipt, created_ms) "
        f"SELECT 0, n, n, '', '', '', '', 0 FROM generate_series(1, {rows}) AS n",
    )
    for _ in range(20):
        await grow(storage, 1)
    await storage.close()
    await pool.close()
    [row] = await ask(
        server,
        "SELECT seq_tup_read FROM pg_stat_user_tables "  # noqa: S608
        f"WHERE schemaname = '{schema}' AND relname = 'collabchat_entry'",
    )
    assert row["seq_tup_read"] < rows  # type: ignore[operator]


async def test_what_cannot_be_stored_fails_alone_and_is_not_told(
    storage: PostgresStorage,
) -> None:
    bad = {
        "nul": an_event("nul", puts=[Record("k", b"", "a secret\0", 1)]),
        "half": an_event("half", puts=[Record("k", b"", "a secret\ud800", 1)]),
        "number": an_event("number", puts=[Record("k", b"", "a secret", 2**63)]),
        "name": an_event("name", puts=[Record(secrets.token_hex(9_000), b"", "a secret", 1)]),
    }
    good = [an_event(f"good-{n}") for n in range(3)]
    outcomes = await put(storage, NOWHERE, *bad.values(), *good)
    assert [committed(outcomes[e.broadcast_id]).position.seq for e in good] == [1, 2, 3]
    for name in bad:
        outcome = outcomes[name]
        assert isinstance(outcome, Failed), (name, outcome)
        assert "secret" not in repr(outcome.error) + repr(outcome.error.__cause__)


async def test_errors_do_not_tell_texts(
    storage: PostgresStorage, server: PostgresServer, schema: str
) -> None:
    await ask(server, f"DROP TABLE {schema}.collabchat_record")
    with pytest.raises(StorageError) as caught:
        await put(storage, NOWHERE, an_event(puts=[Record("k", b"", "my secret")]))
    assert "my secret" not in repr(caught.value) + repr(caught.value.__cause__)


async def test_a_page_that_is_erased_while_it_is_created(
    storage: PostgresStorage, server: PostgresServer, schema: str
) -> None:
    """Erased between "it is there already" and the lock on it."""
    statement = (
        f"CREATE FUNCTION {schema}.vanish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608
        f"IF NEW.url_id = '{PAGE.url_id}' AND NOT EXISTS "
        f"(SELECT 1 FROM {schema}.collabchat_page WHERE url_id = 'seen') THEN "
        f"INSERT INTO {schema}.collabchat_page (tenant_id, url_id, epoch, seq, trimmed) "
        "VALUES ('t', 'seen', '', 0, 0); RETURN NULL; END IF; RETURN NEW; END $$"
    )
    await ask(server, statement)
    await ask(
        server,
        f"CREATE TRIGGER vanish BEFORE INSERT ON {schema}.collabchat_page "
        f"FOR EACH ROW EXECUTE FUNCTION {schema}.vanish()",
    )
    assert (await grow(storage, 1)).seq == 1
    assert PageKey("t", "seen") in await storage.pages("t", None, 9)


async def test_a_commit_is_five_round_trips(storage: PostgresStorage) -> None:
    """BEGIN, lock, look up, write, COMMIT; the tail comes along where somebody was first."""
    asked: list[str] = []
    calls = storage._open_calls()._connections

    class Counting:
        @asynccontextmanager
        async def acquire(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
            async with calls.acquire() as connection:
                with connection.query_logger(lambda query: asked.append(query.query.split()[0])):
                    yield connection

    head = await grow(storage, 1)
    storage._open_calls()._connections = Counting()
    for expected in (head, NOWHERE):
        asked.clear()
        entries = [an_event(puts=[Record("k", b"")], deletes=["gone"]) for _ in range(20)]
        await put(storage, expected, *entries, revise=Again(*entries))
        assert asked == ["BEGIN", "SELECT", "SELECT", "WITH", "COMMIT"]
