"""The subcommand `load`: how much a server carries, from people made of thin air."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigError
from .session import finish

if TYPE_CHECKING:
    from .loading import Seen, Wanted

HELP = "put load on a server of your own, and say how long everything took and what was lost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="as http://127.0.0.1:8000/collabchat")
    for name, most, default, help in (
        ("viewers", 5_000, 50, "who look"),
        ("writers", 500, 5, "who write, on the same pages"),
        ("pages", 1_000, 1, "that both are spread over"),
        ("storms", 20, 0, "times that all viewers lose their connection and come back at once"),
    ):
        parser.add_argument(
            f"--{name}",
            type=_within(int, 0 if name in ("storms", "writers") else 1, most),
            default=default,
            metavar="N",
            help=f"{help}; {default} by default, at most {most:,}",
        )
    parser.add_argument(
        "--rate",
        type=_within(float, 0.1, 5_000),
        default=10.0,
        metavar="N",
        help="operations a second of all writers; 10 by default, at most 5,000",
    )
    parser.add_argument(
        "--seconds",
        type=_within(float, 0.5, 600),
        default=10.0,
        metavar="N",
        help="10 by default, at most 600",
    )
    parser.add_argument("--token", help="that everyone sends; otherwise all are new visitors")
    parser.add_argument(
        "--pid", type=int, help="of the server, on this machine: say what it cost, workers included"
    )
    parser.add_argument("--tenant", metavar="ID")
    parser.add_argument("--origin", metavar="URL", help="a page's origin, where one is needed")
    parser.add_argument(
        "--not-loopback", action="store_true", help="it is my own machine, although it is another"
    )


def run(arguments: argparse.Namespace) -> int:
    return finish(_run(arguments))


def _within(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {least:g} to {most:,g}")
        return value

    return number


async def _run(arguments: argparse.Namespace) -> int:
    """1 where something was lost or not answered."""
    check_is_ours(arguments.url, sure=arguments.not_loopback)
    try:
        import websockets
    except ImportError as error:
        raise ConfigError("load needs websockets: pip install 'collabchat-asgi[load]'") from error
    from ..testing.socket_client import Dial, NotReceived
    from .loading import Load, Wanted
    from .process_cost import cost_of

    wanted = Wanted(
        viewers=arguments.viewers,
        writers=arguments.writers,
        pages=arguments.pages,
        rate=arguments.rate,
        seconds=arguments.seconds,
        storms=arguments.storms,
    )
    dial = Dial(
        url=arguments.url.rstrip("/"),
        tenant=arguments.tenant,
        token=arguments.token,
        origin=arguments.origin,
        deadline=30.0,
    )
    measure = partial(cost_of, arguments.pid) if arguments.pid else None
    before = measure() if measure else None
    load = Load(dial, wanted, measure)
    try:
        seen = await load.run()
    except (OSError, NotReceived, websockets.exceptions.WebSocketException) as error:
        print(f"collabchat: the load failed: {error}", file=sys.stderr)
        return 1
    for line in report(wanted, seen):
        print(line)
    if before is not None and load.cost is not None:
        used = load.cost.since(before)
        print(f"server: {used.seconds:.2f} s of a processor, {used.bytes / 2**20:+.1f} MiB")
    return int(bool(seen.lost or seen.unanswered or seen.gaps or seen.gone))


def check_is_ours(url: str, *, sure: bool) -> None:
    """Raises `ConfigError` where this would be somebody else's machine, as far as one can tell."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url}: an address is needed, as http://127.0.0.1:8000/collabchat")
    try:
        home = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        home = parts.hostname == "localhost"
    if not (home or sure):
        raise ConfigError(
            f"{parts.hostname} is not this machine: say --not-loopback if it is yours, and nobody "
            "is on it who would mind"
        )


def report(wanted: Wanted, seen: Seen) -> Iterator[str]:
    """Lines to print."""
    from .loading import percentile

    yield (
        f"{wanted.viewers:,} viewers and {wanted.writers:,} writers on {wanted.pages:,} pages, "
        f"{wanted.rate:g} operations/s for {wanted.seconds:g} s, {wanted.storms} storms"
    )
    yield f"{'ms':<10}{'50 %':>9}{'95 %':>9}{'99 %':>9}{'most':>9}{'of':>11}"
    for name in ("joins", "acks", "deliveries", "resumes"):
        times: list[float] = getattr(seen, name)
        if times:
            shares = (percentile(times, share) or 0.0 for share in (0.5, 0.95, 0.99, 1.0))
            cells = "".join(f"{share * 1000:>9.1f}" for share in shares)
            yield f"{name:<10}{cells}{len(times):>11,}"
    refused = sum(seen.refused.values())
    codes = ", ".join(f"{code} {count}" for code, count in sorted(seen.refused.items()))
    yield (
        f"sent {seen.sent:,}, acknowledged {len(seen.acks):,}, refused {refused:,}"
        f"{f' ({codes})' if codes else ''}, unanswered {seen.unanswered:,}"
    )
    yield (
        f"due {seen.expected:,} deliveries, lost {seen.lost:,}, gaps {seen.gaps:,}, "
        f"connections gone {seen.gone:,}"
    )
    if "rate-limited" in seen.refused:
        yield "rate-limited: a user may do so much and no more; take more writers for this rate"
