"""The history that is measured: written by SQL, in the order in which workers would have written it.

One product moves every minute since 31 days, many move every hour since 7: a row is written when its stretch ends, so
that those of one product lie scattered between those of all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.refresh.products import add_products, product_ids
from domain.window import BucketWidth

HOURLY_PRODUCTS = 1_000
OFFERS = 8
MINUTE_DAYS, HOURLY_DAYS = 31, 7
APPENDED_PRODUCTS = 500

_WATCHED = """
    CREATE TEMPORARY TABLE watched AS
    SELECT n, product_id, since, every, rare,
        floor(extract(epoch FROM %(now)s - since) / extract(epoch FROM every))::int AS ticks
    FROM (
        SELECT n, product_id,
            CASE n WHEN 1 THEN INTERVAL '1 minute' ELSE INTERVAL '1 hour' END AS every,
            CASE n WHEN 1 THEN 480 ELSE 48 END AS rare,
            CASE n WHEN 1 THEN %(minute_since)s + INTERVAL '17 seconds'
                ELSE %(hourly_since)s + n * INTERVAL '3.583 seconds' END AS since
        FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS id (product_id, n)
    ) AS each
"""
_FUNCTIONS = (
    # Odd and even in turns: however the offers stand to each other, the best price moves too.
    """
    CREATE FUNCTION pg_temp.price(n bigint, tick int, offer int) RETURNS bigint IMMUTABLE LANGUAGE SQL RETURN
    2 * (20000 + (2000 * sin(tick / 700.0 + n))::bigint + (tick * 7919 + offer * 104729 + n * 613) % 997) + tick % 2
    """,
    """
    CREATE FUNCTION pg_temp.offer_id(product_id uuid, offer int) RETURNS uuid IMMUTABLE LANGUAGE SQL RETURN
    md5(product_id::text || offer)::uuid
    """,
)
_STRETCH = """
    CREATE TEMPORARY TABLE stretch AS
    SELECT product_id, n, tick, state, ends AS written_at,
        greatest(starts, day) AS valid_from, least(ends, day + INTERVAL '1 day') AS valid_to
    FROM (
        SELECT product_id, n, tick, since + tick * every AS starts, since + (tick + 1) * every AS ends,
            CASE tick % rare WHEN 10 THEN 'out_of_stock' WHEN 30 THEN 'unknown' ELSE 'in_stock' END AS state
        FROM watched, generate_series(0, ticks - 1) AS tick
    ) AS ended, generate_series(
        date_trunc('day', starts, 'UTC'), ends - INTERVAL '1 microsecond', INTERVAL '1 day'
    ) AS day
"""
_STEPS = """
    INSERT INTO best_price_step (product_id, price, valid_from, valid_to, state)
    SELECT product_id,
        CASE state WHEN 'in_stock' THEN
            (SELECT min(pg_temp.price(n, tick, offer)) FROM generate_series(1, %(offers)s) AS offer)
        END, valid_from, valid_to, state
    FROM stretch ORDER BY written_at, n, valid_from
"""
_INTERVALS = """
    INSERT INTO offer_interval (product_id, offer_id, price, valid_from, valid_to)
    SELECT product_id, pg_temp.offer_id(product_id, offer), pg_temp.price(n, tick, offer), valid_from, valid_to
    FROM stretch, generate_series(1, %(offers)s) AS offer WHERE state = 'in_stock'
    ORDER BY written_at, n, valid_from, offer
"""
_CURRENT = (
    """
    INSERT INTO offer (product_id, id, price, items_in_stock, first_seen_at, changed_at)
    SELECT product_id, pg_temp.offer_id(product_id, offer), pg_temp.price(n, ticks, offer), 10,
        since, since + ticks * every
    FROM watched, generate_series(1, %(offers)s) AS offer
    """,
    """
    UPDATE synchronisation SET scheduled_at = now(), not_before = now() + INTERVAL '1 day', last_attempt_at = now(),
        last_success_at = now(), observed_at = now(), known_until = now() + INTERVAL '1 hour',
        best_price = best.price, best_price_since = best.changed_at, best_offer_id = best.id,
        best_offer_items_in_stock = best.items_in_stock, offers_in_stock = %(offers)s
    FROM (SELECT DISTINCT ON (product_id) * FROM offer ORDER BY product_id, price, id) AS best
    WHERE best.product_id = synchronisation.product_id
    """,
    """
    UPDATE insight SET
        rolled_until = date_trunc('day', since, 'UTC'), offers_rolled_until = date_trunc('day', since, 'UTC')
    FROM watched WHERE watched.product_id = insight.product_id
    """,
)


@dataclass(frozen=True)
class Filled:
    """What there is to read, as of when; the last products have no history and are there to be written to."""

    minute: UUID
    hourly: list[UUID]
    appended: list[UUID]
    an_offer: Mapping[UUID, UUID]
    at: datetime

    @property
    def midnight(self) -> datetime:
        """The one before `at`."""
        return BucketWidth.DAY.floor(self.at)


def fill(connection: psycopg.Connection[Any]) -> Filled:
    """Write products and history into a migrated, empty database; nothing is rolled up yet."""
    ids = product_ids(1 + HOURLY_PRODUCTS + APPENDED_PRODUCTS)
    add_products(connection, len(ids))
    watched, appended = ids[: 1 + HOURLY_PRODUCTS], ids[1 + HOURLY_PRODUCTS :]
    now = datetime.now(UTC)
    midnight = BucketWidth.DAY.floor(now)
    parameters = {
        "ids": watched,
        "offers": OFFERS,
        "now": now,
        "minute_since": midnight - timedelta(days=MINUTE_DAYS),
        "hourly_since": midnight - timedelta(days=HOURLY_DAYS),
    }
    with connection.transaction():
        connection.execute("SET LOCAL work_mem = '256MB'")
        for sql in (_WATCHED, *_FUNCTIONS, _STRETCH, _STEPS, _INTERVALS, *_CURRENT):
            connection.execute(sql.encode(), parameters if "%(" in sql else None)
    an_offer = dict(connection.execute("SELECT DISTINCT ON (product_id) product_id, id FROM offer"))
    return Filled(watched[0], watched[1:], appended, an_offer, now)
