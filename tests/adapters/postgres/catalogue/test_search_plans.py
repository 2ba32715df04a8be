"""Searches and chosen ids read a bounded number of rows, with any statistics."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.product_pages import NEAR, page_queries
from adapters.postgres.connection import fetch
from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey, search_words
from storages.query_plans import nodes
from storages.storage import on_postgres

PRODUCTS = 3 * NEAR
ENOUGH = 20 * NEAR
"""Products from which on PostgreSQL takes the index of words for cheaper than reading all words."""
OLD = 100
"""Products older than the others, which alone have the word `old`."""
_FILL = text("""
    INSERT INTO product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
        registration_state, registration_since, words)
    SELECT gen_random_uuid(), 'Product ' || n, '', 'product ' || lpad(n::text, 9, '0'), '',
        now() - n * interval '1 s', now(), 1, 'registered', now(),
        array_to_tsvector(ARRAY['product', n::text, CASE WHEN n > :young THEN 'old' ELSE 'young' END]
            || ARRAY(SELECT md5((n % 50 * 20 + part)::text) FROM generate_series(1, 20) part))
    FROM generate_series(1, :products) n
""")
_SYNCHRONISE = text("""
    INSERT INTO synchronisation (product_id, consecutive_failures, offers_in_stock) SELECT id, 0, 0 FROM product
""")
_ADD_INSIGHT = text("INSERT INTO insight (product_id, rolled_until) SELECT id, now() FROM product")

KEYS: dict[SortKey, str | int | datetime] = {
    SortKey.NAME: "product 000000000",
    SortKey.PRICE: 0,
    SortKey.CREATED_AT: datetime(2026, 3, 14, tzinfo=UTC),
}
CHANGES = (SortKey.CHANGE_1D, SortKey.CHANGE_7D)
ORDERS = [ProductOrder(key, descending) for key in SortKey for descending in (False, True)]
SEARCHES = ["product", "young old", "absent", "product absent", "old", "1", "a b c d e f", "product 7"]


async def fill(engine: AsyncEngine, products: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(_FILL, {"products": products, "young": products - OLD})
        await connection.execute(_SYNCHRONISE)
        await connection.execute(_ADD_INSIGHT)
        # The server itself may be analysing a table, and gives way after a second.
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        for table in ("product", "synchronisation", "listed_price", "insight"):
            await connection.execute(text(f"ANALYZE {table}"))


@pytest.mark.parametrize("order", [ProductOrder(SortKey.CREATED_AT, descending=True), ProductOrder(SortKey.NAME)])
async def test_words_are_read_of_few_products_or_found_by_their_index(
    database: AsyncEngine, order: ProductOrder
) -> None:
    await fill(database, ENOUGH)
    for search in SEARCHES:
        wanted = ProductFilter(words=search_words(search))
        near, matching, parameters = page_queries(order, 1, None, wanted, None)
        assert matching is not None
        for query in (near, matching):
            (row,) = await fetch(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {query.sql}", query.values(parameters))
            plan = list(nodes(row[0][0]["Plan"]))
            filtered = [node for node in plan if "@@" in node.get("Filter", "")]
            by_index = [node for node in plan if node.get("Index Name") == "ix_product_words"]
            if query is near:
                # Its filter sees the rows that the walk gives, and no more.
                (looking,) = filtered
                assert looking["Actual Rows"] + looking.get("Rows Removed by Filter", 0) <= NEAR, search
                assert not by_index
            else:
                assert not filtered, search
                assert len(by_index) == 1
                assert "@@" in by_index[0]["Index Cond"]
                # The rest of a product is read for the page alone, not for all that match.
                (rest,) = [node for node in plan if node.get("Relation Name") == "synchronisation"]
                assert rest["Actual Rows"] * rest["Actual Loops"] <= 2, search


@pytest.mark.parametrize("order", ORDERS)
async def test_chosen_products_are_found_by_the_primary_key_whatever_else_is_wanted(
    database: AsyncEngine, order: ProductOrder
) -> None:
    await fill(database, PRODUCTS)
    async with database.connect() as connection:
        ids = list((await connection.execute(text("SELECT id FROM product ORDER BY id LIMIT 100"))).scalars())
    begins = [None, PagePosition(None if order.key in CHANGES else KEYS[order.key], ids[0])]
    for wanted in (ProductFilter(), ProductFilter(words=search_words("product")), ProductFilter(in_stock=True)):
        for after in begins:
            query, other, parameters = page_queries(order, 20, after, replace(wanted, ids=frozenset(ids)), None)
            assert other is None
            (row,) = await fetch(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {query.sql}", query.values(parameters))
            reads = [node for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name") == "product"]
            assert {node.get("Index Name", node["Node Type"]) for node in reads} <= {"pk_product", "Bitmap Heap Scan"}
            assert max(node["Actual Rows"] * node["Actual Loops"] for node in reads) <= len(ids)


@pytest.mark.parametrize("order", ORDERS)
async def test_a_match_is_found_wherever_it_is_in_the_list(database: AsyncEngine, order: ProductOrder) -> None:
    await fill(database, PRODUCTS)
    reader = on_postgres(database).reader
    for search, expected in (("old", OLD), ("product absent", 0), (str(PRODUCTS), 1), ("product", PRODUCTS)):
        wanted, found, after = ProductFilter(words=search_words(search)), [], None
        while True:
            page = await reader.products(100, order, after, wanted)
            found += [product.id for product in page.items]
            after = page.next
            if after is None:
                break
        assert len(found) == len(set(found)) == expected, search
