"""Reads of single prices plan the partitions of their own days alone: planning all takes longer than reading."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch
from adapters.postgres.prices.price_reader import SqlAlchemyPriceReader
from domain.errors import ProductNotFound
from factories import some_id
from storages.databases import system_clock
from storages.query_plans import nodes
from storages.statements import executed_statements

DAY = timedelta(days=1)


async def test_prices_in_force_are_looked_up_in_the_partitions_of_their_times(database: AsyncEngine) -> None:
    now = system_clock()
    with executed_statements(database) as executed, pytest.raises(ProductNotFound):
        await SqlAlchemyPriceReader(database).in_force(some_id(), [now - DAY, now])
    sql, parameters = executed[-1]
    (row,) = await fetch(database, f"EXPLAIN (FORMAT JSON) {sql}", parameters)
    read = Counter(
        node["Relation Name"].rpartition("_")[0] for node in nodes(row[0][0]["Plan"]) if "Relation Name" in node
    )
    assert {name: read[name] for name in ("best_price_step", "best_price_bucket_5m", "best_price_bucket_1h")} == {
        "best_price_step": 2,
        "best_price_bucket_5m": 2,
        "best_price_bucket_1h": 2,
    }
