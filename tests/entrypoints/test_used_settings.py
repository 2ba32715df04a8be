"""A command reads the settings that its help names, and no others: those have their defaults, even if they are set."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from dishka import AsyncContainer
from sqlalchemy.ext.asyncio import AsyncEngine

from application.catalogue.census import Census
from application.clock_watch import ClockWatch
from application.synchronisation.scheduling import ScheduleDueWork
from entrypoints.configuration.command_settings import USED_BY
from entrypoints.configuration.settings import ALL, Settings, read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.server import server_config
from entrypoints.limits import SERVING
from entrypoints.operations.migration import run_migrations
from entrypoints.worker.jobs import make_worker

READ: set[str] = set()


class Recording(Settings, frozen=True):
    """Settings that know which of them were read."""

    def __getattribute__(self, name: str) -> object:
        if name.upper() in ALL:
            READ.add(name.upper())
        return super().__getattribute__(name)


async def make_api(container: AsyncContainer) -> None:
    server_config(await create_app(container), await container.get(Settings), SERVING)


async def make_work(container: AsyncContainer) -> None:
    await make_worker(container)
    for part in (ScheduleDueWork, ClockWatch, Census):
        await container.get(part)


@pytest.fixture
async def recording(dsn: str, engine: AsyncEngine) -> AsyncIterator[AsyncContainer]:
    given = read_settings({"DATABASE_URL": dsn})
    settings = Recording(**{name.lower(): getattr(given, name.lower()) for name in ALL})
    limits = SERVING.sharing(settings.database_connections)
    READ.clear()
    container = make_container(settings, limits=limits)
    yield container
    await container.close()


@pytest.mark.parametrize(
    ("command", "make"),
    [("api", make_api), ("worker", make_work), ("migrate", run_migrations)],
    ids=["api", "worker", "migrate"],
)
async def test_what_a_command_reads_is_in_its_help(
    recording: AsyncContainer, command: str, make: Callable[[AsyncContainer], Awaitable[None]]
) -> None:
    await make(recording)
    assert len(READ) > 2
    assert USED_BY[command] >= READ
