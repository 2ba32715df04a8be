"""A worker on a database that is filled."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import psycopg
import pytest

from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker
from e2e.upgrades.filling import fill


@pytest.fixture(scope="session")
def new_empty_dsn(dsn: str) -> Callable[[], str]:
    """Give what makes an empty database and returns its DSN."""

    def make() -> str:
        name = f"empty_{uuid4().hex}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return dsn.replace("/aggregator?", f"/{name}?")

    return make


@pytest.fixture
async def filled(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give a worker that has filled its database."""
    async with new_in_process_worker(new_database_dsn()) as worker:
        await fill(worker)
        yield worker
