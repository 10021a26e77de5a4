"""An operator forgets a person, and gives them what is theirs."""

from __future__ import annotations

import json
from pathlib import Path

from collabchat_asgi import Timing
from collabchat_asgi.engine.erasing.erasure import forget
from collabchat_asgi.storage.sqlite import SqliteStorage

from .conftest import ANN, BOB, PAGES, Run, collab

EVERYWHERE = ("--user", BOB.user_id, "--all-tenants")


def files_of(url: str) -> bytes:
    path = Path(url.removeprefix("sqlite:///"))
    return b"".join(found.read_bytes() for found in path.parent.glob(f"{path.name}*"))


def test_without_yes_it_only_counts(filled: str, collabchat: Run) -> None:
    before = files_of(filled)
    code, out, err = collabchat("forget", "--storage", filled, *EVERYWHERE)
    told = json.loads(out)
    assert (code, told["pages"], told["comments"], "--yes" in err) == (0, 3, 3, True)
    assert files_of(filled) == before


def test_they_are_gone_from_pages_and_files(filled: str, collabchat: Run) -> None:
    assert b"bob/2" in files_of(filled)
    code, out, _ = collabchat("forget", "--storage", filled, *EVERYWHERE, "--yes")
    told = json.loads(out)
    assert (code, told["pages"], told["comments"], told["reactions"]) == (0, 3, 3, 3)
    for trace in (BOB.user_id, BOB.name, "an answer", "to be deleted"):
        assert trace.encode() not in files_of(filled)
    assert ANN.name.encode() in files_of(filled)
    code, out, _ = collabchat("forget", "--storage", filled, *EVERYWHERE, "--yes")
    assert (code, json.loads(out)["pages"], json.loads(out)["pagesSeen"]) == (0, 0, 3)


def test_in_one_tenant_only_and_the_bytes_later(filled: str, collabchat: Run) -> None:
    given = ("--storage", filled, "--user", BOB.user_id, "--tenant", "acme", "--yes")
    code, out, _ = collabchat("forget", *given, "--no-purge")
    assert (code, json.loads(out)["pages"]) == (0, 2)
    code, out, _ = collabchat("export", "--storage", filled, "--user", BOB.user_id)
    left = [json.loads(line) for line in out.splitlines()]
    assert [(page["tenantId"], page["urlId"]) for page in left] == [tuple(PAGES[2])]
    assert [one["comment"]["body"] for one in left[0]["comments"]] == ["an answer"]
    assert left[0]["reactions"][0]["emoji"] == "👍"
    assert collabchat("purge", "--storage", filled)[0] == 0


async def test_a_server_that_runs_notices(filled: str) -> None:
    app = collab(filled, timing=Timing(sweep_seconds=0.1))
    before = await app.snapshot(*PAGES[0])
    storage = SqliteStorage.from_url(filled)
    await storage.open()
    await forget(storage, BOB.user_id, None)
    await storage.close()
    after = await app.snapshot(*PAGES[0])
    await app.close()
    assert after["epoch"] != before["epoch"]
    assert BOB.user_id in str(before)
    assert BOB.user_id not in str(after)


def test_of_whom_nothing_is_known(filled: str, collabchat: Run) -> None:
    code, out, _ = collabchat("forget", "--storage", filled, "--user", "x", "--tenant", "acme")
    assert (code, json.loads(out)["pages"]) == (0, 0)
