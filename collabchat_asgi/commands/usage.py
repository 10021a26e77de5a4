"""The subcommand `usage`: what a tenant used, by day."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

import orjson

from ..core.usage import COUNTERS
from ..errors import ConfigError
from ..storage.abc import UsageRow
from .session import a_tenant, add_storage, finish, opened, storage_url

HELP = "show what a tenant used, by UTC day"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, required=True)
    parser.add_argument("--from", dest="first", metavar="DAY", type=_day, required=True)
    parser.add_argument(
        "--to", dest="last", metavar="DAY", type=_day, required=True, help="YYYY-MM-DD, included"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    if arguments.first > arguments.last:
        raise ConfigError(f"--from {arguments.first} is after --to {arguments.last}")
    async with opened(storage_url(arguments)) as storage:
        rows = await storage.usage(arguments.tenant, arguments.first, arguments.last)
    for line in _as_json(rows) if arguments.json else table(rows):
        print(line)
    return 0


def _day(text: str) -> str:
    """Sorted as text, so it must be written in full."""
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-11-30")


def _as_json(rows: Sequence[UsageRow]) -> list[str]:
    return [
        orjson.dumps(
            {"tenantId": row.tenant_id}
            | ({"urlId": row.url_id} if row.url_id else {})
            | {"day": row.day}
            | {name: row.counters.get(name, 0) for name in COUNTERS}
        ).decode()
        for row in rows
    ]


def table(rows: Sequence[UsageRow]) -> list[str]:
    """Lines with a head, and with the sums where there is something to add up."""
    per_page = any(row.url_id for row in rows)
    lines = [["day", *(["page"] if per_page else []), *COUNTERS]]
    for row in rows:
        place = [row.day, *([row.url_id] if per_page else [])]
        lines.append([*place, *(f"{row.counters.get(name, 0):,}" for name in COUNTERS)])
    if len(rows) > 1:
        sums = (sum(row.counters.get(name, 0) for row in rows) for name in COUNTERS)
        lines.append(["sum", *([""] if per_page else []), *(f"{n:,}" for n in sums)])
    names = 1 + per_page
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
