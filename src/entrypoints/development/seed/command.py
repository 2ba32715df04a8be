"""`aggregator seed`: believable products, and a past for them, for trying the service out."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
import msgspec
from dishka import AsyncContainer
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.prices.history_backfill import SqlAlchemyHistoryBackfill
from application.access.actor import OPERATOR
from application.catalogue.registration import RegisterProduct
from application.clock import Clock
from application.housekeeping import KeepHouse
from application.prices.listed_changes import RefreshListedChanges
from domain.errors import ProductAlreadyExists
from domain.prices.retention import Retention
from domain.window import BucketWidth
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.development.embedded_postgres.ownership import join_server
from entrypoints.development.seed.history import GIVEN, await_observations, give_pasts
from entrypoints.development.seed.products import some_product
from entrypoints.limits import SEEDING
from entrypoints.operations.migration import run_migrations

SECONDS_TO_OBSERVE = 60.0


def seed(settings: Settings, *, count: int = 0, days: int = 0) -> None:
    """Add products as an admin would, then give those that were observed a past of so many days, if any.

    The embedded database is started if it does not run.

    Raises:
        ClickException: no product was observed, so none can have a past.
        EmbeddedPostgresError: PostgreSQL does not start.
        StorageUnavailable: the database cannot be reached.
    """
    with _database(settings) as (reachable, alone):
        asyncio.run(_seed(reachable, count, days, patience=0 if alone else SECONDS_TO_OBSERVE))


@contextmanager
def _database(settings: Settings) -> Iterator[tuple[Settings, bool]]:
    """Lend settings with a database, and say whether it is up for us alone, so that no worker can be there."""
    if settings.database_url is not None:
        yield settings, False
        return
    with join_server(settings.data_dir) as joined:
        yield msgspec.structs.replace(settings, database_url=joined.dsn), joined.is_ours


async def _seed(settings: Settings, count: int, days: int, *, patience: float) -> None:
    container = make_container(settings, limits=SEEDING)
    try:
        await run_migrations(container)
        today = BucketWidth.DAY.floor((await container.get(Clock))())
        if count:
            await _add_products(container, count)
        if days:
            backfill = SqlAlchemyHistoryBackfill(await container.get(AsyncEngine), await container.get(Retention))
            await _give_history(backfill, days, today, patience)
            # Else lists would show the pasts only after the workers' next runs, minutes later.
            await (await container.get(KeepHouse))()
            await (await container.get(RefreshListedChanges))()
    finally:
        await container.close()


async def _add_products(container: AsyncContainer, count: int) -> None:
    register_product = await container.get(RegisterProduct)
    with click.progressbar(range(count), label="Adding products", file=sys.stderr) as progress:
        for _ in progress:
            await _add_one(register_product)
    click.echo(f"Added {count} products; a running worker registers and observes them.", err=True)


async def _add_one(register_product: RegisterProduct) -> None:
    while True:
        name, description = some_product()
        try:
            await register_product(name=name, description=description, actor=OPERATOR)
        except ProductAlreadyExists:
            continue
        return


async def _give_history(backfill: SqlAlchemyHistoryBackfill, days: int, today: datetime, patience: float) -> None:
    again = f"`aggregator seed --history {days}d`"
    missing = await await_observations(backfill, seconds=patience)
    outcomes = await give_pasts(backfill, days, today)
    if not outcomes:
        reason = f"No worker has observed the {missing} products" if missing else "There is no product"
        advice = (
            f"run `aggregator up`, and then {again}" if missing else f"`aggregator seed 25 --history {days}d` adds 25"
        )
        raise click.ClickException(f"{reason}: {advice}.")
    click.echo(f"Products given a past of {days}d: {outcomes.pop(GIVEN, 0)}.", err=True)
    for reason, number in outcomes.items():
        click.echo(f"Left alone: {number} {reason}.", err=True)
    if missing:
        click.echo(f"Not observed yet: {missing}; run {again} once a worker has.", err=True)
