"""The doctor names each fault that an operator can see or cause, and is content when there is none."""

import asyncio
import html
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from dishka import AsyncContainer, Provider, Scope, provide

from adapters.offers_api.limits import HttpLimits
from adapters.postgres.connection import connect
from application.clock import Clock
from application.diagnosis.diagnose import Diagnose
from application.diagnosis.finding import Check, Severity
from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker
from entrypoints.configuration.settings import DEFAULT_PASSWORD, Settings
from entrypoints.container import make_container
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.http.app import create_app
from entrypoints.limits import DIAGNOSING, SERVING
from entrypoints.operations.migration import run_migrations
from entrypoints.wiring.engines import ProbeEngine
from storages.poolers import Pooler, needs_pgbouncer
from waiting import PATIENCE

NOWHERE = "postgresql://aggregator@127.0.0.1:9/nowhere"
OFFER = Offer("0" * 31 + "1", 100, 5)
A_WORKER_REPORTS = """
    INSERT INTO saq.saq_stats (worker_id, stats, expire_at) VALUES ('w', '{}', extract(epoch FROM now()) + 600)
"""
BROKEN, WARNING = Severity.BROKEN, Severity.WARNING


@pytest.fixture
async def healthy(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give a worker that is known to the queue, and a product that was observed and is not due."""
    async with new_in_process_worker(new_database_dsn()) as in_process:
        await in_process.watched(OFFER)
        in_process.execute("UPDATE synchronisation SET scheduled_at = now(), not_before = now()")
        in_process.execute(A_WORKER_REPORTS)
        yield in_process


async def test_page_and_command_say_the_same_in_the_same_order(healthy: InProcessWorker) -> None:
    rejected = await healthy.create()
    healthy.misbehave(reject_products=[str(rejected)])
    await healthy.submit()
    healthy.misbehave(errors={"offers": {"status": 503}})
    healthy.execute("UPDATE access_token SET sealed = NULL, failures = 3, trouble = 'refused'")
    said = await all_checked(lambda: asyncio.to_thread(lines_of_doctor, healthy))
    assert [line.partition(":")[0] for line in said] == [
        "BROKEN token",
        "WARNING products",
        "WARNING offers service",
    ]
    assert await all_checked(lambda: lines_of_page(healthy)) == said


async def all_checked(diagnose: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """Return the lines of a diagnosis none of whose checks was broken off, as they are on a busy machine."""
    async with asyncio.timeout(PATIENCE):
        while True:
            lines = await diagnose()
            if not any("could not be checked" in line for line in lines):
                return lines
            await asyncio.sleep(0.01)


def lines_of_doctor(of: InProcessWorker) -> list[str]:
    environment = {"DATABASE_URL": of.dsn, "OFFERS_BASE_URL": of.simulator.base_url}
    command = (sys.executable, "-m", "entrypoints.cli", "doctor")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return [" ".join(line.split()) for line in ended.stdout.splitlines()]


async def test_an_offers_service_that_hangs_is_a_finding_and_leaves_the_admins_page_usable(
    healthy: InProcessWorker,
) -> None:
    healthy.misbehave(hangs={"offers": {}})
    settings = Settings(database_url=healthy.dsn, offers_base_url=healthy.simulator.base_url)
    container = make_container(settings, limits=replace(SERVING, upstream=HttpLimits(connect=0.5)))
    async with admins_browser(container) as browser:
        diagnosis = asyncio.create_task(browser.get("/admin/diagnosis"))
        assert "No product needs you" in (await browser.get("/admin")).text
        assert "The Offers service does not answer" in (await diagnosis).text
    await container.close()


async def test_a_diagnosis_looks_at_the_database_without_the_connection_of_readiness(healthy: InProcessWorker) -> None:
    settings = Settings(database_url=healthy.dsn, offers_base_url=healthy.simulator.base_url)
    container = make_container(settings, limits=SERVING)
    async with connect(await container.get(ProbeEngine)):
        found = {check for _, check, _ in await diagnosed(container)}
    assert not found & {Check.DATABASE, Check.PARTITIONS, Check.WORKERS}
    await container.close()


@asynccontextmanager
async def admins_browser(container: AsyncContainer) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser in which an admin has logged in."""
    app: Any = await create_app(container)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 123))
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        await browser.post("/admin/login", data={"username": "admin", "password": DEFAULT_PASSWORD})
        yield browser


async def lines_of_page(of: InProcessWorker) -> list[str]:
    """Return the findings of the admin's page as the command writes them."""
    async with admins_browser(of.container) as browser:
        page = (await browser.get("/admin/diagnosis")).text
    items = re.findall(r"<li class=.*?</li>", page, re.DOTALL)
    texts = [re.sub(r"</?code>", "`", item).replace("</h3>", ":") for item in items]
    return [" ".join(html.unescape(re.sub("<[^>]+>", "", text)).split()) for text in texts]


