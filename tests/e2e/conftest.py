"""A migrated database that every story copies, and the logs of a failed story's processes."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from e2e.processes import Processes
from e2e.system import System, migrate


@pytest.fixture(scope="session")
def migrated(dsn: str) -> str:
    """Give the name of a migrated database of the test's own."""
    name = f"e2e_{uuid4().hex}"
    _administer(dsn, f"CREATE DATABASE {name}")
    migrate(_of(dsn, name))
    return name


@pytest.fixture(scope="session")
def new_database_dsn(dsn: str, migrated: str) -> Callable[[], str]:
    """Give what makes a migrated database of one's own and returns its DSN."""

    def make() -> str:
        name = f"e2e_{uuid4().hex}"
        _administer(dsn, f"CREATE DATABASE {name} TEMPLATE {migrated}")
        return _of(dsn, name)

    return make


@pytest.fixture(scope="module")
def new_system(
    new_database_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], System]]:
    """Give what makes a system with a database of its own; all that it starts ends with the module."""
    systems: list[System] = []

    def make() -> System:
        systems.append(System(new_database_dsn(), Processes(tmp_path_factory.mktemp("system"))))
        return systems[-1]

    yield make
    for system in systems:
        system.close()


@pytest.fixture
def system(new_system: Callable[[], System]) -> Iterator[System]:
    """Give a system of which nothing runs yet."""
    system = new_system()
    yield system
    system.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Give an owner of processes that are no system of ours."""
    owner = Processes(tmp_path)
    yield owner
    owner.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the output of the processes to the report of a failure."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for value in item.funcargs.values():
            owner = value.processes if isinstance(value, System) else value
            if isinstance(owner, Processes):
                report.sections += owner.logs()
    return report


def _administer(dsn: str, sql: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.encode())


def _of(dsn: str, database: str) -> str:
    return dsn.replace("/aggregator?", f"/{database}?")
