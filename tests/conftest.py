"""One ephemeral PostgreSQL for the whole run, Hypothesis' profiles, and the table of faults at the end."""

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine

from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from entrypoints.gc_tuning import collect_rarely, freeze_startup_objects
from storages.databases import NewDatabase, migrated, remove_rows

collect_rarely()

NAMED = re.compile(r"test_fault_(\d\d)_(\w+)")
FAULTS = (*range(1, 26), *range(26, 34), *range(34, 47), *range(47, 51))
"""Of the synchronisation, of the event log and its streams, of webhooks, and of alerts."""

settings.register_profile("default", max_examples=100, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=1_000, database=None, deadline=None, print_blob=True)
settings.load_profile("default")  # `--hypothesis-profile long` takes its place


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    """Give a server of our own; its database is empty until `engine` migrates it."""
    with (
        tempfile.TemporaryDirectory(prefix="aggregator-") as folder,
        EmbeddedPostgres(Path(folder), ephemeral=True) as dsn,
    ):
        Path(folder).chmod(0o755)  # where root runs the tests, PgBouncer's user must reach the socket
        yield dsn


@pytest.fixture(scope="session")
def new_database(dsn: str) -> NewDatabase:
    """Give what makes one more empty database, with options of CREATE DATABASE, and returns its DSN."""

    async def make(options: str = "") -> str:
        name = f"another_{uuid4().hex}"
        admin = await asyncpg.connect(dsn)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        # Defaults that no result may depend on.
        await admin.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
        await admin.execute(f"ALTER DATABASE {name} SET datestyle = 'German'")
        await admin.close()
        return dsn.replace("/aggregator?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
async def engine(dsn: str) -> AsyncIterator[AsyncEngine]:
    """Give the migrated database; for rows that others do not notice, or through `database`."""
    async with migrated(dsn) as engine:
        yield engine


@pytest.fixture(scope="session")
async def foreign_engine(new_database: NewDatabase) -> AsyncIterator[AsyncEngine]:
    """Give a migrated database with another locale."""
    async with migrated(await new_database("LOCALE_PROVIDER libc LOCALE 'C'")) as engine:
        yield engine


@pytest.fixture
async def database(engine: AsyncEngine) -> AsyncEngine:
    """Give the migrated database without any rows."""
    await remove_rows(engine)
    return engine


@pytest.fixture
async def foreign_database(foreign_engine: AsyncEngine) -> AsyncEngine:
    """Give the database with another locale without any rows."""
    await remove_rows(foreign_engine)
    return foreign_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stories of real processes, the longest files, so that none is left over while others are idle."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Keep the collector away from thousands of tests and modules; without that it takes a sixth of the time."""
    freeze_startup_objects()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per fault of docs/synchronisation.md and docs/events.md, and which of them did not run."""
    outcomes = _fault_outcomes(terminalreporter)
    if len(outcomes) < 2:
        return
    survived = sum(all(outcome == "passed" for outcome, _ in tests) for tests in outcomes.values())
    terminalreporter.section(f"faults survived: {survived} of {len(FAULTS)}")
    for number, tests in sorted(outcomes.items()):
        for outcome, what in tests:
            terminalreporter.write_line(f"{number} {outcome:7} {what}")
    missing = [number for number in FAULTS if f"{number:02}" not in outcomes]
    if missing:
        terminalreporter.write_line(f"not run: {missing}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run of all tests that leaves a fault out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    options = session.config.option
    in_part = options.file_or_dir or options.keyword or options.collectonly or hasattr(session.config, "workerinput")
    if exitstatus or in_part or not isinstance(reporter, pytest.TerminalReporter):
        return
    if len(_fault_outcomes(reporter)) != len(FAULTS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _fault_outcomes(reporter: pytest.TerminalReporter) -> dict[str, list[tuple[str, str]]]:
    outcomes: dict[str, list[tuple[str, str]]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(outcome, []):
            named = NAMED.search(report.nodeid)
            if named and (report.when == "call" or outcome != "passed"):
                outcomes.setdefault(named[1], []).append((outcome, named[2].replace("_", " ")))
    return outcomes
