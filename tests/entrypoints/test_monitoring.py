"""What a process tells operators over a socket: its metrics, and whether its loop still turns."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

import httpx
import pytest
from dishka import AsyncContainer, Provider, Scope, provide
from saq.queue.postgres import PostgresQueue
from saq.types import Context
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.job_queue import postgres_queue
from adapters.metrics.metrics import Metrics
from adapters.queue_connections import QueueLimits
from application.access.actor import OPERATOR
from application.alerts.upkeep import TidyAlerts
from application.catalogue.registration import RegisterProduct
from application.clock_watch import ClockWatch
from application.housekeeping import KeepHouse
from application.prices.listed_changes import ListedChanges
from application.synchronisation.offers_gateway import NotAuthorised, OffersGateway
from application.synchronisation.scheduling import Job
from application.unit_of_work import BeginWork
from application.upkeep_pace import UpkeepPace
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.limits import WORKING
from entrypoints.listening import CannotListen
from entrypoints.monitoring import Heartbeat, monitoring_listener
from entrypoints.worker.jobs import make_worker
from fakes.access_readers import InMemoryAuditUpkeep
from fakes.alerts import InMemoryAlertUpkeep
from fakes.clock_watch import clock_watch as agreeing_clocks
from fakes.events import InMemoryEventUpkeep
from fakes.synchronisation import Synchronising
from fakes.upkeep import InMemoryCataloguePurge, InMemoryHistoryUpkeep, InMemoryListedChanges
from fakes.webhooks import InMemoryWebhookUpkeep
from telemetry.metric_values import counted, series
from waiting import PATIENCE

HOST = "127.0.0.1"
REFRESH_TOKEN = "the-refresh-token-that-is-secret"
PASSWORD = "the-password-that-is-secret"


@asynccontextmanager
async def monitored(metrics: Metrics, heartbeat: Heartbeat | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        monitoring_listener(metrics, HOST, 0, heartbeat) as port,
        httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=PATIENCE) as client,
    ):
        yield client


async def test_metrics_are_answered_in_the_form_that_is_asked_for() -> None:
    metrics = Metrics()
    metrics.work.given_up("refresh", "internal")
    line = 'aggregator_batches_given_up_total{reason="internal",work="refresh"} 1.0\n'
    async with monitored(metrics) as client:
        for accept in ("application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4", "*/*", "x;version=y"):
            answer = await client.get("/metrics", headers={"Accept": accept})
            assert answer.status_code == 200
            assert line in answer.text
            wanted = "application/openmetrics-text" if accept.startswith("application") else "text/plain"
            assert answer.headers["Content-Type"].startswith(wanted)


async def test_nothing_else_is_answered() -> None:
    async with monitored(Metrics()) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.get("/products")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


async def test_a_loop_or_tick_that_has_stalled_is_not_alive_until_it_goes_on() -> None:
    heartbeat = Heartbeat(patience=30)
    async with monitored(Metrics(), heartbeat) as client:
        for ago, status in ((0.0, 200), (29, 200), (31, 503)):
            heartbeat.beat()
            heartbeat._last -= ago
            assert (await client.get("/health/live")).status_code == status
        heartbeat.beat()
        assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_a_process_without_a_tick_lives_as_long_as_it_answers() -> None:
    async with monitored(Metrics()) as client:
        assert (await client.get("/health/live")).status_code == 200


async def test_it_listens_only_where_it_is_told_to_and_no_longer_than_the_block() -> None:
    async with monitoring_listener(Metrics(), HOST, None) as port:
        assert port is None
    async with monitoring_listener(Metrics(), HOST, 0) as port:
        assert port is not None
        with pytest.raises(CannotListen, match="Set METRICS_PORT to another"):
            async with monitoring_listener(Metrics(), HOST, port):
                pass
    with socket.socket() as client:
        assert client.connect_ex((HOST, port)) != 0


async def run_job(container: AsyncContainer, job: Job) -> None:
    """Run a worker's job once, as SAQ would."""
    worker = await make_worker(container)
    context: Context = {"worker": worker}
    await worker.functions[job.value](context)


