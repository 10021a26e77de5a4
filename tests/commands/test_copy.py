"""What is copied is the same page: for its readers, for who retries, and for the next writer."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from collabchat_asgi.commands import copy as command
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.errors import Refused, StorageUnavailable
from collabchat_asgi.storage.abc import PageCopy, UsageDelta
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.operations import create_chat

from .conftest import ANN, BOB, PAGES, Run, add_usage, collab, history, settle_all


async def seen(url: str) -> list[Any]:
    """What readers of every page see, and its log from the beginning."""
    app = collab(url)
    try:
        return [(await app.snapshot(*key), await app.events(*key, limit=1_000)) for key in PAGES]
    finally:
        await app.close()


def test_readers_see_no_difference(filled: str, other: str, collabchat: Run) -> None:
    code, out, err = collabchat("copy", "--from", filled, "--to", other)
    assert (code, err) == (0, "")
    assert out.startswith("3 pages copied, 0 there already; verified: 30 operations")
    assert asyncio.run(seen(other)) == asyncio.run(seen(filled))


def test_what_was_committed_is_known_there(url: str, other: str, collabchat: Run) -> None:
    operations = history(PAGES[0])
    acks = asyncio.run(settle_all(url, operations))
    collabchat("copy", "--from", url, "--to", other)
    assert asyncio.run(settle_all(other, operations)) == acks
    key, operation, _ = operations[0]
    with pytest.raises(Refused, match="broadcastId"):
        asyncio.run(settle_all(other, [(key, operation, BOB)]))


def test_a_client_resumes_on_the_other_storage(url: str, other: str, collabchat: Run) -> None:
    *_, ack = asyncio.run(settle_all(url, history(PAGES[0])))
    collabchat("copy", "--from", url, "--to", other)
    [new] = asyncio.run(settle_all(other, [(PAGES[0], create_chat(), ANN)]))

    async def resumed() -> Any:
        app = collab(other)
        try:
            return await app.events(*PAGES[0], epoch=ack["epoch"], after=ack["seq"])
        finally:
            await app.close()

    told = asyncio.run(resumed())
    assert (new["epoch"], new["seq"]) == (ack["epoch"], ack["seq"] + 1)
    assert [event["seq"] for event in told["events"]] == [new["seq"]]


def test_the_second_run_copies_what_changed(filled: str, other: str, collabchat: Run) -> None:
    _, first, _ = collabchat("copy", "--from", filled, "--to", other)
    _, again, _ = collabchat("copy", "--from", filled, "--to", other)
    assert again.startswith("0 pages copied, 3 there already; verified: 30 operations")
    assert checksum(first) == checksum(again)
    asyncio.run(settle_all(filled, [(PAGES[1], create_chat(), ANN)]))
    _, third, _ = collabchat("copy", "--from", filled, "--to", other)
    assert third.startswith("1 pages copied, 2 there already; verified: 31 operations")
    assert asyncio.run(seen(other)) == asyncio.run(seen(filled))


def checksum(out: str) -> str:
    found = re.search(r"checksum (\w{16})", out)
    assert found
    return found[1]


def test_one_tenant_alone(filled: str, other: str, collabchat: Run) -> None:
    _, out, _ = collabchat("copy", "--from", filled, "--to", other, "--tenant", "acme")
    assert out.startswith("2 pages copied")


@pytest.mark.parametrize("at_source_too", [True, False])
def test_a_page_that_went_on_there_is_left_alone(
    filled: str, other: str, collabchat: Run, *, at_source_too: bool
) -> None:
    collabchat("copy", "--from", filled, "--to", other)
    asyncio.run(settle_all(other, [(PAGES[0], create_chat("only there"), ANN)]))
    if at_source_too:
        more = [(PAGES[0], create_chat(), ANN) for _ in range(2)]
        asyncio.run(settle_all(filled, more))
    before = asyncio.run(seen(other))
    code, out, err = collabchat("copy", "--from", filled, "--to", other)
    assert code == 1
    assert "1 FAILED" in out
    assert "acme /drafts/1: left alone" in err
    assert asyncio.run(seen(other)) == before


def test_a_page_that_was_erased_is_no_page(filled: str, other: str, collabchat: Run) -> None:
    """Some storages list it all the same."""
    with sqlite3.connect(filled.removeprefix("sqlite:///")) as database:
        for table in ("entry", "record"):
            database.execute(f"DELETE FROM collabchat_{table} WHERE page_id = 1")  # noqa: S608
        database.execute("UPDATE collabchat_page SET seq = 0, epoch = '' WHERE id = 1")
    database.close()
    _, out, _ = collabchat("copy", "--from", filled, "--to", other)
    assert out.startswith("2 pages copied, 0 there already; verified: 20 operations")


def test_usage_comes_along_once(filled: str, other: str, collabchat: Run) -> None:
    delta = UsageDelta("run", 1, "acme", "", "2026-11-22", {"operationCount": 5})
    add_usage(filled, delta)
    for _ in range(2):
        collabchat("copy", "--from", filled, "--to", other)
    add_usage(filled, UsageDelta("run", 2, "acme", "", "2026-11-22", {"operationCount": 2}))
    collabchat("copy", "--from", filled, "--to", other)
    days = ("--tenant", "acme", "--from", "2026-11-22", "--to", "2026-11-22")
    [row] = collabchat("usage", "--storage", other, *days, "--json")[1].splitlines()
    assert orjson.loads(row)["operationCount"] == 7


def test_a_storage_is_not_moved_into_itself(filled: str, collabchat: Run) -> None:
    code, out, err = collabchat("copy", "--from", filled, "--to", filled)
    assert (code, out) == (1, "")
    assert "--from and --to are the same storage" in err


def test_a_wrong_path_is_no_empty_storage(tmp_path: Path, other: str, collabchat: Run) -> None:
    code, _, err = collabchat("copy", "--from", f"sqlite:///{tmp_path}/typo.db", "--to", other)
    assert (code, "typo.db: there is no such file" in err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_copied_right_is_told(
    filled: str, other: str, collabchat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = SqliteStorage.restore

    async def careless(self: SqliteStorage, page: PageKey, copy: PageCopy) -> bool:
        done = await restore(self, page, copy)
        with sqlite3.connect(self.path) as database:
            database.execute("UPDATE collabchat_record SET body = body || '?'")
        database.close()
        return done

    monkeypatch.setattr(SqliteStorage, "restore", careless)
    code, out, err = collabchat("copy", "--from", filled, "--to", other)
    assert (code, "3 FAILED" in out) == (1, True)
    assert err.count("not the same after it was copied") == 3


async def test_it_goes_on_where_it_was_stopped(filled: str) -> None:
    class Fragile(MemoryStorage):
        left = 2

        async def restore(self, page: PageKey, copy: PageCopy) -> bool:
            if not self.left:
                raise StorageUnavailable("gone")
            self.left -= 1
            return await super().restore(page, copy)

    source, target = SqliteStorage.from_url(filled), Fragile()
    await source.open()

    async def fate(key: PageKey) -> command.Fate:
        return (await command.copy_page(source, target, key))[0]

    assert [await fate(key) for key in PAGES[:2]] == [command.Fate.COPIED] * 2
    with pytest.raises(StorageUnavailable):
        await fate(PAGES[2])
    target.left = 9
    fates = [await fate(key) for key in PAGES]
    assert fates == [command.Fate.SAME, command.Fate.SAME, command.Fate.COPIED]
    await source.close()


def test_the_bar_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for is_terminal, expected in ((False, ""), (True, "█" * 30 + " 2/2 pages")):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        bar = command.Bar(2)
        bar.step(1)
        bar.step(1)
        bar.end()
        last = capsys.readouterr().err.rpartition("\r")[2]
        assert last.startswith(expected)
        assert bool(last) == is_terminal


def test_no_password_is_shown(other: str, collabchat: Run) -> None:
    code, out, err = collabchat(
        "copy", "--from", "oracle://ann:hunter2@db/app?password=hunter2", "--to", other
    )
    assert code == 1
    assert "hunter2" not in out + err
    assert "unknown scheme oracle://" in err