class AnHourAhead(Provider):
    scope = Scope.APP

    @provide(override=True)
    def clock(self) -> Clock:
        return lambda: datetime.now(UTC) + timedelta(hours=1)


@asynccontextmanager
async def another_process(
    of: InProcessWorker, *overrides: Provider, dsn: str = "", **given: Any
) -> AsyncIterator[AsyncContainer]:
    """Give the inside of a doctor that looks at the same system, or at another database."""
    settings = Settings(database_url=dsn or of.dsn, offers_base_url=of.simulator.base_url, **given)
    container = make_container(settings, *overrides, limits=DIAGNOSING)
    try:
        yield container
    finally:
        await container.close()


async def diagnosed(container: AsyncContainer) -> list[tuple[Severity, Check, str]]:
    found = await (await container.get(Diagnose))()
    return [(finding.severity, finding.check, finding.problem) for finding in found]


async def findings(process: InProcessWorker) -> list[tuple[Severity, Check, str]]:
    return await diagnosed(process.container)


async def finding(process: InProcessWorker) -> tuple[Severity, Check, str]:
    (found,) = await findings(process)
    return found


async def test_all_is_well(healthy: InProcessWorker) -> None:
    before = healthy.auth_calls
    assert await findings(healthy) == []
    assert healthy.auth_calls == before


@pytest.mark.parametrize(
    ("faults", "check", "severity", "words"),
    [
        ({"errors": {"offers": {"status": 503}}}, Check.OFFERS_SERVICE, WARNING, "HTTP 503"),
        ({"errors": {"offers": {"status": 429}}}, Check.OFFERS_SERVICE, WARNING, "HTTP 429"),
        ({"lost": {"offers": {"times": 9}}}, Check.OFFERS_SERVICE, BROKEN, "does not answer"),
    ],
)
async def test_upstream_in_trouble(
    healthy: InProcessWorker, faults: dict[str, Any], check: Check, severity: Severity, words: str
) -> None:
    healthy.misbehave(**faults)
    found = await finding(healthy)
    assert found[:2] == (severity, check)
    assert words in found[2]


@pytest.mark.parametrize(
    ("trouble", "severity", "words"),
    [
        ("another token is valid", WARNING, "another one, unknown here, is valid"),
        ("refused", BROKEN, "refuses the refresh token"),
        ("failing", WARNING, "no usable token"),
    ],
)
async def test_a_token_that_cannot_be_had(
    healthy: InProcessWorker, trouble: str, severity: Severity, words: str
) -> None:
    healthy.execute(f"UPDATE access_token SET sealed = NULL, failures = 3, trouble = '{trouble}'")
    (await healthy.token())._held = None
    found = await finding(healthy)
    assert found[:2] == (severity, Check.TOKEN)
    assert words in found[2]


async def test_registrations_that_wait(healthy: InProcessWorker) -> None:
    await healthy.create()
    assert await findings(healthy) == []
    healthy.execute("UPDATE product SET registration_since = now() - interval '11 minutes'")
    assert (await finding(healthy))[1:] == (Check.PRODUCTS, "1 product has been pending for over 10 minutes.")


async def test_registrations_that_were_refused(healthy: InProcessWorker) -> None:
    rejected, foreign = [await healthy.create() for _ in range(2)]
    healthy.misbehave(reject_products=[str(rejected)], foreign_products=[str(foreign)])
    await healthy.submit()
    healthy.misbehave()
    assert await findings(healthy) == [
        (WARNING, Check.PRODUCTS, "1 product is rejected."),
        (WARNING, Check.PRODUCTS, "1 product is in conflict."),
    ]


async def test_products_whose_answers_are_refused(healthy: InProcessWorker) -> None:
    product_id = await healthy.watched(OFFER)
    healthy.misbehave(malformed={"html": [str(product_id)]})
    for _ in range(3):
        healthy.make_due()
        await healthy.refresh()
    healthy.misbehave()
    healthy.execute("UPDATE synchronisation SET scheduled_at = now(), not_before = now()")
    severity, check, problem = await finding(healthy)
    assert (severity, check) == (WARNING, Check.PRODUCTS)
    assert problem.startswith("1 product fails: ")


async def test_offers_whose_rows_are_refused(healthy: InProcessWorker) -> None:
    healthy.execute("UPDATE synchronisation SET refused_rows = 1")
    assert (await finding(healthy))[1:] == (Check.PRODUCTS, "1 product has offers that were malformed.")


async def test_no_worker_and_too_few(healthy: InProcessWorker) -> None:
    healthy.execute(
        "UPDATE synchronisation SET scheduled_at = now() - interval '1 hour', not_before = now() - interval '1 hour'"
    )
    severity, check, problem = await finding(healthy)
    assert (severity, check) == (WARNING, Check.WORKERS)
    assert "overdue" in problem
    healthy.execute("UPDATE saq.saq_stats SET expire_at = extract(epoch FROM now()) - 1")
    assert await findings(healthy) == [(BROKEN, Check.WORKERS, "No worker is alive.")]


