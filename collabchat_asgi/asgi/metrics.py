"""`GET metrics` for Prometheus: what all processes have counted, or this one alone.

`prometheus-client` is imported where somebody asks, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from ..core.measures import FAMILIES, Row, together
from ..engine.engine import Engine
from ..engine.measuring.counts import Counted
from ..errors import ConfigError, Refused
from .exchange import Exchange
from .response import Response

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import CollectorRegistry

MISSING = "metrics need prometheus-client: pip install 'collabchat-asgi[prometheus]'"

PROCESS_DIGITS = 12
"""Of a process's name; drawn by chance at its start."""


async def metrics(exchange: Exchange) -> Response:
    """Raises `Refused` where neither the token nor the role allows it."""
    if exchange.method not in ("GET", "HEAD"):
        return Response.only("GET", "HEAD")
    alone = exchange.query.get("of", "all")
    if alone not in ("all", "this"):
        raise Refused("invalid", "of must be all or this", field="of")
    await _check_allowed(exchange)
    try:
        from prometheus_client import exposition
    except ImportError as error:
        raise Refused("unsupported", MISSING) from error
    numbers, services = exchange.engine.running.numbers, exchange.services
    peers = len(services.gossip.peers)
    told = {services.run: numbers.here()} if alone == "this" else await numbers.everywhere()
    silent = 0 if alone == "this" else max(0, peers + 1 - len(told))
    encoder, content_type = exposition.choose_encoder(exchange.headers.get("accept", ""))
    body: bytes = encoder(_Told(lambda: _families(told, silent)))
    return Response(200, {"cache-control": "no-store", "content-type": content_type}, body)


async def _check_allowed(exchange: Exchange) -> None:
    insecure = exchange.gate.insecure(exchange.scope)
    if insecure is not None:
        raise Refused("forbidden", insecure)
    if exchange.gate.may_scrape(exchange.scope):
        return
    try:
        admission = await exchange.admit(exchange.query.get("tenantId"))
        exchange.charge_read(admission)
        await exchange.authorize(admission, "inspect", "")
    except Refused as refusal:
        if refusal.code not in ("unauthenticated", "forbidden"):
            raise
        whose = (
            "metrics are for whoever sends metrics_token (COLLABCHAT_METRICS_TOKEN) as "
            "Authorization: Bearer, or may inspect"
        )
        exchange.gate.log.warning("metrics", "a scrape is refused: %s", whose)
        raise Refused(refusal.code, whose) from refusal


def register(registry: CollectorRegistry, engine: Engine) -> None:
    """This process's numbers in the host's own registry: those of all engines that were ever
    registered there, for a sample must not come twice. Raises `ConfigError` where it is none."""
    if not callable(getattr(registry, "register", None)):
        raise ConfigError(
            f"metrics_registry={registry!r} must be a prometheus_client.CollectorRegistry, "
            "such as prometheus_client.REGISTRY"
        )
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise ConfigError(MISSING) from error

    ledger = _ledgers.get(registry)
    if ledger is None:
        ledger = _ledgers[registry] = _Ledger()
        registry.register(_Told(partial(_of_this_process, ledger)))
    ledger.add(engine)


def _of_this_process(ledger: _Ledger) -> Iterator[Metric]:
    return _families({"": ledger.rows()}, None)


class _Ledger:
    """How the engines of one registry are, and what they and all former ones have counted: a
    counter that goes down is taken for one that began anew. It keeps no engine in memory, and may
    be read in any thread, before the start and after the stop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._engines: list[tuple[Counted, ref[Engine]]] = []
        self._gone: list[Row] = []

    def add(self, engine: Engine) -> None:
        with self._lock:
            self._fold()
            self._engines.append((engine.counted, ref(engine)))

    def rows(self) -> list[Row]:
        with self._lock:
            self._fold()
            told = [self._gone]
            for counted, known in self._engines:
                engine = known()
                told += [counted.rows(), engine.gauges() if engine else []]
        return together(told)

    def _fold(self) -> None:
        gone = [counted for counted, engine in self._engines if engine() is None]
        if gone:
            self._gone = together([self._gone, *(counted.rows() for counted in gone)])
            self._engines = [one for one in self._engines if one[0] not in gone]


_ledgers: WeakKeyDictionary[CollectorRegistry, _Ledger] = WeakKeyDictionary()


class _Told:
    """What prometheus-client calls a collector, and takes for a registry as well."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self.collect = collect

    def describe(self) -> list[Metric]:
        return []


def _families(told: Mapping[str, list[Row]], silent: int | None) -> Iterator[Metric]:
    """`silent`: processes that did not answer; None: nobody else was asked."""
    from prometheus_client import core

    kinds = {
        "counter": core.CounterMetricFamily,
        "gauge": core.GaugeMetricFamily,
        "histogram": core.HistogramMetricFamily,
    }
    by_name: dict[str, list[tuple[list[str], list[float]]]] = {}
    for run, rows in told.items():
        process = [run[:PROCESS_DIGITS]] if run else []
        for name, labels, numbers in rows:
            # A process of another release may count what is not known here.
            if name in FAMILIES and len(labels) == len(FAMILIES[name].labels):
                by_name.setdefault(name, []).append(([*process, *labels], numbers))
    labelled = ["process"] if "" not in told else []
    for name, family in FAMILIES.items():
        metric = kinds[family.kind](
            f"collabchat_{name}", family.help, labels=[*labelled, *family.labels]
        )
        for labels, numbers in by_name.get(name, ()):
            if isinstance(metric, core.HistogramMetricFamily):
                if len(numbers) == len(family.bounds) + 2:
                    metric.add_metric(labels, _cumulated(family.bounds, numbers), numbers[-1])
            else:
                metric.add_metric(labels, numbers[0])
        yield metric
    if silent is not None:
        yield core.GaugeMetricFamily(
            "collabchat_processes_silent",
            "Processes that were heard lately and did not answer this scrape.",
            value=silent,
        )


def _cumulated(bounds: tuple[float, ...], numbers: list[float]) -> list[tuple[str, float]]:
    buckets, reached = [], 0.0
    for bound, count in zip([*map(str, bounds), "+Inf"], numbers, strict=False):
        reached += count
        buckets.append((bound, reached))
    return buckets
