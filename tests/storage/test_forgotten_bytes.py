"""A person who was forgotten is in no file of the storage any more: SQLite's, PostgreSQL's, Redis'.

Their words are searched for as bytes, not asked for: in free pages, write-ahead log, append-only
file and snapshot too. That they stood there before is shown first.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import anonymous
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.testing.operations import (
    add_comment,
    add_reaction,
    create_chat,
    delete_comment,
    edit_comment,
    resolve_chat,
)
from collabchat_asgi.testing.services_postgres import PostgresServer, PostgresStandby
from collabchat_asgi.testing.services_redis import RedisServer

PAGES = [PageKey("acme", f"page {n}") for n in range(2)]
GONE = Identity("uid-mxyzptlk", name="Rumpelstiltskin", tenants={"acme": "moderator"})
STAYS = Identity("uid-ann", name="Scheherazade", tenants={"acme": "moderator"})
WORDS = (b"uid-mxyzptlk", b"Rumpelstiltskin", b"sesquipedalian")
KEPT = b"Scheherazade"
DOCUMENT = Path(__file__).parents[2] / "examples" / "deploy" / "README.md"


async def live(collab: CollabChat) -> None:
    """Two people talk, edit, delete and react, in texts of all sizes."""
    chance = random.Random(7)
    for page in PAGES:
        chats: list[tuple[str, str]] = []

        async def do(operation: dict[str, Any], identity: Identity, page: PageKey = page) -> None:
            await collab.submit(*page, operation, identity=identity)

        for step in range(24):
            identity = (GONE, STAYS)[step % 2]
            word = "sesquipedalian" if identity is GONE else "plain"
            body = f"{word} {step} " + " ".join(
                f"{word}{chance.random()}" for _ in range(chance.choice((1, 5, 50)))
            )
            body = body[:2_000]
            if step < 4:
                made = create_chat(body)
                chats.append((made["chat"]["id"], made["chat"]["comment"]["id"]))
                await do(made, identity)
                continue
            made = add_comment(chance.choice(chats)[0], body)
            ids = made["chatId"], made["comment"]["id"]
            await do(made, identity)
            if step % 3 == 0:
                await do(edit_comment(*ids, f"{word} anew {step}"), identity)
            if step % 5 == 0:
                await do(delete_comment(*ids), identity)
            else:
                await do(add_reaction(*ids), GONE)
        await do(resolve_chat(chats[1][0]), GONE)


Act = Callable[[], Awaitable[object]]


async def forget(
    url: str, folder: Path, written: Act | None = None, ended: Act | None = None
) -> set[bytes]:
    """Which of the words are in the files, before the forgotten one is purged. `written` has a
    server write what it holds in memory; `ended` is what operators are told to do at the end."""
    collab = CollabChat(authenticate=anonymous(), storage=url, pubsub="memory://")
    await live(collab)
    if written:
        await written()
    before = {word for word in (*WORDS, KEPT) if found(word, folder)}
    receipt = await collab.forget(GONE.user_id, tenant_id="acme")
    assert (receipt["pages"], receipt["failed"]) == (2, [])
    assert receipt["comments"] > 10
    await collab.purge()
    if written:
        await written()
    if ended:
        await ended()
    for page in PAGES:
        assert KEPT.decode() in str(await collab.snapshot(*page))
    left = {word: found(word, folder) for word in WORDS}
    await collab.close()
    assert not any(left.values()), left
    assert found(KEPT, folder)
    return before


def found(word: bytes, folder: Path) -> list[str]:
    """The files that hold it."""
    return [path.name for path in files(folder) if word in path.read_bytes()]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


async def test_sqlite(tmp_path: Path) -> None:
    assert await forget(f"sqlite:///{tmp_path}/pages.db", tmp_path) == {*WORDS, KEPT}
    assert any(path.name.endswith(".db") for path in files(tmp_path))


def statements(after: str) -> list[str]:
    """The statements of the operators' document that stand in this row of its table."""
    [row] = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {after}")]
    return [part for part in re.findall(r"`([^`]+)`", row.split("|")[3]) if part.isupper()]


async def test_postgres() -> None:
    """Tables, indexes, their free space, and the write-ahead log, by what the document says."""
    with PostgresServer(wal_recycle="off") as server:
        connection = await asyncpg.connect(server.url)
        data = server.folder / "data"

        async def checkpoint() -> None:
            await connection.execute("CHECKPOINT")

        async def end() -> None:
            assert found(WORDS[0], data / "pg_wal"), "it is not over with the tables"
            told = statements("PostgreSQL: `pg_wal` of the primary")
            assert told == ["SELECT PG_SWITCH_WAL()", "CHECKPOINT"]
            for statement in told:
                await connection.execute(statement)

        # Long texts are compressed there: what is found of the word are the short ones.
        assert await forget(f"{server.url}?timeout=30", data, checkpoint, end) == {*WORDS, KEPT}
        await connection.close()


@pytest.mark.long
async def test_a_standby_of_postgres() -> None:
    with PostgresServer(wal_recycle="off") as server, ExitStack() as stack:
        standby = PostgresStandby(server)
        standby.options["wal_recycle"] = "off"
        stack.enter_context(standby)
        primary = await asyncpg.connect(server.url)
        follower = await asyncpg.connect(standby.url)

        async def followed() -> None:
            position = await primary.fetchval("SELECT pg_current_wal_lsn()::text")
            behind = f"SELECT pg_last_wal_replay_lsn() < '{position}'::pg_lsn"
            while await follower.fetchval(behind):  # noqa: ASYNC110  # another process is waited for
                await asyncio.sleep(0.01)

        async def checkpoint() -> None:
            await followed()
            await follower.execute("CHECKPOINT")

        async def end() -> None:
            for statement in statements("PostgreSQL: `pg_wal` of the primary"):
                await primary.execute(statement)
            await followed()
            assert found(WORDS[0], standby.folder / "data" / "pg_wal")
            for statement in statements("PostgreSQL: `pg_wal` of a standby"):
                await follower.execute(statement)

        data = standby.folder / "data"
        assert await forget(f"{server.url}?timeout=30", data, checkpoint, end) == {*WORDS, KEPT}
        await primary.close()
        await follower.close()


async def test_redis() -> None:
    slow = {"slowlog_log_slower_than": "0", "slowlog_max_len": "10000"}
    with RedisServer(save="3600 1", rdbcompression="no", **slow) as server:

        def is_told() -> bool:
            told = str(server.ask("SLOWLOG", "GET", "10000"))
            return any(word.decode() in told for word in WORDS)

        async def end() -> None:
            assert await asyncio.to_thread(is_told)
            [statement] = statements("Redis: `SLOWLOG`")
            await asyncio.to_thread(server.ask, *statement.split())
            assert not await asyncio.to_thread(is_told)

        url = f"{server.url}?timeout=30"
        assert await forget(url, server.folder, None, end) == {*WORDS, KEPT}
