"""SQLite keeps the contract, and says what is wrong with a file and what to do about it."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from collabchat_asgi.core.model import NOWHERE, Mark, PageKey, Position
from collabchat_asgi.errors import ConfigError, MisuseError, StorageError, StorageUnavailable
from collabchat_asgi.storage.abc import Entry, Group, ReadBy, Reason, Record, Storage, Tail
from collabchat_asgi.storage.sql import Act, Procedure, Statement, one_act
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.storage.sqlite_lane import Lane
from collabchat_asgi.testing.storage_acts import (
    FAR_AHEAD,
    PAGE,
    Again,
    a_lookup,
    a_note,
    an_event,
    committed,
    grow,
    log_of,
    put,
)
from collabchat_asgi.testing.storage_contract import StorageContract

NOBODY = 65534


class TestSqlite(StorageContract):
    tells_strays = True
    usage_at_once = 2_500

    @pytest.fixture(autouse=True)
    def _own_data(self, tmp_path: Path) -> None:
        self._url = f"sqlite:///{tmp_path}/pages.db"

    async def make(self) -> Storage:
        return SqliteStorage.from_url(self._url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pages.db"


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage(path, timeout=0.05)
    await storage.open()
    yield storage
    await storage.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else is in the middle of a write."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@contextmanager
def without_rights() -> Iterator[None]:
    """Permissions mean nothing to root."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    was, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (was, hard))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///x.db?timout=3", "timout.*known: timeout"),
        ("sqlite:///x.db?timeout=soon", "timeout=soon"),
        ("sqlite:///x.db?timeout=-1", "above 0"),
        ("sqlite:///x.db?timeout=nan", "above 0"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://host/x.db", "sqlite:////absolute.db"),
    ],
)
def test_a_url_that_cannot_work_says_so(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        SqliteStorage.from_url(url)


def test_a_relative_path_is_of_where_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = SqliteStorage.from_url("sqlite:///pages.db?timeout=1.5")
    monkeypatch.chdir("/")
    assert storage.path == tmp_path / "pages.db"


async def test_it_must_be_open(path: Path) -> None:
    storage = SqliteStorage(path)
    for _ in range(2):
        with pytest.raises(MisuseError, match="open"):
            await storage.key()
        await storage.open()
        await storage.close()


def asked(text: str) -> Callable[[], Act[object]]:
    """The act that asks for one value."""

    @one_act
    def ask() -> Procedure[object]:
        [[value]] = yield Statement(text)
        return value

    return ask


async def test_what_is_acked_survives_a_power_cut(storage: SqliteStorage) -> None:
    full = 2
    assert await storage._write(asked("PRAGMA synchronous")) == full
    assert await storage._write(asked("PRAGMA journal_mode")) == "wal"


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "missing" / "pages.db")
    with pytest.raises(StorageError, match="missing does not exist: create it"):
        await storage.open()
    (tmp_path / "missing").mkdir()
    await storage.open()
    await grow(storage, 1)
    await storage.close()


def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(StorageError, match=r"pages\.db: is not an SQLite database"):
        asyncio.run(SqliteStorage(path).open())
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        await SqliteStorage(tmp_path).open()


async def test_a_file_that_may_not_be_written() -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(f"{directory}/pages.db")
        await storage.open()
        head = await grow(storage, 1)
        await storage.close()
        os.chmod(storage.path, 0o444)
        os.chmod(directory, 0o555)
        try:
            with without_rights(), pytest.raises(StorageError, match="this process write"):
                await storage.open()
        finally:
            os.chmod(directory, 0o755)
            os.chmod(storage.path, 0o644)
        await storage.open()
        assert await storage.heads([PAGE]) == {PAGE: head}
        await storage.close()


async def test_tables_of_a_newer_release_are_left_alone(path: Path) -> None:
    storage = SqliteStorage(path)
    await storage.open()
    await storage.close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE collabchat_facts SET version = 1000")
    other.close()
    with pytest.raises(StorageError, match=r"version 1000.*upgrade"):
        await storage.open()


