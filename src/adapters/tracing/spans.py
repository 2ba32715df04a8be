"""The spans of a trace, bounded in number. Errors are recorded by their type: a message may quote a secret."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, format_trace_id, use_span
from structlog.contextvars import bound_contextvars

from domain.errors import Refusal

LEFT_OUT = "aggregator.spans_left_out"
Attributes = Mapping[str, str | int]


@dataclass(slots=True)
class _Trace:
    """The spans of a trace by name: those that have begun, and those beyond their number that failed."""

    begun: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def left_out(self, most: int) -> int:
        """Return how many were not made."""
        shown = sum(min(count, most) for count in self.failed.values())
        return sum(max(0, count - most) for count in self.begun.values()) - shown


_CURRENT: ContextVar[_Trace | None] = ContextVar("the trace that is under way", default=None)


class Spans:
    """Makes spans. Each trace has at most `most` of one name, and as many more that failed.

    Its first span counts the others in an attribute.
    """

    def __init__(self, tracer: Tracer, most: int) -> None:
        self._tracer = tracer
        self._most = most

    @contextmanager
    def trace(
        self, name: str, kind: SpanKind, attributes: Attributes | None = None, parent: Context | None = None
    ) -> Iterator[Span]:
        """Begin a trace, or go on with the one of `parent`, a context from another process. Log lines have its id."""
        trace = _Trace()
        token = _CURRENT.set(trace)
        try:
            span = self._tracer.start_span(name, parent or Context(), kind, dict(attributes or {}))
            trace_id = format_trace_id(span.get_span_context().trace_id)
            with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
                try:
                    with bound_contextvars(trace_id=trace_id), _failing(span):
                        yield span
                finally:
                    if left_out := trace.left_out(self._most):
                        span.set_attribute(LEFT_OUT, left_out)
        finally:
            _CURRENT.reset(token)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Attributes | None = None, *, current: bool = True
    ) -> Iterator[Span]:
        """Make a span of the current trace; without one, or beyond `most` unless the block fails, it records nothing.

        With `current` the spans inside are its children. A generator passes False, as its consumer's spans are not.
        """
        trace = _CURRENT.get()
        if trace is None:
            yield INVALID_SPAN
            return
        trace.begun[name] += 1
        if trace.begun[name] > self._most:
            with self._failure(name, kind, attributes, trace, current=current):
                yield INVALID_SPAN
            return
        span = self._tracer.start_span(name, kind=kind, attributes=dict(attributes or {}))
        try:
            with _failing(span):
                if current:
                    with use_span(span, record_exception=False, set_status_on_exception=False):
                        yield span
                else:
                    yield span
        finally:
            span.end()

    @contextmanager
    def _failure(
        self, name: str, kind: SpanKind, attributes: Attributes | None, trace: _Trace, *, current: bool
    ) -> Iterator[None]:
        """Make a span if the block fails, up to `most` of one name. With `current` the block itself makes no spans."""
        began, token = time.time_ns(), _CURRENT.set(None) if current else None
        try:
            yield
        except Refusal:
            raise
        except Exception as error:
            trace.failed[name] += 1
            if trace.failed[name] <= self._most:
                span = self._tracer.start_span(name, kind=kind, attributes=dict(attributes or {}), start_time=began)
                failed(span, type(error).__qualname__)
                span.end()
            raise
        finally:
            if token is not None:
                _CURRENT.reset(token)


def failed(span: Span, error: str) -> None:
    """Note what kind of error a span ended with."""
    span.set_attribute("error.type", error)
    span.set_status(StatusCode.ERROR)


@contextmanager
def _failing(span: Span) -> Iterator[None]:
    try:
        yield
    except (Refusal, GeneratorExit):
        # Answers, not failures: a product that is not there, a client that has read enough.
        raise
    except BaseException as error:
        failed(span, type(error).__qualname__)
        raise
