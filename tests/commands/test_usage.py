"""The table that an operator reads, and the lines that a program reads."""

from __future__ import annotations

import json

import pytest

from collabchat_asgi.storage.abc import UsageDelta

from .conftest import Run, add_usage

DAYS = ("--from", "2026-11-21", "--to", "2026-11-22")


@pytest.fixture
def counted(url: str) -> str:
    add_usage(
        url,
        UsageDelta("run", 1, "acme", "", "2026-11-20", {"operationCount": 1}),
        UsageDelta("run", 2, "acme", "", "2026-11-21", {"operationCount": 1_000}),
        UsageDelta("run", 3, "acme", "", "2026-11-22", {"operationCount": 234, "new": 1}),
        UsageDelta("run", 4, "other", "", "2026-11-22", {"operationCount": 99}),
    )
    return url


def test_a_table(counted: str, collabchat: Run) -> None:
    code, out, _ = collabchat("usage", "--storage", counted, "--tenant", "acme", *DAYS)
    assert code == 0
    head, *lines = (line.split() for line in out.splitlines())
    column = head.index("operationCount")
    assert [(line[0], line[column]) for line in lines] == [
        ("2026-11-21", "1,000"),
        ("2026-11-22", "234"),
        ("sum", "1,234"),
    ]
    assert len({len(line) for line in out.splitlines()}) == 1


def test_per_page(url: str, collabchat: Run) -> None:
    pages = ("/a", "https://b.example/")
    for serial, page in enumerate(pages):
        add_usage(
            url, UsageDelta("run", serial, "acme", page, "2026-11-22", {"chatCreateCount": 1})
        )
    _, out, _ = collabchat("usage", "--storage", url, "--tenant", "acme", *DAYS)
    assert [line.split()[1] for line in out.splitlines()[:3]] == ["page", *pages]


def test_json(counted: str, collabchat: Run) -> None:
    _, out, _ = collabchat("usage", "--storage", counted, "--tenant", "acme", *DAYS, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["day"], row["operationCount"]) for row in rows] == [
        ("2026-11-21", 1_000),
        ("2026-11-22", 234),
    ]
    assert rows[0]["pubSubMessageCount"] == 0
    assert rows[0]["tenantId"] == "acme"


def test_nothing_was_used(counted: str, collabchat: Run) -> None:
    _, out, _ = collabchat("usage", "--storage", counted, "--tenant", "nobody", *DAYS)
    assert out.split()[:2] == ["day", "pubSubMessageCount"]


@pytest.mark.parametrize("day", ["20261121", "2026-13-01", "21.11.2026"])
def test_a_day_is_written_in_full(
    day: str, collabchat: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        collabchat("usage", "--tenant", "acme", "--from", day, "--to", "2026-11-22")
    assert f"--from: '{day}' is no day; write it as 2026-11-30" in capsys.readouterr().err


def test_days_go_forwards(collabchat: Run) -> None:
    days = ("--from", "2026-11-22", "--to", "2026-11-21")
    code, _, err = collabchat("usage", "--tenant", "acme", *days)
    assert (code, err) == (1, "collabchat: --from 2026-11-22 is after --to 2026-11-21\n")
