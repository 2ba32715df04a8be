"""The registry of a process: bounded, its own, and read without asking anybody."""

import asyncio
from collections import Counter as Count
from datetime import timedelta
from http import HTTPStatus
from importlib.metadata import version
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics.inspection_metrics import InspectionMetrics
from adapters.metrics.metrics import Metrics
from adapters.postgres.connection import DatabaseLimits, connect, create_engine
from adapters.postgres.pool import queue_of
from application.bounded_queue import BoundedQueue
from application.synchronisation.access_token.renewal import TokenEvent
from application.synchronisation.batch_report import BatchReport, FailureReason, Outcome
from application.synchronisation.upstream_calls import Endpoint, NoAnswer
from domain.product import RegistrationState
from fakes.storage import NOON
from telemetry.metric_values import counted, series
from waiting import let_others_run

ALERTED = (
    "aggregator_refresh_lag_seconds",
    "aggregator_last_tick_timestamp_seconds",
    "aggregator_last_housekeeping_timestamp_seconds",
    "aggregator_waiting_jobs",
    "aggregator_batches_given_up_total",
    "aggregator_product_failures_total",
    "aggregator_offer_rows_refused_total",
    "aggregator_token_renewals_total",
)


def test_nothing_that_comes_from_outside_makes_a_series_of_its_own() -> None:
    metrics = Metrics()
    for number in range(-5, 1_100):
        for method in ("GET", uuid4().hex):
            metrics.http.request(method, "/products", number, 0.1)
        for endpoint in Endpoint:
            metrics.upstream.call(endpoint, number, 0.1)
            for reason in NoAnswer:
                metrics.upstream.call(endpoint, reason, 0.1)
    shown = len(series(metrics))
    assert shown < 800
    assert {labels["method"] for labels, _ in series(metrics, "aggregator_http_requests_total")} == {"GET", "OTHER"}
    statuses = {labels["status"] for labels, _ in series(metrics, "aggregator_http_requests_total")}
    assert statuses == {str(status.value) for status in HTTPStatus} | {"none", "499", "other"}
    assert {labels["status"] for labels, _ in series(metrics, "aggregator_upstream_calls_total")} == {
        *("200", "201", "400", "401", "404", "409", "422", "429", "500", "502", "503", "504"),
        *("1xx", "2xx", "3xx", "4xx", "5xx", "other"),
        *("timeout", "connection_failed", "host_not_resolved", "tls_failed", "proxy_failed", "not_http", "malformed"),
        "abandoned",
    }


def test_the_texts_of_errors_make_no_series() -> None:
    metrics = Metrics()
    for _ in range(1_000):
        failures = Count({FailureReason.ANSWER_REFUSED: 1})
        metrics.work.batch("refresh", BatchReport(Count({Outcome.FAILED: 1}), Count({uuid4().hex: 1}), failures), 0.1)
        metrics.work.batch("refresh", BatchReport(held_back=uuid4().hex), 0.1)
    assert counted(metrics, "aggregator_product_failures_total", work="refresh", reason="answer_refused") == 1_000
    assert counted(metrics, "aggregator_batches_given_up_total", work="refresh", reason="held_back") == 1_000
    assert counted(metrics, "aggregator_batch_duration_seconds_count", work="refresh") == 1_000
    assert len(series(metrics)) < 100


def test_what_is_alerted_on_begins_at_nought() -> None:
    metrics = Metrics()
    metrics.working()
    metrics.http.serving([("GET", "/products")])
    for name in ALERTED:
        assert {value for _, value in series(metrics, name)} == {0}, name
    for status in ("500", "503"):
        labels = {"method": "GET", "route": "/products", "status": status}
        assert metrics.registry.get_sample_value("aggregator_http_requests_total", labels) == 0
    labels = {"work": "refresh", "outcome": "observed"}
    assert metrics.registry.get_sample_value("aggregator_products_processed_total", labels) == 0
    open_breakers = [
        value for labels, value in series(metrics, "aggregator_breaker_state") if labels["state"] == "open"
    ]
    assert open_breakers == [0, 0]
    assert len(series(metrics, "aggregator_product_failures_total")) == 2 * len(FailureReason)
    assert len(series(metrics, "aggregator_token_renewals_total")) == len(TokenEvent)
    assert {value for _, value in series(metrics, "aggregator_token_renewals_total")} == {0}


def test_a_batch_that_found_nothing_to_do_is_not_timed() -> None:
    metrics = Metrics()
    metrics.work.batch("refresh", BatchReport(), 0.001)
    assert not series(metrics, "aggregator_batch_duration_seconds")


def test_every_process_counts_for_itself_beside_the_numbers_of_the_process() -> None:
    one, other = Metrics(), Metrics()
    one.work.given_up("refresh", "internal")
    assert counted(one, "aggregator_batches_given_up_total", work="refresh", reason="internal") == 1
    assert counted(other, "aggregator_batches_given_up_total", work="refresh", reason="internal") == 0
    assert not [metric.name for metric in REGISTRY.collect() if metric.name.startswith("aggregator")]
    assert counted(one, "process_resident_memory_bytes") > 0
    assert series(one, "python_info")


