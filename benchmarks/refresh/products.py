"""The products of the benchmark: always the same ids, put into the database as if registered long ago."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg

from domain.synchronisation import AT_ONCE

_INSERT_PRODUCTS = """
    INSERT INTO product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
                         registration_state, registration_since, submitted_at)
    SELECT id, name, name, name, name, now(), now(), 1, 'registered', now(), now()
    FROM (SELECT id, 'product ' || id AS name FROM unnest(%s::uuid[]) AS id) AS new
    ON CONFLICT DO NOTHING
"""
_INSERT_SYNCHRONISATIONS = """
    INSERT INTO synchronisation (product_id, scheduled_at, not_before, consecutive_failures, offers_in_stock)
    SELECT id, %s, now(), 0, 0 FROM unnest(%s::uuid[]) AS id
    ON CONFLICT DO NOTHING
"""
_INSERT_INSIGHTS = """
    INSERT INTO insight (product_id, rolled_until, offers_rolled_until)
    SELECT id, day, day FROM unnest(%s::uuid[]) AS id,
        (SELECT date_trunc('day', now(), 'UTC') - interval '1 day' AS day)
    ON CONFLICT DO NOTHING
"""


def product_ids(count: int) -> list[UUID]:
    """Return the first ids of an endless row, random as real ones are."""
    return list(islice(_endless_ids(), count))


def add_products(connection: psycopg.Connection[Any], count: int) -> None:
    """Bring the table to this many products; the new ones are due at once."""
    ids = product_ids(count)
    with connection.transaction():
        connection.execute(_INSERT_PRODUCTS, [ids])
        connection.execute(_INSERT_SYNCHRONISATIONS, [AT_ONCE, ids])
        connection.execute(_INSERT_INSIGHTS, [ids])


def _endless_ids() -> Iterator[UUID]:
    dice = random.Random(20)  # noqa: S311 - guards nothing
    while True:
        yield UUID(int=dice.getrandbits(128), version=4)
