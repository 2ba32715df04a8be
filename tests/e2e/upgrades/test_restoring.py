"""A dump restored into a fresh server: nothing differs, and everything goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from application.synchronisation.scheduling import JobQueue
from e2e.faults.in_process_worker import InProcessWorker, one_process
from e2e.processes import Processes
from e2e.upgrades.described_database import layout, rows, sequences
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from entrypoints.operations.migration import run_migrations
from entrypoints.worker.jobs import make_worker

NEW_GENERATION = "public.event_log"
"""It distinguishes the positions of another cluster's events from those of its own."""


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[str]:
    """Give an empty database on a server of its own."""
    with EmbeddedPostgres(tmp_path / "fresh", ephemeral=True) as dsn:
        yield dsn


async def test_a_restored_database_holds_the_same_and_goes_on(
    filled: InProcessWorker, fresh_server: str, processes: Processes, tmp_path: Path
) -> None:
    # As every restore ends with it, which forgets today's drops.
    await run_migrations(filled.container)
    dump = tmp_path / "aggregator.dump"
    authorisations = list(filled.auth_calls)
    for command, dsn in (("backup", filled.dsn), ("restore", fresh_server)):
        running = processes.aggregator(command, str(dump), environment={"DATABASE_URL": dsn})
        assert await asyncio.to_thread(running.exit_code) == 0, running.output()

    before, after = (rows(dsn, partitions=True) for dsn in (filled.dsn, fresh_server))
    assert before.pop(NEW_GENERATION) != after.pop(NEW_GENERATION)
    assert {table: after[table] for table in before} == before
    assert sequences(fresh_server) == sequences(filled.dsn)
    assert layout(fresh_server, partitions=True) >= layout(filled.dsn, partitions=True)

    async with one_process(fresh_server, filled.simulator) as restored:
        queue = await restored.container.get(JobQueue)
        assert await queue.waiting()
        restored.make_due()
        last = restored.query("SELECT max(observed_at) FROM synchronisation")[0][0]
        worker = await make_worker(restored.container)
        while await queue.waiting():
            assert await worker.process()
        assert restored.number("SELECT count(*) FROM synchronisation WHERE observed_at > %s", last) >= 2
    assert filled.auth_calls == authorisations
