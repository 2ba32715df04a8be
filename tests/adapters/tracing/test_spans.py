"""The number of spans in a trace, and which of them are left out."""

from contextlib import suppress

import pytest
from opentelemetry.trace import SpanKind

from adapters.tracing.spans import LEFT_OUT, Spans
from domain.errors import WindowTooLarge
from telemetry.kept_spans import Kept, attributes_of

MOST = 2


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def spans(kept: Kept) -> Spans:
    return kept.spans(MOST)


def call(spans: Spans, failing: Exception | None = None, *, within: str | None = None) -> None:
    """Make a call, and perhaps another one within it."""
    with suppress(Exception), spans.span("call", SpanKind.CLIENT):
        if within is not None:
            with spans.span(within, SpanKind.CLIENT):
                pass
        if failing is not None:
            raise failing


def test_what_is_within_a_call_that_is_left_out_is_left_out_too(spans: Spans, kept: Kept) -> None:
    with spans.trace("job", SpanKind.CONSUMER):
        for within in (None, None, "other"):
            call(spans, within=within)
        with spans.span("other", SpanKind.CLIENT):
            pass
    assert kept.paths() == ["job > call", "job > call", "job > other", "job"]
    assert attributes_of(kept.the("job"), LEFT_OUT) == [1]


def test_a_call_that_fails_late_is_shown_up_to_a_number_of_its_own(spans: Spans, kept: Kept) -> None:
    with spans.trace("job", SpanKind.CONSUMER):
        for failing in (None, None, OSError(), None, WindowTooLarge("a refusal"), ValueError(), TypeError()):
            call(spans, failing)
    assert [attributes_of(each, "error.type")[0] for each in kept.named("call")] == [
        None,
        None,
        "OSError",
        "ValueError",
    ]
    assert kept.paths() == ["job > call"] * 4 + ["job"]
    assert attributes_of(kept.the("job"), LEFT_OUT) == [3]


def test_a_trace_that_fails_counts_what_was_left_out(spans: Spans, kept: Kept) -> None:
    with suppress(OSError), spans.trace("job", SpanKind.CONSUMER):
        for _ in range(MOST + 1):
            call(spans)
        raise OSError
    assert attributes_of(kept.the("job"), LEFT_OUT, "error.type") == [1, "OSError"]


def test_the_next_trace_begins_to_count_anew(spans: Spans, kept: Kept) -> None:
    for _ in range(2):
        with spans.trace("job", SpanKind.CONSUMER):
            for _ in range(MOST + 1):
                call(spans)
    assert len(kept.named("call")) == 2 * MOST
