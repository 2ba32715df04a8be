"""The spans of a trace, bounded in number. Errors are recorded by their type: a message may quote a secret."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, use_span

from domain.errors import Refusal

LEFT_OUT = "aggregator.spans_left_out"
Attributes = Mapping[str, str | int]

_BEGUN: ContextVar[Counter[str] | None] = ContextVar("spans begun in this trace, by name", default=None)


class Spans:
    """Makes spans. Each trace has at most `most` of one name; its first span counts the others in an attribute."""

    def __init__(self, tracer: Tracer, most: int) -> None:
        self._tracer = tracer
        self._most = most

    @contextmanager
    def trace(
        self, name: str, kind: SpanKind, attributes: Attributes | None = None, parent: Context | None = None
    ) -> Iterator[Span]:
        """Begin a trace, or go on with the one of `parent`, a context from another process."""
        begun: Counter[str] = Counter()
        token = _BEGUN.set(begun)
        try:
            span = self._tracer.start_span(name, parent or Context(), kind, dict(attributes or {}))
            with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
                with _failing(span):
                    yield span
                if left_out := sum(max(0, count - self._most) for count in begun.values()):
                    span.set_attribute(LEFT_OUT, left_out)
        finally:
            _BEGUN.reset(token)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Attributes | None = None, *, current: bool = True
    ) -> Iterator[Span]:
        """Make a span of the current trace; a mute one outside any, and beyond their number.

        With `current` the spans inside are its children. A generator must not: its consumer would be inside, too.
        """
        begun = _BEGUN.get()
        if begun is None:
            yield INVALID_SPAN
            return
        begun[name] += 1
        if begun[name] > self._most:
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
