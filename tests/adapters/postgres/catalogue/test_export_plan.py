"""An export begins at once however large the catalogue is: it walks the primary key, and sorts nothing first."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.catalogue_export import SqlAlchemyCatalogueExport
from adapters.postgres.connection import fetch
from adapters.postgres.snapshot import SnapshotLimits
from application.catalogue.listing import EVERYTHING, ProductFilter
from storages.query_plans import nodes

PRODUCTS = 3_000
_ADD = text("""
    INSERT INTO product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
                         registration_state, registration_since)
    SELECT gen_random_uuid(), 'product ' || n, repeat('x', 200), 'product ' || n, '', now(), now(), 1, 'registered',
        now()
    FROM generate_series(1, :products) AS n
""")
_SYNCHRONISE = text("""
    INSERT INTO synchronisation (product_id, consecutive_failures, offers_in_stock, best_price, not_before)
    SELECT id, 0, 1, 100, now() FROM product
""")


@pytest.mark.parametrize("wanted", [EVERYTHING, ProductFilter(in_stock=True), ProductFilter(min_price=1)])
async def test_products_come_by_the_primary_key_without_a_sort(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch, wanted: ProductFilter
) -> None:
    async with database.begin() as connection:
        await connection.execute(_ADD, {"products": PRODUCTS})
        await connection.execute(_SYNCHRONISE)
        # The server itself may be analysing a table, and gives way after a second.
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        await connection.execute(text("ANALYZE product, synchronisation, listed_price"))
    explained: list[Any] = []

    async def explain(engine: AsyncEngine, _limits: object, query: Any, values: Any) -> Any:
        explained.extend(await fetch(engine, f"EXPLAIN (FORMAT JSON) {query.sql}", values))
        yield []

    monkeypatch.setattr("adapters.postgres.catalogue.catalogue_export.read_snapshot", explain)
    _ = [batch async for batch in SqlAlchemyCatalogueExport(database, SnapshotLimits())(wanted)]
    found = explained[0][0]
    plan = (msgspec.json.decode(found) if isinstance(found, str) else found)[0]["Plan"]
    assert not {"Sort", "Incremental Sort", "Hash Join"} & {node["Node Type"] for node in nodes(plan)}