def test_lag_and_queue_are_shown_only_where_something_ticks_and_say_when() -> None:
    metrics = Metrics()
    assert "aggregator_refresh_lag_seconds" not in metrics.exposition("")[0].decode()
    metrics.working()
    assert counted(metrics, "aggregator_last_tick_timestamp_seconds") == 0
    metrics.work.scheduled(1.0, 2, NOON)
    metrics.work.scheduled(7.5, 3, NOON + timedelta(seconds=0.5))
    assert counted(metrics, "aggregator_refresh_lag_seconds") == 7.5
    assert counted(metrics, "aggregator_waiting_jobs") == 3
    assert counted(metrics, "aggregator_last_tick_timestamp_seconds") == NOON.timestamp() + 0.5


def test_the_version_is_shown() -> None:
    assert counted(Metrics(), "aggregator_build_info", version=version("product-aggregator")) == 1


def test_products_are_shown_by_state_and_those_that_are_gone_no_longer() -> None:
    metrics = Metrics()
    metrics.working()
    metrics.work.counted({RegistrationState.REGISTERED: 7, RegistrationState.REJECTED: 1})
    metrics.work.counted({RegistrationState.REGISTERED: 8})
    shown = {
        labels["registration"]: value for labels, value in series(metrics, "aggregator_products") if len(labels) == 1
    }
    assert shown == {"registered": 8, "pending": 0, "rejected": 0, "conflict": 0}


def test_the_expiry_of_the_token_is_shown_while_there_is_one() -> None:
    metrics, held = Metrics(), [NOON, None]
    metrics.upstream.watch_token(lambda: held[0])
    assert counted(metrics, "aggregator_token_expiry_timestamp_seconds") == NOON.timestamp()
    held.pop(0)
    assert counted(metrics, "aggregator_token_expiry_timestamp_seconds") == 0


def test_the_end_of_the_housekeeping_is_shown() -> None:
    metrics = Metrics()
    metrics.working()
    metrics.work.housekept(NOON)
    assert counted(metrics, "aggregator_last_housekeeping_timestamp_seconds") == NOON.timestamp()


async def test_requests_and_callers_are_shown_that_have_no_place_yet() -> None:
    metrics, places = Metrics(), BoundedQueue(at_once=1, waiting=2)
    metrics.http.watch_requests("read", lambda: places.present)

    async def hold() -> None:
        async with places:
            await asyncio.Event().wait()

    held = [asyncio.create_task(hold()) for _ in range(3)]
    await let_others_run()
    assert (counted(metrics, "aggregator_http_requests_in_flight", kind="read"), places.waiting) == (3, 2)
    for task in held:
        task.cancel()
    await asyncio.wait(held)
    assert (counted(metrics, "aggregator_http_requests_in_flight", kind="read"), places.waiting) == (0, 0)


def test_a_breaker_is_in_one_state() -> None:
    metrics = Metrics()
    for state in ("closed", "open", "half_open", "open"):
        metrics.work.breaker("refresh", state)
        shown = {labels["state"]: value for labels, value in series(metrics, "aggregator_breaker_state")}
        assert shown == {"closed": 0, "open": 0, "half_open": 0} | {state: 1}
    metrics.work.breaker("registrations", "closed")
    assert len(series(metrics, "aggregator_breaker_state")) == 6


async def test_the_pool_is_shown_as_it_is_at_the_scrape(engine: AsyncEngine) -> None:
    metrics = Metrics()
    metrics.database.watch_pool(10, queue_of(engine))
    before = counted(metrics, "aggregator_database_connections", state="checked_out")
    async with connect(engine), connect(engine):
        assert counted(metrics, "aggregator_database_connections", state="checked_out") == before + 2
    assert counted(metrics, "aggregator_database_connections", state="checked_out") == before
    assert counted(metrics, "aggregator_database_connections", state="size") == 10


async def test_a_scrape_asks_no_database() -> None:
    metrics, engine = Metrics(), create_engine("postgresql://127.0.0.1:1/nobody", DatabaseLimits(connections=3))
    metrics.database.watch_pool(3, queue_of(engine))
    assert b"aggregator_database_waiters 0.0" in metrics.exposition("")[0]
    assert 'aggregator_database_connections{state="size"} 3.0' in metrics.exposition("")[0].decode()
    await engine.dispose()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text;version=one", "text/plain"),
        ("text/plain;version=1.x,;;=,", "text/plain"),
    ],
)
def test_the_form_is_the_one_that_was_asked_for(accept: str, content_type: str) -> None:
    body, given = Metrics().exposition(accept)
    assert given.startswith(content_type)
    assert body.endswith(b"# EOF\n") == (content_type != "text/plain")


def test_every_metric_says_what_it_is_and_a_time_that_it_is_in_seconds() -> None:
    metrics = Metrics()
    metrics.working()
    InspectionMetrics(metrics.registry)
    ours = [metric for metric in metrics.registry.collect() if metric.name.startswith("aggregator")]
    assert len(ours) == 42
    for metric in ours:
        assert len(metric.documentation) > 30
        assert metric.type != "histogram" or metric.name.endswith("_seconds")