async def test_a_worker_counts_all_that_it_does_and_shows_no_secret(database: AsyncEngine, dsn: str) -> None:
    async with running_simulator(SimulatorOptions(refresh_token=REFRESH_TOKEN, seed=1)) as simulator:
        settings = {
            "DATABASE_URL": dsn,
            "OFFERS_BASE_URL": simulator.base_url,
            "OFFERS_REFRESH_TOKEN": REFRESH_TOKEN,
            "ADMIN_PASSWORD": PASSWORD,
        }
        container = make_container(read_settings(settings), limits=WORKING)
        register, metrics = await container.get(RegisterProduct), await container.get(Metrics)
        good, bad, refused = [
            (await register(name=name, description="", actor=OPERATOR)).product.id
            for name in ("good", "bad", "refused")
        ]
        simulator.simulation.misbehave(
            Faults(
                malformed={"html": frozenset({bad})},
                reject_products=frozenset({refused}),
                bodies={422: f'{{"detail": "{REFRESH_TOKEN}"}}'},
            )
        )
        async with monitored(metrics) as client:
            await run_job(container, Job.SUBMIT_REGISTRATIONS)
            await run_job(container, Job.REFRESH_DUE_PRODUCTS)
            shown = (await client.get("/metrics")).text
            access_token = simulator.simulation.tokens._live
        await container.close()
    assert access_token is not None
    for line in (
        'products_processed_total{outcome="registered",work="registrations"} 2.0',
        'products_processed_total{outcome="observed",work="refresh"} 1.0',
        'products_processed_total{outcome="failed",work="refresh"} 1.0',
        'product_failures_total{reason="answer_refused",work="refresh"} 1.0',
        'product_failures_total{reason="registration_refused",work="registrations"} 1.0',
        'batch_duration_seconds_count{work="refresh"} 1.0',
        'upstream_calls_total{call="auth",status="201"} 1.0',
        'upstream_calls_total{call="register",status="422"} 1.0',
        'upstream_calls_total{call="offers",status="200"} 2.0',
        'token_renewals_total{outcome="renewed"} 1.0',
        'database_connections{state="size"} 9.0',
    ):
        assert f"\naggregator_{line}\n" in shown
    for secret in (REFRESH_TOKEN, PASSWORD, access_token.text, str(good), str(bad)):
        assert secret not in shown


class ScriptedOutside(Provider):
    """A storage and an upstream that a test switches."""

    scope = Scope.APP

    def __init__(self, everything: Synchronising, begin: BeginWork | None = None) -> None:
        super().__init__()
        self._everything = everything
        self._begin = begin or everything.storage.begin

    @provide(override=True)
    def begin_work(self) -> BeginWork:
        return self._begin

    @provide(override=True)
    def offers_gateway(self) -> OffersGateway:
        return self._everything.upstream

    @provide(override=True)
    def postgres_queue(self) -> PostgresQueue:
        return postgres_queue("postgresql://nowhere.invalid/none", QueueLimits(connections=1))

    @provide(override=True)
    def keep_house(self) -> KeepHouse:
        storage = self._everything.storage
        clocks = agreeing_clocks(storage)
        purge, history = InMemoryCataloguePurge(storage), InMemoryHistoryUpkeep(storage)
        audit, events = InMemoryAuditUpkeep(storage), InMemoryEventUpkeep(storage)
        alerts = TidyAlerts(storage.begin, InMemoryAlertUpkeep(storage))
        webhooks = InMemoryWebhookUpkeep(storage)
        return KeepHouse(
            purge, history, audit, events, alerts, webhooks, UpkeepPace(), clocks, timedelta(days=8), lambda: 0.0
        )

    @provide(override=True)
    def clock_watch(self) -> ClockWatch:
        return agreeing_clocks(self._everything.storage)

    @provide(override=True)
    def listed_changes(self) -> ListedChanges:
        return InMemoryListedChanges(self._everything.storage)


def broken() -> NoReturn:
    raise ZeroDivisionError


async def test_a_batch_that_does_not_come_to_its_end_is_counted_by_why() -> None:
    everything = Synchronising()
    container = make_container(read_settings({}), ScriptedOutside(everything))
    metrics = await container.get(Metrics)
    await run_job(container, Job.REFRESH_DUE_PRODUCTS)
    assert not series(metrics, "aggregator_batches_given_up_total")
    everything.upstream.no_access = NotAuthorised("a reason that is not shown")
    await run_job(container, Job.REFRESH_DUE_PRODUCTS)
    everything.upstream.no_access, everything.storage.away = None, True
    await run_job(container, Job.REFRESH_DUE_PRODUCTS)
    assert series(metrics, "aggregator_batches_given_up_total") == [
        ({"work": "refresh", "reason": "held_back"}, 1),
        ({"work": "refresh", "reason": "storage_unavailable"}, 1),
    ]


async def test_a_defect_is_counted_and_left_to_the_queue_to_report() -> None:
    container = make_container(read_settings({}), ScriptedOutside(Synchronising(), broken))
    with pytest.raises(ZeroDivisionError):
        await run_job(container, Job.SUBMIT_REGISTRATIONS)
    metrics = await container.get(Metrics)
    assert counted(metrics, "aggregator_batches_given_up_total", work="registrations", reason="internal") == 1


async def test_a_worker_that_has_lost_its_database_is_alive_but_not_ready() -> None:
    heartbeat = Heartbeat(30.0)
    async with monitored(Metrics(), heartbeat) as client:
        assert await statuses(client) == [200, 503]
        for in_trouble, ready in ((False, 200), (True, 503), (False, 200)):
            heartbeat.beat(in_trouble=in_trouble)
            assert await statuses(client) == [200, ready]


async def statuses(client: httpx.AsyncClient) -> list[int]:
    return [(await client.get(f"/health/{probe}")).status_code for probe in ("live", "ready")]


async def test_an_api_has_its_readiness_where_it_serves() -> None:
    async with monitored(Metrics()) as client:
        assert (await client.get("/health/ready")).status_code == 404
