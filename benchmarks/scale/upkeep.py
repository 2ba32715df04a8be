"""How long the steps of the upkeep take that look at all products."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from adapters.postgres.catalogue.purge import SqlAlchemyCataloguePurge
from adapters.postgres.connection import create_engine
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from application.storage import StorageUnavailable
from benchmarks.refresh.system import System
from domain.prices.retention import Retention
from entrypoints.limits import WORKING


def print_upkeep(system: System) -> None:
    """Run each step once, under the time limits of a worker, and print its seconds."""
    asyncio.run(_run(system.environment["DATABASE_URL"]))


async def _run(dsn: str) -> None:
    engine = create_engine(dsn, WORKING.database)
    history = SqlAlchemyHistoryUpkeep(engine, Retention())
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "preparing the history, as at each start": history.prepare_history,
        "looking for days to roll up": lambda: history.roll_up(10),
        "dropping what has expired": history.drop_expired,
        "looking for withdrawn products": SqlAlchemyCataloguePurge(engine).purge_withdrawn,
    }
    try:
        for name, step in steps.items():
            began = time.monotonic()
            try:
                await step()
            except StorageUnavailable as error:
                print(f"{name}: given up, {error}")
            else:
                print(f"{name}: {time.monotonic() - began:.2f} s", flush=True)
    finally:
        await engine.dispose()