async def test_jobs_that_no_worker_takes(healthy: InProcessWorker) -> None:
    healthy.execute("""
        INSERT INTO saq.saq_jobs (key, job, queue, status, scheduled)
        SELECT 'job' || n, '', 'aggregator', 'queued', 0 FROM generate_series(1, 41) AS n
    """)
    severity, check, problem = await finding(healthy)
    assert (severity, check) == (WARNING, Check.QUEUE)
    assert "jobs wait for a worker" in problem


@pytest.mark.parametrize(("table", "whose"), [("offer_interval", "history"), ("event", "event log")])
async def test_days_that_are_missing_and_that_migrating_makes(healthy: InProcessWorker, table: str, whose: str) -> None:
    ((day,),) = healthy.query("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD')")
    healthy.execute(f"DROP TABLE {table}_{day}")
    problem = f"Days of the {whose} are missing: {table}_{day}."
    assert await findings(healthy) == [(BROKEN, Check.PARTITIONS, problem)]
    await run_migrations(healthy.container)
    assert await findings(healthy) == []


async def test_a_month_of_the_audit_log_that_is_missing_and_that_migrating_makes(healthy: InProcessWorker) -> None:
    ((name,),) = healthy.query(
        "SELECT 'audit_record_' || to_char((now() AT TIME ZONE 'UTC')::date + interval '1 month', 'YYYYMM01')"
    )
    healthy.execute(f"DROP TABLE {name}")
    problem = f"Months of the audit log are missing: {name}."
    assert await findings(healthy) == [(BROKEN, Check.PARTITIONS, problem)]
    await run_migrations(healthy.container)
    assert await findings(healthy) == []


async def test_history_that_is_not_rolled_up(healthy: InProcessWorker) -> None:
    healthy.execute("UPDATE insight SET rolled_until = rolled_until - interval '9 days'")
    severity, check, problem = await finding(healthy)
    assert (severity, check) == (WARNING, Check.WORKERS)
    assert "rolled up" in problem


async def test_a_schema_that_is_not_this_releases(healthy: InProcessWorker) -> None:
    healthy.execute("UPDATE alembic_version SET version_num = '0001'")
    assert (await finding(healthy))[:2] == (BROKEN, Check.SCHEMA)


async def test_a_queue_without_tables(healthy: InProcessWorker) -> None:
    healthy.execute("DROP TABLE saq.saq_stats")
    assert (await finding(healthy))[:2] == (BROKEN, Check.QUEUE)


async def test_a_database_that_turned_read_only(healthy: InProcessWorker) -> None:
    ((name,),) = healthy.query("SELECT current_database()")
    healthy.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    async with another_process(healthy) as container:
        assert await diagnosed(container) == [(BROKEN, Check.DATABASE, "The database is read-only.")]


async def test_a_database_that_is_away(healthy: InProcessWorker) -> None:
    async with another_process(healthy, dsn="postgresql://nobody@127.0.0.1:9/nothing") as container:
        ((severity, check, problem),) = await diagnosed(container)
    assert (severity, check) == (BROKEN, Check.DATABASE)
    assert "nothing listens" in problem


async def test_a_clock_that_is_wrong(healthy: InProcessWorker) -> None:
    async with another_process(healthy, AnHourAhead()) as container:
        assert await diagnosed(container) == [
            (BROKEN, Check.CLOCK, "This host's clock is 60 minutes ahead of the database's."),
            (WARNING, Check.CLOCK, "The Offers service's clock is 60 minutes behind this host's."),
        ]


@needs_pgbouncer
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "a pooler in transaction mode stands before the database: set DATABASE_POOLER=transaction"),
        ({"database_pooler": "transaction", "database_direct_url": ""}, "stands at DATABASE_DIRECT_URL, too"),
        ({"database_pooler": "transaction", "database_direct_url": NOWHERE}, "port of DATABASE_DIRECT_URL"),
    ],
    ids=["not declared", "before the direct way too", "direct way leads nowhere"],
)
async def test_a_pooler_that_the_settings_do_not_fit(
    healthy: InProcessWorker, settings: dict[str, Any], problem: str
) -> None:
    with Pooler(healthy.dsn) as pooler:
        given = {name: value or pooler.dsn for name, value in settings.items()}
        async with another_process(healthy, dsn=pooler.dsn, **given) as container:
            ((severity, check, found),) = await diagnosed(container)
    assert (severity, check) == (BROKEN, Check.DATABASE)
    assert problem in found


@needs_pgbouncer
async def test_a_declared_pooler_is_no_finding(healthy: InProcessWorker) -> None:
    with Pooler(healthy.dsn) as pooler:
        declared = another_process(
            healthy, dsn=pooler.dsn, database_pooler="transaction", database_direct_url=healthy.dsn
        )
        async with declared as container:
            assert await diagnosed(container) == []
