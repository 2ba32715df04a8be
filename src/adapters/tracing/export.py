"""The sending of spans to a collector, in a thread of its own, so that neither requests nor the stop wait for it."""

import asyncio
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from adapters.tracing.limits import TraceLimits

SERVICE = "product-aggregator"


def otlp_exporter(endpoint: str, limits: TraceLimits) -> SpanExporter:
    """Return what sends spans to a collector (OTLP over HTTP); `endpoint` is its base URL."""
    return OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=limits.send)


def tracer_provider(exporter: SpanExporter, limits: TraceLimits) -> TracerProvider:
    """Return what makes tracers, whose spans wait in a bounded queue until they are sent together."""
    # What operators set in OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES counts.
    resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(
        resource=resource, shutdown_on_exit=False, span_limits=SpanLimits(max_attribute_length=limits.text)
    )
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=limits.waiting,
        schedule_delay_millis=limits.between * 1_000,
        max_export_batch_size=limits.sent_together,
    )
    provider.add_span_processor(processor)
    return provider


async def close_provider(provider: TracerProvider, seconds: float) -> None:
    """Send what waits, but for so long at most."""
    # A daemon: the library waits for up to 30 s for a collector that hangs, and the process must not.
    ending = Thread(target=provider.shutdown, name="last spans", daemon=True)
    ending.start()
    await asyncio.to_thread(ending.join, seconds)
