"""The sending of spans: bounded, beside the work, and not waited for at the stop."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from adapters.tracing.export import LoggedExporter, close_provider, tracer_provider
from adapters.tracing.limits import TraceLimits
from waiting import until


@dataclass
class Collector(SpanExporter):
    """A collector that hangs until the test lets it go on."""

    go_on: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    taken: list[str] = field(default_factory=list)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.go_on.wait()
        self.taken += [span.name for span in spans]
        return SpanExportResult.SUCCESS


@dataclass
class Answering(SpanExporter):
    """A collector with these answers."""

    answers: Iterator[SpanExportResult]

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return next(self.answers)


@pytest.fixture
def hanging() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.go_on.set()


async def test_a_collector_that_hangs_holds_up_neither_spans_nor_the_stop(hanging: Collector) -> None:
    provider = tracer_provider(hanging, TraceLimits(waiting=8, sent_together=4))
    tracer = provider.get_tracer("test")
    for number in range(100):
        tracer.start_span(str(number)).end()
    await until(hanging.asked.is_set)
    # Would never return if either waited for the collector.
    for number in range(100, 200):
        tracer.start_span(str(number)).end()
    await close_provider(provider, 0.05)
    assert hanging.taken == []
    assert "last spans" in {thread.name for thread in threading.enumerate()}, "the stop waited for the collector"
    hanging.go_on.set()
    # The thread may go on to send, but never more than had a place.
    await until(lambda: len(hanging.taken) >= 4)
    assert len(hanging.taken) <= 4 + 8


async def test_a_collector_that_takes_nothing_is_said_once_and_so_is_its_return() -> None:
    failed, taken = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    answers = [taken, failed, failed, taken, taken, failed]
    exporter = LoggedExporter(Answering(iter(answers)))
    with capture_logs() as lines:
        assert [exporter.export([]) for _ in answers] == answers
    assert [line["log_level"] for line in lines] == ["warning", "info", "warning"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in lines[0]["remedy"]


async def test_the_librarys_variables_come_before_our_limits(
    hanging: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
    provider = tracer_provider(hanging, TraceLimits(waiting=64, sent_together=1))
    tracer = provider.get_tracer("test")
    tracer.start_span("sent").end()
    await until(hanging.asked.is_set)
    for _ in range(8):
        tracer.start_span("waiting").end()
    hanging.go_on.set()
    await close_provider(provider, 60)
    assert hanging.taken == ["sent", "waiting", "waiting"]


async def test_what_waits_is_sent_at_the_stop(hanging: Collector) -> None:
    hanging.go_on.set()
    provider = tracer_provider(hanging, TraceLimits(between=3_600))
    provider.get_tracer("test").start_span("last").end()
    await close_provider(provider, 60)
    assert hanging.taken == ["last"]


async def test_the_loop_goes_on_while_the_stop_waits(hanging: Collector) -> None:
    provider = tracer_provider(hanging, TraceLimits())
    provider.get_tracer("test").start_span("last").end()
    closing = asyncio.create_task(close_provider(provider, 60))
    await until(hanging.asked.is_set)
    assert not closing.done()
    hanging.go_on.set()
    await closing
