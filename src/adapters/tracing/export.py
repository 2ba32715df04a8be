"""The sending of spans to a collector, in a thread of its own, so that neither requests nor the stop wait for it."""

import asyncio
import os
from collections.abc import Sequence
from threading import Thread
from typing import TypeVar

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from adapters.tracing.limits import TraceLimits

Limit = TypeVar("Limit", int, float)

log = structlog.get_logger(__name__)

SERVICE = "product-aggregator"


def otlp_exporter(endpoint: str, limits: TraceLimits) -> SpanExporter:
    """Return an exporter of spans to a collector (OTLP over HTTP); `endpoint` is its base URL."""
    return LoggedExporter(
        OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces", timeout=_unless_given("OTEL_EXPORTER_OTLP_TIMEOUT", limits.send)
        )
    )


class LoggedExporter(SpanExporter):
    """Says when a collector begins and ceases to refuse spans; the library says so of every attempt, with the URL."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._trouble = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; those that are not taken are lost."""
        result = self._exporter.export(spans)
        trouble = result is not SpanExportResult.SUCCESS
        if trouble and not self._trouble:
            remedy = "see that it takes OTLP over HTTP at OTEL_EXPORTER_OTLP_ENDPOINT, with OTEL_EXPORTER_OTLP_HEADERS"
            log.warning("the collector takes no spans, so traces are lost", remedy=remedy)
        elif self._trouble and not trouble:
            log.info("the collector takes spans again")
        self._trouble = trouble
        return result

    def shutdown(self) -> None:
        """Break off the sending under way."""
        self._exporter.shutdown()


def tracer_provider(exporter: SpanExporter, limits: TraceLimits) -> TracerProvider:
    """Return a provider of tracers, whose spans wait in a bounded queue until they are sent together."""
    # The operator's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
    resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(
        resource=resource, shutdown_on_exit=False, span_limits=SpanLimits(max_attribute_length=limits.text)
    )
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=_unless_given("OTEL_BSP_MAX_QUEUE_SIZE", limits.waiting),
        schedule_delay_millis=_unless_given("OTEL_BSP_SCHEDULE_DELAY", limits.between * 1_000),
        max_export_batch_size=_unless_given("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", limits.sent_together),
    )
    provider.add_span_processor(processor)
    return provider


async def close_provider(provider: TracerProvider, seconds: float) -> None:
    """Send the waiting spans, for so long at most."""
    # A daemon: the library waits for up to 30 s for a collector that hangs, and the process must not.
    ending = Thread(target=provider.shutdown, name="last spans", daemon=True)
    ending.start()
    await asyncio.to_thread(ending.join, seconds)


def _unless_given(variable: str, limit: Limit) -> Limit | None:
    """Return our limit, or None where the library shall read the operator's variable."""
    return None if os.environ.get(variable) else limit
