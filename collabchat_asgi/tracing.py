"""Spans for OpenTelemetry: one per operation, its commit inside, continued where hints arrive.

No attribute holds a text, a name, a tenant or a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ConfigError
from .version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

MISSING = "tracing needs opentelemetry-api: pip install 'collabchat-asgi[otel]'"


class OpenTelemetry:
    """What the engine's tracer is, on the provider of the host or the global one.

    Raises `ConfigError` where the package is missing or `provider` is none.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise ConfigError(MISSING) from error
        if provider is not None and not callable(getattr(provider, "get_tracer", None)):
            raise ConfigError(f"tracing={provider!r} must be True, False or a TracerProvider")
        found = provider if provider is not None else trace.get_tracer_provider()
        self.tracer = found.get_tracer("collabchat_asgi", __version__)
        self.propagator = TraceContextTextMapPropagator()

    def operation(self, kind: str) -> Operation:
        """A child of the span that is current, as of an HTTP request; on a socket a trace anew."""
        attributes = {"collabchat.operation": kind}
        return Operation(
            self, self.tracer.start_span("collabchat.operation", attributes=attributes)
        )

    def heard(self, parent: str) -> Operation:
        context = self.propagator.extract({"traceparent": parent})
        return Operation(self, self.tracer.start_span("collabchat.fan-out", context=context))


class Operation:
    """One span, and the one of the commit inside it."""

    __slots__ = ("_commit", "_owner", "_span")

    def __init__(self, owner: OpenTelemetry, span: Span) -> None:
        self._owner = owner
        self._span = span
        self._commit: Span | None = None

    @property
    def parent(self) -> str:
        from opentelemetry import trace

        if not self._span.get_span_context().trace_flags.sampled:
            return ""
        carrier: dict[str, str] = {}
        self._owner.propagator.inject(carrier, trace.set_span_in_context(self._span))
        return carrier.get("traceparent", "")

    def committing(self, operations: int) -> None:
        from opentelemetry import trace

        self._commit = self._owner.tracer.start_span(
            "collabchat.commit",
            context=trace.set_span_in_context(self._span),
            attributes={"collabchat.operations": operations},
        )

    def committed(self) -> None:
        if self._commit is not None:
            self._commit.end()
            self._commit = None

    def ended(self, outcome: str) -> None:
        self.committed()
        self._span.set_attribute("collabchat.outcome", outcome)
        self._span.end()
