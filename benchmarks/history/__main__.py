"""`make bench-history`: reading, writing and keeping prices over time, and the bytes they take, in one run.

The time of day goes in: today is not rolled up yet, and summed up for each answer.
"""

import asyncio
import os
import platform
import subprocess
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.prices.listed_changes import SqlAlchemyListedChanges
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from benchmarks.history.appending import append
from benchmarks.history.asking import Answer, ask_all
from benchmarks.history.blocking import print_holds
from benchmarks.history.cpu import Asked
from benchmarks.history.data import Filled, fill
from benchmarks.history.older import fill_older_days, make_older_days
from benchmarks.history.questions import largest, questions
from benchmarks.history.sizes import print_sizes
from benchmarks.history.upkeep import refresh_changes, roll_up
from benchmarks.processes import AGGREGATOR, await_listening, free_port, process, production
from benchmarks.refresh.table import print_target
from domain.prices.retention import Retention
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

STATEMENT_SECONDS = 10.0


def main() -> None:
    """Measure everything on one new database, which is gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory), ephemeral=True) as dsn,
        open(os.devnull, "w") as logs,  # noqa: PTH123
    ):
        environment = os.environ | production(dsn, "http://127.0.0.1:9/api/v1")
        subprocess.run([*AGGREGATOR, "migrate"], env=environment, check=True, stdout=logs, stderr=logs)
        with psycopg.connect(dsn, autocommit=True) as connection, ExitStack() as running:
            _print_head(connection)
            filled = fill(connection)
            asyncio.run(_keep(dsn, connection, filled))
            print_sizes(connection, filled)
            port = free_port()
            ports = {"PORT": str(port), "METRICS_PORT": str(free_port())}
            api = running.enter_context(process([*AGGREGATOR, "api"], environment | ports, logs))
            await_listening(port)
            base = f"http://127.0.0.1:{port}"
            postmaster = int((Path(directory) / "cluster/postmaster.pid").read_text().partition("\n")[0])
            answers = asyncio.run(ask_all(Asked(base, api, postmaster), questions(filled)))
            asyncio.run(print_holds(base, largest(filled)))
            _print_targets(answers)
        asyncio.run(_write(dsn, filled))


async def _keep(dsn: str, connection: psycopg.Connection[Any], filled: Filled) -> None:
    """Do the worker's upkeep, as the worker does it, and PostgreSQL's."""
    engine = create_engine(dsn, DatabaseLimits(connections=1, statement=STATEMENT_SECONDS))
    await make_older_days(engine, filled)
    await roll_up(SqlAlchemyHistoryUpkeep(engine, Retention()))
    fill_older_days(connection, filled)
    connection.execute("VACUUM ANALYZE")
    await refresh_changes(SqlAlchemyListedChanges(engine), 1 + len(filled.hourly))
    await engine.dispose()


def system_clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


async def _write(dsn: str, filled: Filled) -> None:
    engine = create_engine(dsn, DatabaseLimits(connections=1, statement=STATEMENT_SECONDS))
    await append(BeginSqlAlchemyWork(engine, Retention()), filled.appended)
    await engine.dispose()


def _print_head(connection: psycopg.Connection[Any]) -> None:
    server = connection.info.parameter_status("server_version")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {server}", flush=True)


def _print_targets(answers: list[Answer]) -> None:
    print()
    for target in sorted({answer.question.target for answer in answers if answer.question.target}):
        for answer in answers:
            if answer.question.target == target:
                print_target(f"p99 of {answer.question.name}", answer.waited[0].p99, target, unit=" ms")


main()
