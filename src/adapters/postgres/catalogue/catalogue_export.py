"""The catalogue in the order of ids: PostgreSQL encodes each product, as it does for lists."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import lru_cache
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Uuid, bindparam, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.product_filters import WORDS_BY_INDEX, filtered, has_words, wanted_values
from adapters.postgres.catalogue.product_json import HAS_ID, PRODUCTS, as_json, product_fields
from adapters.postgres.catalogue.rows import product
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.snapshot import SnapshotLimits, read_snapshot
from application.catalogue.listing import EVERYTHING, ProductFilter

# For a limit that it can't see PostgreSQL plans for a tenth of the rows. So it prefers a plan that begins at once, by
# the primary key, to one that first encodes and sorts all products.
_NO_LIMIT: ColumnElement[int] = select(literal_column(str(2**62), BigInteger)).scalar_subquery()


class SqlAlchemyCatalogueExport:
    """See `CatalogueExport`."""

    def __init__(self, engine: AsyncEngine, limits: SnapshotLimits) -> None:
        self._engine = engine
        self._limits = limits

    async def __call__(
        self, wanted: ProductFilter = EVERYTHING, after: UUID | None = None
    ) -> AsyncGenerator[Sequence[bytes], None]:
        values = wanted_values(wanted)
        query = _query(frozenset(values), resumed=after is not None)
        rows = read_snapshot(self._engine, self._limits, query, query.values({**values, "after": after}))
        async with aclosing(rows) as batches:
            async for batch in batches:
                yield [row[0].encode() for row in batch]


@lru_cache(maxsize=256)
def _query(filters: frozenset[str], *, resumed: bool) -> DriverQuery:
    chosen = filtered(PRODUCTS, filters)
    if "ids" in filters:
        chosen = chosen.where(HAS_ID)
    if "words" in filters:
        # The few words are read, and not looked up: an index would find all products that match.
        chosen = chosen.where(has_words(product.c.words) if "ids" in filters else WORDS_BY_INDEX)
    if resumed:
        chosen = chosen.where(product.c.id > bindparam("after", type_=Uuid))
    row = chosen.subquery("row")
    json, shown = as_json(row, product_fields(row))
    walk = select(json).select_from(row).join(shown, true()).order_by(row.c.id)
    return DriverQuery.of(walk.limit(_NO_LIMIT))
