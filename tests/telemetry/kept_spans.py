"""Spans that are kept in memory, and everything that makes them."""

from dataclasses import dataclass, field

from dishka import Provider, Scope, provide
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.tracing.spans import Spans
from entrypoints.limits import Limits


@dataclass
class Kept:
    """The spans that ended, in that order."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def spans(self, most: int = 20) -> Spans:
        """Return what makes them."""
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        return Spans(provider.get_tracer("test"), most)

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.ended if span.name == name]

    def the(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def path(self, span: ReadableSpan) -> list[str]:
        """Return the names from the first span of the trace to this one."""
        above = [each for each in self.ended if span.parent and each.context.span_id == span.parent.span_id]
        return [name for each in above for name in self.path(each)] + [span.name]

    def paths(self) -> list[str]:
        return [" > ".join(self.path(span)) for span in self.ended]


class KeptSpans(Provider):
    """Takes the place of what sends spans."""

    scope = Scope.APP

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept

    @provide(override=True)
    def spans(self, limits: Limits) -> Spans:
        return self._kept.spans(limits.traces.spans_of_a_name)


def attributes_of(span: ReadableSpan, *names: str) -> list[object]:
    return [(span.attributes or {}).get(name) for name in names]
