"""What happens to SQLite's file: clients are told `unavailable`, the log says which file and what
to do, nothing is acked that is not on disk, and it goes on without a restart where it can."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from collabchat_asgi.errors import StorageError
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing import History, HttpClient, ServerProcess, SocketClient, check
from collabchat_asgi.testing import operations as op
from collabchat_asgi.testing.processes import NotStarted

from .load import Json, serve, until

PAGE = "page"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collabchat.db"


@pytest.fixture
def history() -> History:
    return History()


async def join(server: ServerProcess, history: History, name: str = "ann") -> SocketClient:
    return await SocketClient.join(
        server.url,
        PAGE,
        token=f"{name}@acme:commenter",
        tenant="acme",
        name=name,
        history=history,
        deadline=15.0,
    )


async def judge(server: ServerProcess, history: History, acked: int) -> None:
    """After kill -9 and a new start: all that was acked is on the disk, and nothing else."""
    server.kill()
    server.start()
    judge = HttpClient(url=server.url, token="judge@acme:reader", tenant="acme", history=history)
    await judge.log(PAGE)
    history.quiet()
    await judge.chats(PAGE, final=True)
    report = check(history)
    print(f"\n{report}")
    report.assert_kept()
    assert report.acked == acked


def unavailable(answer: Json) -> bool:
    return answer["type"] == "error" and (answer["code"], answer["retry"]) == ("unavailable", True)


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "collabchat.db"
    with pytest.raises(NotStarted) as told:
        serve(f"sqlite:///{missing}").start()
    assert str(missing) in str(told.value)
    assert "does not exist: create it" in str(told.value)


def test_a_file_that_is_no_database_is_named(file: Path) -> None:
    file.write_text("a letter, and no database at all " * 100)
    with pytest.raises(NotStarted) as told:
        serve(f"sqlite:///{file}").start()
    assert str(file) in str(told.value)
    assert "is not an SQLite database" in str(told.value)
    assert file.read_text().startswith("a letter"), "and it is left alone"


async def test_locked_by_another_process(file: Path, history: History) -> None:
    with serve(f"sqlite:///{file}?timeout=0.3") as server:
        ann, bob = await join(server, history), await join(server, history, "bob")
        for number in range(10):
            await ann.do(op.create_chat(f"{number}"))
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked_out = [op.create_chat("locked out"), op.create_chat("behind it")]
        for operation in locked_out:
            assert unavailable(await ann.ask(operation))
        await until(lambda: "look for a long transaction" in server.log, "a clear log line")
        assert str(file) in server.log
        read = await HttpClient(url=server.url, token="eve@acme:reader", tenant="acme").chats(PAGE)
        assert read["seq"] == 10, "who only reads does not notice"
        other.execute("ROLLBACK")
        other.close()
        for operation in locked_out:
            await ann.do(operation)
        await bob.until_position(PAGE, 12)
        await ann.close()
        await bob.close()
        await judge(server, history, 12)


async def test_a_full_disk(file: Path, history: History) -> None:
    """The limit on file sizes of the running server stands for the disk; then there is room."""
    with serve(f"sqlite:///{file}") as server:
        ann, bob = await join(server, history), await join(server, history, "bob")
        for number in range(10):
            await ann.do(op.create_chat(f"{number}"))
        written = max(part.stat().st_size for part in file.parent.glob("collabchat.db*"))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (written + 150_000, hard))
        acked, failed = 10, []
        for number in range(60):
            operation = op.create_chat(f"{number} " + "x" * 1_500)
            answer = await ann.ask(operation)
            if answer["type"] == "ack":
                acked += 1
            else:
                assert unavailable(answer)
                failed.append(operation)
        assert failed, "the disk was never full"
        await until(lambda: "full" in server.log, "a clear log line")
        assert str(file) in server.log
        assert (await ann.ping())["n"] == 1, "the connection lives"
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        for operation in failed:
            await ann.do(operation)
        await bob.until_position(PAGE, 70)
        await ann.close()
        await bob.close()
        print(f"{len(failed)} of 60 operations met a full disk")
        await judge(server, history, 70)


def test_a_read_only_file_is_named() -> None:
    """Opened by another user than root, for whom nothing is read-only."""
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "collabchat.db"
        assert opened(file) == "opened"
        file.chmod(0o444)
        folder.chmod(0o555)
        told = opened_by_nobody(file)
        folder.chmod(0o755)
    assert str(file) in told
    assert "let this process write the file and its directory" in told


def opened(file: Path) -> str:
    """What is told where this process opens the storage."""

    async def start() -> str:
        storage = SqliteStorage(file)
        try:
            await storage.open()
        except StorageError as error:
            return str(error)
        finally:
            await storage.close()
        return "opened"

    return asyncio.run(start())


def opened_by_nobody(file: Path) -> str:
    """The same in a fork that has given up its rights, as far as it had any."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            os.write(write, opened(file).encode())
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told


async def test_a_file_put_back_from_a_backup(file: Path, history: History) -> None:
    """Restored under a stopped server: whoever saw more gets the whole page, and no wrong tail."""
    backup = file.with_suffix(".backup")
    with serve(f"sqlite:///{file}") as server:
        ann = await join(server, history)
        for number in range(3):
            await ann.do(op.create_chat(f"{number}"))
        copy_database(file, backup)
        for number in range(3, 6):
            await ann.do(op.create_chat(f"{number}"))
        since = ann.pages[PAGE].since
        await ann.close()
        server.kill()
        put_back(file, backup)
        server.start()
        back = await join(server, history)
        subscribed = await back.subscribe(PAGE, since)
        assert subscribed["recovered"] is False
        assert len(back.pages[PAGE].chats) == 3
        await back.close()


def copy_database(file: Path, backup: Path) -> None:
    source, copy = sqlite3.connect(file), sqlite3.connect(backup)
    source.backup(copy)
    source.close()
    copy.close()


def put_back(file: Path, backup: Path) -> None:
    for part in file.parent.glob("collabchat.db*"):
        if part.is_file():
            part.unlink()
    backup.rename(file)


async def test_twenty_locks_in_a_row(file: Path, history: History) -> None:
    """Short locks are waited for, and nobody is told about them."""
    with serve(f"sqlite:///{file}") as server:
        ann = await join(server, history)
        other = sqlite3.connect(file, isolation_level=None)
        for number in range(20):
            other.execute("BEGIN IMMEDIATE")
            await ann.say(op.create_chat(f"{number}"))
            await until(lambda: ann.sent_bytes["create-chat"] > 0, "sent")
            other.execute("ROLLBACK")
            await ann.expect("ack")
        other.close()
        await ann.close()
        await judge(server, history, 20)


async def test_a_file_that_is_removed_while_it_is_served(file: Path, history: History) -> None:
    """SQLite would go on writing into what nobody can open any more."""
    with serve(f"sqlite:///{file}") as server:
        ann = await join(server, history)
        await ann.do(op.create_chat("kept"))
        away = file.with_name("away")
        away.mkdir()
        parts = [part for part in file.parent.glob(f"{file.name}*") if part.is_file()]
        for part in parts:
            part.rename(away / part.name)
        lost = op.create_chat("into nowhere")
        assert unavailable(await ann.ask(lost))
        await until(lambda: "the file is gone" in server.log, "a clear log line")
        assert str(file) in server.log
        assert file.name not in os.listdir(file.parent), "no empty file in its place"
        for part in parts:
            (away / part.name).rename(part)
        await ann.do(lost)
        await ann.close()
        await judge(server, history, 2)
