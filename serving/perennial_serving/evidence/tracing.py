"""OpenTelemetry spans, by the standard environment variables.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and, for
the names of attributes, https://opentelemetry.io/docs/specs/semconv/.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_SWITCHES = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
_HEADERS = ("traceparent", "tracestate")
_FLUSH_MILLISECONDS = 5_000


def is_on() -> bool:
    """Tell whether the environment asks for traces."""
    env = os.environ
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return env.get("OTEL_TRACES_EXPORTER") != "none" and any(map(env.get, _SWITCHES))


class Tracing:
    """Makes a span for each infer request, below the caller's."""

    def __init__(self, model: str, version: str) -> None:
        """Read the environment; the batches are exported on a thread of the SDK's own."""
        # Here, so that nobody pays for what is off.
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._attributes = {"perennial.model.name": model, "perennial.model.version": version}
        self._kind = trace.SpanKind.SERVER
        self._failed = trace.Status(trace.StatusCode.ERROR)
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(_exporter()))
        self._tracer = self._provider.get_tracer("perennial_serving")
        self._extract = TraceContextTextMapPropagator().extract

    def begin(self, name: str, headers: Mapping[str, str], **attributes: str) -> Any:
        """Start a span below the one that a request's headers name."""
        return self._tracer.start_span(
            name,
            context=self._extract(headers),
            kind=self._kind,
            attributes={**self._attributes, **attributes},
        )

    def end(self, span: Any, attribute: str, status: int, failed: bool) -> str | None:
        """End a span with its status; return the trace's id where it is sampled."""
        span.set_attribute(attribute, status)
        if failed:
            span.set_status(self._failed)
        span.end()
        context = span.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else None

    def flush(self) -> None:
        """Export what is left; this blocks."""
        self._provider.force_flush(_FLUSH_MILLISECONDS)


def _exporter() -> Any:
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def carrier(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return the headers of an HTTP request that carry its trace."""
    named = ((name, headers.get(name.encode())) for name in _HEADERS)
    return {name: value.decode("latin-1") for name, value in named if value is not None}


def trace_id(traceparent: bytes | None) -> str | None:
    """Return the trace's id from a W3C traceparent, None where it is not one.

    Source: https://www.w3.org/TR/trace-context/#traceparent-header.
    """
    parts = (traceparent or b"").split(b"-")
    if len(parts) < 4 or len(parts[1]) != 32 or not parts[1].isalnum():
        return None
    return parts[1].decode("ascii", "replace")
