"""A crowd's pages move from one storage to the next while they write (examples/deploy/RUNBOOKS.md):
copied while they are served, and once more between the stop and the start."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer

from .load import ROOT, serve
from .scene import scene

BETWEEN = 150


async def copy(source: str, target: str) -> str:
    given = ["copy", "--from", source, "--to", target]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collabchat_asgi", *given),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().strip()


@pytest.mark.long
async def test_nothing_is_lost_on_the_way(tmp_path: Path) -> None:
    with ExitStack() as stack:
        way = [
            f"sqlite:///{tmp_path}/old.db",
            f"{stack.enter_context(PostgresServer()).url}?timeout=20",
            f"{stack.enter_context(RedisServer()).url}?timeout=20",
            f"sqlite:///{tmp_path}/new.db",
        ]
        server = serve(way[0])
        server.deadline = 90
        async with scene([server], BETWEEN) as moving:
            epochs = {client.page.epoch for client in moving.crowd.clients}
            told = []
            for source, target in pairwise(way):
                await copy(source, target)

                async def cut_over(source: str = source, target: str = target) -> None:
                    began = time.monotonic()
                    await asyncio.to_thread(server.stop)
                    stopped = time.monotonic()
                    sums = await copy(source, target)
                    copied = time.monotonic()
                    server.env["COLLABCHAT_STORAGE"] = target
                    await asyncio.to_thread(server.start)
                    parts = f"stop {stopped - began:.1f} s, copy {copied - stopped:.1f} s"
                    told.append(
                        f"{source.partition(':')[0]} → {target.partition(':')[0]}: cut-over "
                        f"{time.monotonic() - began:.1f} s ({parts}); {sums}"
                    )

                await moving.fault("cut-over", cut_over)
            await moving.judge("three moves under load")
            after = {client.page.epoch for client in moving.crowd.clients}
            assert after == epochs, "nobody had to load a page anew"
        print("\n".join(told))