async def test_nobody_else_may_read_the_file(storage: SqliteStorage, path: Path) -> None:
    await grow(storage, 1)
    files = sorted(path.parent.glob("pages.db*"))
    assert [file.name for file in files] == ["pages.db", "pages.db-shm", "pages.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_another_file_in_its_place_is_refused(storage: SqliteStorage, path: Path) -> None:
    head = await grow(storage, 2)
    backup = path.with_name("backup.db")
    with sqlite3.connect(path) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close()
    target.close()
    await put(storage, head, an_event("after the backup"))
    os.replace(backup, path)
    before = content(path)
    for _ in range(2):
        for call in (storage.heads([PAGE]), put(storage, head, an_event("lost"))):
            with pytest.raises(StorageUnavailable, match=r"another file.*remove pages\.db-wal"):
                await call
    assert content(path) == before
    await storage.close()
    for name in ("pages.db-wal", "pages.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    await storage.open()
    assert await storage.heads([PAGE]) == {PAGE: head}


async def test_locked_by_somebody_else(storage: SqliteStorage, path: Path) -> None:
    head = await grow(storage, 1)
    entry = an_event("mine")
    with locked(path):
        with pytest.raises(StorageUnavailable, match=r"pages\.db: locked .* 0\.05 s"):
            await put(storage, head, entry)
        assert len((await log_of(storage)).events) == 1
        late = SqliteStorage(path, timeout=0.05)
        with pytest.raises(StorageUnavailable, match="locked"):
            await late.open()
    outcome = committed((await put(storage, head, entry))["mine"])
    assert (outcome.position.seq, outcome.again) == (2, False)


async def test_reading_does_not_wait_for_a_commit(path: Path) -> None:
    storage = SqliteStorage(path)
    await storage.open()
    head = await grow(storage, 1)
    with locked(path):
        waiting = asyncio.ensure_future(put(storage, head, an_event("mine")))
        assert (await storage.load(PAGE)).position == head
        assert not waiting.done()
    assert committed((await waiting)["mine"]).position.seq == 2
    await storage.close()


async def test_a_commit_that_nobody_waits_for_ends(storage: SqliteStorage) -> None:
    await grow(storage, 1)
    entry = an_event("mine")
    inside, go_on = threading.Event(), threading.Event()

    def slow(page: PageKey, tail: Tail) -> Sequence[Entry]:
        inside.set()
        go_on.wait()
        return [entry]

    commit = asyncio.ensure_future(put(storage, NOWHERE, entry, revise=slow))
    await asyncio.to_thread(inside.wait)
    commit.cancel()
    await asyncio.gather(commit, return_exceptions=True)
    go_on.set()
    outcome = committed((await put(storage, NOWHERE, entry))["mine"])
    assert (outcome.position.seq, outcome.again) == (2, True)


async def test_a_full_disk_is_not_acked(storage: SqliteStorage, path: Path) -> None:
    head = await grow(storage, 1)
    entry = an_event("mine", puts=[Record("k", b"x" * 500_000)])
    with files_at_most(path.with_name("pages.db-wal").stat().st_size + 100_000):
        with pytest.raises(StorageUnavailable, match=r"pages\.db: the disk .* full"):
            await put(storage, head, entry)
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert await grow(storage, 1) == Position(head.epoch, 2)
    outcome = committed((await put(storage, head, entry))["mine"])
    assert (outcome.position.seq, outcome.again) == (3, False)


SHORT_OF_MEMORY = """
import asyncio, sys
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.storage_acts import PAGE, an_event, committed, grow, put

async def main():
    storage = SqliteStorage(sys.argv[1])
    await storage.open()
    head = await grow(storage, 1)
    await storage._lane(0).ask("PRAGMA hard_heap_limit=3000000")
    try:
        await put(storage, head, an_event("huge", event=bytes(8_000_000)))
    except StorageUnavailable as error:
        print(error)
    print(committed((await put(storage, head, an_event("small")))["small"]).position.seq)
    await storage.close()

asyncio.run(main())
"""


def test_a_lack_of_memory_is_told_and_passes(tmp_path: Path) -> None:
    """The limit is one of the whole process, and is never raised again."""
    path = tmp_path / "pages.db"
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{path}: out of memory\n2\n", "")


async def test_a_damaged_file_is_named_and_refuses_nobody(path: Path) -> None:
    storage = SqliteStorage(path)
    await storage.open()
    head = await grow(storage, 2)
    await storage.close()
    with sqlite3.connect(path) as other:
        [[size]] = other.execute("PRAGMA page_size")
        [[root]] = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'collabchat_entry_seq'"
        )
    other.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    await storage.open()
    with pytest.raises(StorageError, match=r"pages\.db: is damaged: restore it"):
        await put(storage, head, an_event())
    await storage.close()


async def test_a_number_that_sqlite_cannot_hold_fails_alone(storage: SqliteStorage) -> None:
    bad = an_event("bad", puts=[Record("k", b"", "", 2**63)])
    outcomes = await put(storage, NOWHERE, an_event("good"), bad)
    assert "Failed" in repr(outcomes["bad"])
    assert committed(outcomes["good"]).position.seq == 1


async def test_errors_do_not_tell_texts(storage: SqliteStorage, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE collabchat_record")
    other.close()
    with pytest.raises(StorageError) as caught:
        await put(storage, NOWHERE, an_event(puts=[Record("k", b"", "my secret")]))
    assert "my secret" not in repr(caught.value) + repr(caught.value.__cause__)
    assert "my secret" not in str(caught.value.__cause__)


async def test_trim_goes_by_the_time_of_the_commit(path: Path) -> None:
    now = 1_000
    storage = SqliteStorage(path, clock=lambda: now)
    await storage.open()
    head = await grow(storage, 2)
    now = 3_000
    await put(storage, head, a_note("note"), an_event("young"))
    now = 2_000  # a clock that goes back must not tear a hole
    head = await grow(storage, 1)
    assert await storage.trim(before_ms=2_500, keep_events=0) == 2
    assert [e.seq for e in (await log_of(storage, after=Position(head.epoch, 2))).events] == [3, 4]
    assert await storage.read(PAGE, Position(head.epoch, 1), 9) == Reason.TRUNCATED
    asked = await put(storage, head, a_lookup("note"), a_lookup("young"))
    assert [committed(o).position.seq for o in asked.values()] == [2, 3]
    await storage.close()


async def test_a_clock_that_jumps_ahead_makes_nothing_old(path: Path) -> None:
    now = 1_000_000
    storage = SqliteStorage(path, clock=lambda: now)
    await storage.open()
    assert await storage.now_ms() == 0
    await grow(storage, 1)
    now += 10 * 86_400_000
    assert await storage.now_ms() == 1_000_000
    await put(storage, NOWHERE, an_event("from the future"), revise=Again(an_event("late")))
    assert await storage.now_ms() < 1_000_000 + 60_000
    await storage.close()


async def test_long_and_trimmed_pages_are_found_by_index(storage: SqliteStorage) -> None:
    upkeep = storage._upkeep
    for text, given in ((upkeep._long_and_aged, (100, 0, 9)), (upkeep._left_over, (0, 9))):

        @one_act
        def plan(text: str = text, given: tuple[int, ...] = given) -> Procedure[str]:
            rows = yield Statement(f"EXPLAIN QUERY PLAN {text}", given)
            return " ".join(row[3] for row in rows)

        steps = await storage._read(plan)
        assert "USING INDEX collabchat_page_" in steps or "USING COVERING INDEX" in steps
        assert "SCAN page" not in steps
        assert "SCAN entry" not in steps


async def test_old_positions_of_visitors_are_found_by_index(storage: SqliteStorage) -> None:
    @one_act
    def plan() -> Procedure[str]:
        text = f"EXPLAIN QUERY PLAN {storage._positions._old}"
        rows = yield Statement(text, (1, 9))
        return " ".join(row[3] for row in rows)

    assert "INDEX collabchat_read_moved" in await storage._read(plan)


async def test_positions_of_an_older_release_are_of_the_day_of_the_upgrade(path: Path) -> None:
    storage = SqliteStorage(path)
    await storage.open()
    await grow(storage, 1)
    await storage.close()
    with sqlite3.connect(path) as other:
        other.executescript(
            """DROP TABLE collabchat_read;
            CREATE TABLE collabchat_read (page_id BIGINT NOT NULL, user_id TEXT NOT NULL,
                seq BIGINT NOT NULL, PRIMARY KEY (page_id, user_id)) WITHOUT ROWID;
            INSERT INTO collabchat_read VALUES (1, 'ann', 1), (1, 'anon:1', 1);"""
        )
    other.close()
    for _ in range(2):
        await storage.open()
        await storage.close()
    await storage.open()
    known = {ReadBy(PAGE, "ann"): 1, ReadBy(PAGE, "anon:1"): 1}
    assert await storage.read_up_to(known) == known
    assert await storage.trim_read(before_ms=time.time_ns() // 1_000_000) == 0
    assert await storage.trim_read(before_ms=FAR_AHEAD) == 1
    assert await storage.read_up_to(known) == {ReadBy(PAGE, "ann"): 1}
    await storage.close()


async def test_trim_takes_a_bit_at_a_time_and_ends(path: Path) -> None:
    storage = SqliteStorage(path)
    await storage.open()
    for _ in range(3):
        await grow(storage, 1_000)
    dropped = []
    while n := await storage.trim(before_ms=2**50, keep_events=10):
        dropped.append(n)
    assert dropped == [1_000, 1_000, 990]
    count = "SELECT count(*) FROM collabchat_entry"
    assert await storage._read(asked(count)) == 10
    await storage.close()


async def test_a_live_restore_that_was_written_over_is_told(
    storage: SqliteStorage, path: Path
) -> None:
    """`.restore` of SQLite's own shell: the same file, an earlier history."""
    head = await grow(storage, 2)
    backup = path.with_name("backup.db")
    copy_database(path, backup)
    await put(storage, head, an_event("lost-1"), an_event("lost-2"))
    seen = [Mark(Position(head.epoch, 4), "lost-2")]
    assert not await storage.strays({PAGE: seen})
    copy_database(backup, path)
    assert await storage.heads([PAGE]) == {PAGE: head}
    await put(storage, head, *(an_event(f"told-{n}") for n in range(3)))
    assert await storage.strays({PAGE: seen}) == {PAGE}
    renewed = await storage.renew_stray(PAGE, seen)
    assert (renewed.seq, renewed.epoch == head.epoch) == (5, False)


def copy_database(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()


async def check_closing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int]] = []
    disconnect, second = Lane._disconnect, threading.Event()

    def slowly(self: Lane) -> None:
        if steps:
            second.set()
        steps.append(("begins", id(self)))
        second.wait(0.2)  # the other has all the time to come too early
        disconnect(self)
        steps.append(("ends", id(self)))

    storage = SqliteStorage(path)
    await storage.open()
    await storage.commit([Group(PAGE, NOWHERE, [a_note("1")])], lambda *_: [])
    await storage.heads([PAGE])
    monkeypatch.setattr(Lane, "_disconnect", slowly)
    await storage.close()
    assert [what for what, _ in steps] == ["begins", "ends", "begins", "ends"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_connections_let_go_of_the_file_one_behind_the_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same moment, neither is the last, and the write-ahead log stays behind (3 of 400)."""
    await check_closing(path, monkeypatch)


async def test_connections_that_do_not_wait_for_each_other_are_noticed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Lane.close
    monkeypatch.setattr(Lane, "close", lambda self, behind=None: close(self))
    with pytest.raises(AssertionError):
        await check_closing(path, monkeypatch)
