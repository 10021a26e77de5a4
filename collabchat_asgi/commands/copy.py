"""The subcommand `copy`: all pages from one storage into another, each one whole and verified."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from asyncio import gather
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from itertools import count

import msgspec

from ..errors import ConfigError
from ..storage.abc import PageCopy, PageKey, Storage, UsageDelta
from .session import a_tenant, finish, opened, pages_of

HELP = "copy all pages from one storage into another, verified; go on where it stopped"

_AT_ONCE = 8
"""Pages that are held in memory; each waits for both storages in turn."""
_ALL_DAYS = ("0001-01-01", "9999-12-31")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", metavar="URL", required=True)
    parser.add_argument("--to", dest="target", metavar="URL", required=True)
    parser.add_argument("--tenant", metavar="ID", type=a_tenant, help="otherwise all tenants")
    parser.epilog = (
        "A first run may be made while the source serves. Then stop the servers and run it again: "
        "it copies what has changed since, and no page may change between that and the start on "
        "the new storage. Clients go on where they were. Usage is copied for every tenant that has "
        "a page, and for the one that --tenant names."
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments.source, arguments.target, arguments.tenant))


async def _run(source_url: str, target_url: str, tenant_id: str | None) -> int:
    if source_url == target_url:
        raise ConfigError("--from and --to are the same storage: nothing would be moved")
    async with opened(source_url) as source, opened(target_url, may_be_new=True) as target:
        keys = [key async for key in pages_of(source, tenant_id)]
        result = Result()
        bar = Bar(len(keys))
        for start in range(0, len(keys), _AT_ONCE):
            batch = keys[start : start + _AT_ONCE]
            work = (copy_page(source, target, key) for key in batch)
            # All have ended before an error closes the storages under them.
            for key, done in zip(batch, await gather(*work, return_exceptions=True), strict=True):
                if isinstance(done, BaseException):
                    raise done
                result.add(key, *done)
            bar.step(len(batch))
        bar.end()
        tenants = {tenant_id} if tenant_id else {key.tenant_id for key in keys}
        rows = await copy_usage(source, target, sorted(tenants - {""}))
    print(f"{result}; {rows} rows of usage copied")
    for key, fate in result.trouble:
        print(f"{key.tenant_id} {key.url_id}: {fate.value}", file=sys.stderr)
    return 1 if result.trouble else 0


class Fate(Enum):
    EMPTY = "listed, and without content"
    COPIED = "copied"
    SAME = "there already"
    AHEAD = (
        "left alone: the target has commits of its own on this page; erase it there, or copy into "
        "an empty storage"
    )
    DIFFERENT = "not the same after it was copied: is somebody else writing to the target?"


@dataclass(slots=True)
class Result:
    fates: Counter[Fate] = field(default_factory=Counter)
    trouble: list[tuple[PageKey, Fate]] = field(default_factory=list)
    operations: int = 0
    records: int = 0
    digest: int = 0

    def add(self, key: PageKey, fate: Fate, copy: PageCopy) -> None:
        self.fates[fate] += 1
        if fate not in (Fate.EMPTY, Fate.COPIED, Fate.SAME):
            self.trouble.append((key, fate))
        if fate not in (Fate.COPIED, Fate.SAME):
            return
        self.operations += len(copy.kept)
        self.records += len(copy.records)
        named = blake2b(msgspec.msgpack.encode((key, checksum(copy))), digest_size=8)
        self.digest ^= int.from_bytes(named.digest())

    def __str__(self) -> str:
        copied, same = self.fates[Fate.COPIED], self.fates[Fate.SAME]
        failed = f", {len(self.trouble):,} FAILED" if self.trouble else ""
        return (
            f"{copied:,} pages copied, {same:,} there already{failed}; verified: "
            f"{self.operations:,} operations, {self.records:,} records, "
            f"checksum {self.digest:016x}"
        )


async def copy_page(source: Storage, target: Storage, key: PageKey) -> tuple[Fate, PageCopy]:
    copy = await source.dump(key)
    there = await target.dump(key)
    if not (copy.kept or there.kept):
        return Fate.EMPTY, copy
    if checksum(there) == checksum(copy):
        return Fate.SAME, copy
    if not _carries_on(copy, there) or not await target.restore(key, copy):
        return Fate.AHEAD, copy
    same = checksum(await target.dump(key)) == checksum(copy)
    return Fate.COPIED if same else Fate.DIFFERENT, copy


def _carries_on(copy: PageCopy, there: PageCopy) -> bool:
    """Whether everything that the target remembers came from this source."""
    known = {one.broadcast_id for one in copy.kept}
    own = (one for one in there.kept if one.position.seq > copy.trimmed)
    return all(one.broadcast_id in known for one in own)


def checksum(copy: PageCopy) -> bytes:
    """The same for the same page, whichever storage gave it and in whatever order."""
    records = sorted(copy.records, key=lambda record: record.key)
    kept = sorted(copy.kept, key=lambda one: one.broadcast_id)
    whole = msgspec.msgpack.encode(
        (copy.position, copy.trimmed, records, kept, sorted(copy.read.items()))
    )
    return blake2b(whole, digest_size=16).digest()


async def copy_usage(source: Storage, target: Storage, tenants: list[str]) -> int:
    """Add what the target lacks: what is there already, from an earlier run, is not added twice."""
    run_id, serials = f"copy-{secrets.token_hex(8)}", count(1)
    deltas = []
    for tenant_id in tenants:
        there = {
            (row.day, row.url_id): row.counters for row in await target.usage(tenant_id, *_ALL_DAYS)
        }
        for row in await source.usage(tenant_id, *_ALL_DAYS):
            known = there.get((row.day, row.url_id), {})
            lacking = {
                name: amount - known.get(name, 0)
                for name, amount in row.counters.items()
                if amount > known.get(name, 0)
            }
            if lacking:
                deltas.append(
                    UsageDelta(run_id, next(serials), tenant_id, row.url_id, row.day, lacking)
                )
    await target.add_usage(deltas)
    return len(deltas)


class Bar:
    """One line on a terminal; nothing where stderr goes elsewhere."""

    WIDTH = 30

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._shown = sys.stderr.isatty() and total > 0

    def step(self, pages: int) -> None:
        self._done += pages
        if self._shown:
            full = self._done * self.WIDTH // self._total
            spent = time.monotonic() - self._began
            line = f"{'█' * full}{'·' * (self.WIDTH - full)} {self._done:,}/{self._total:,} pages"
            print(f"\r{line}, {spent:.0f} s", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print(file=sys.stderr)
