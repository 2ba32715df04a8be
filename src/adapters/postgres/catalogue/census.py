"""The number of products by the state of their registration."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch
from domain.product import RegistrationState

# An index has the few that are not registered. The others are counted one by one, but not by the million.
_COUNT = """
    WITH unregistered AS (
        SELECT registration_state, count(*) AS products FROM product
        WHERE withdrawn_at IS NULL AND registration_state <> 'registered' GROUP BY registration_state
    )
    SELECT registration_state, products FROM unregistered
    UNION ALL
    SELECT 'registered', CASE
        WHEN reltuples > 1000000
            THEN greatest(0, reltuples::bigint - (SELECT coalesce(sum(products), 0) FROM unregistered))::bigint
        ELSE (SELECT count(*) FROM product WHERE withdrawn_at IS NULL AND registration_state = 'registered')
    END
    FROM pg_class WHERE oid = 'product'::regclass
"""


@dataclass(frozen=True, slots=True)
class SqlAlchemyCensus:
    """Counts in one statement."""

    engine: AsyncEngine

    async def __call__(self) -> Mapping[RegistrationState, int]:
        return {RegistrationState(state): products for state, products in await fetch(self.engine, _COUNT, ())}
