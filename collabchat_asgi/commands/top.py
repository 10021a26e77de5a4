"""The subcommand `top`: all processes of a deployment, live, in a terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..settings import from_environment
from .session import add_storage, finish, storage_url

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from .top_view import Process, Scene

HELP = "show what all processes do, live, from their own control topic"

FIRST_LOOK_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument(
        "--pubsub", metavar="URL", help="otherwise COLLABCHAT_PUBSUB, otherwise what fits"
    )
    parser.add_argument("--every", metavar="SECONDS", type=_pause, default=2.0, help="2 by default")
    parser.add_argument("--once", action="store_true", help="two looks, one picture, and the end")


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


def _pause(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 60:
        raise ValueError(text)
    return seconds


async def _run(arguments: argparse.Namespace) -> int:
    """1 where no process answers."""
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError as error:
        raise ConfigError("top needs rich: pip install 'collabchat-asgi[top]'") from error
    from .top_view import scene
    from .watching import watching

    pubsub = arguments.pubsub or from_environment().get("pubsub")
    console = Console()
    async with watching(storage_url(arguments), pubsub) as watch:
        before, looked_at = await watch.look(FIRST_LOOK_SECONDS), time.monotonic()
        if not before:
            print(
                "collabchat: no process answers: is one running on this storage and pub/sub, of "
                "a release that has metrics?",
                file=sys.stderr,
            )
            return 1
        with Live(console=console, screen=console.is_terminal and not arguments.once) as live:
            while True:
                await asyncio.sleep(arguments.every)
                now, at = await watch.look(FIRST_LOOK_SECONDS), time.monotonic()
                live.update(picture(scene(before, now, at - looked_at)), refresh=True)
                before, looked_at = now, at
                if arguments.once:
                    return 0


def picture(scene: Scene) -> Group:
    """The scene as rich draws it."""
    from rich.columns import Columns
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    processes = Table(title=_summary(scene), title_justify="left", title_style="bold", box=None)
    for name in ("process", "host", "pid", "up"):
        processes.add_column(name)
    for name in ("connections", "pages", "ops/s", "events/s", "waiting", "commit 50 %", "99 %"):
        processes.add_column(name, justify="right")
    processes.add_column("loop lag", justify="right")
    for one in scene.processes:
        processes.add_row(*_cells(one))
    pages = Table(title="busiest pages", title_justify="left", box=None)
    for name in ("tenant", "page", "viewers", "events/s"):
        pages.add_column(name, justify="right" if name in ("viewers", "events/s") else "left")
    for tenant_id, url_id, viewers, events in scene.pages[:10]:
        pages.add_row(Text(tenant_id), Text(url_id[:48]), f"{viewers}", f"{events:.1f}")
    tenants = Table(title="busiest tenants", title_justify="left", box=None)
    tenants.add_column("tenant")
    tenants.add_column("connections", justify="right")
    for tenant_id, connections in scene.tenants[:10]:
        tenants.add_row(Text(tenant_id), f"{connections}")
    parts: list[RenderableType] = [processes, Text(), Columns([pages, tenants], padding=(0, 4))]
    parts += [Text(), *(Text(f"! {what}", style="bold red") for what in scene.wrong)]
    return Group(*parts)


def _summary(scene: Scene) -> str:
    all_of = scene.processes
    return (
        f"{len(all_of)} processes   {sum(one.connections for one in all_of):,} connections   "
        f"{sum(one.operations for one in all_of):,.1f} operations/s   "
        f"{sum(one.delivered for one in all_of):,.0f} events/s   "
        f"{'all well' if not scene.wrong else f'{len(scene.wrong)} wrong'}"
    )


def _cells(one: Process) -> list[str]:
    return [
        *(one.name, one.host, one.pid, _age(one.uptime)),
        *(f"{one.connections:,}", f"{one.pages:,}", f"{one.operations:,.1f}"),
        *(f"{one.delivered:,.0f}", f"{one.waiting:,}"),
        *(_time(one.commit_p50), _time(one.commit_p99), _time(one.lag)),
    ]


def _time(seconds: float | None) -> str:
    """The end of its bucket."""
    if seconds is None:
        return "–"
    if seconds == float("inf"):
        return "> 5 s"
    return f"≤ {seconds * 1000:g} ms"


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
