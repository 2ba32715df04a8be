"""Products that an older release has stored are in every list once the database is migrated."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.job_queue import create_queue_tables
from adapters.postgres import schema
from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from adapters.postgres.schema import migrate
from application.catalogue.listing import NEWEST_FIRST, ProductFilter, ProductOrder, SortKey, search_words
from domain.offer import Offer
from domain.prices.retention import Retention
from factories import some_id
from fakes.offers_gateway import observed
from storages.databases import NewDatabase
from storages.storage import add, ago, new_product, observe, on_postgres, scheduled


@pytest.fixture
async def dsn_of_old(new_database: NewDatabase) -> str:
    return await new_database()


@pytest.fixture
async def old(dsn_of_old: str) -> AsyncIterator[AsyncEngine]:
    """Give a database with a product as the release before had left it."""
    engine = create_engine(dsn_of_old, DatabaseLimits(connections=3, statement=10))
    await migrate(engine, SqlAlchemyHistoryUpkeep(engine, Retention()), partial(create_queue_tables, dsn_of_old))
    storage = on_postgres(engine)
    await add(storage.begin, new_product(name="Crème"))
    for price in (9, 5):
        id = await scheduled(storage.begin, ago(hours=1))
        await observe(storage.begin, id, observed(Offer(some_id(), price, 1)), ago())
    async with engine.connect() as connection:
        await connection.run_sync(_downgrade)
    yield engine
    await engine.dispose()


def _downgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "0002")


async def test_they_are_found_and_sorted(dsn_of_old: str, old: AsyncEngine) -> None:
    await migrate(old, SqlAlchemyHistoryUpkeep(old, Retention()), partial(create_queue_tables, dsn_of_old))
    reader = on_postgres(old).reader
    found = await reader.products(5, NEWEST_FIRST, None, ProductFilter(words=search_words("creme")))
    assert [view.name for view in found.items] == ["Crème"]
    by_price = await reader.products(5, ProductOrder(SortKey.PRICE))
    assert [view.best_offer and view.best_offer.price for view in by_price.items] == [5, 9, None]
