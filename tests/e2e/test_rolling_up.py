"""Killing the worker in the middle of a roll-up, again and again, leaves the same tables as never killing it."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from storages.databases import BUCKETS

HOUSEKEEPING = Path(__file__).with_name("killed_housekeeping.py")
STATEMENTS_OF_TWO_STEPS = 45
KILLS, PRODUCTS, DAYS = (100, 40, 25) if settings().max_examples > 100 else (8, 9, 10)
FILLED = f"""
    INSERT INTO product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
        registration_state, registration_since)
    SELECT gen.id, gen.id, '', gen.id::text, '', midnight - INTERVAL '{DAYS} days', now(), 1, 'registered', now()
    FROM (SELECT lpad(number::text, 32, '0')::uuid AS id, date_trunc('day', now(), 'UTC') AS midnight
          FROM generate_series(1, {PRODUCTS}) AS number) AS gen;
    INSERT INTO synchronisation (product_id, scheduled_at, consecutive_failures, observed_at, known_until, best_price,
        best_price_since, offers_in_stock)
    SELECT id, now(), 0, now(), now() + INTERVAL '1 hour', 7, date_trunc('hour', now(), 'UTC'), 1 FROM product;
    INSERT INTO insight (product_id, rolled_until, offers_rolled_until) SELECT id, created_at, created_at FROM product;
    INSERT INTO best_price_step (product_id, price, valid_from, valid_to, state)
    SELECT id, CASE WHEN hour % 7 > 0 THEN hour END, created_at + hour * INTERVAL '1 hour',
        created_at + (hour + 1) * INTERVAL '1 hour',
        CASE hour % 14 WHEN 0 THEN 'unknown' WHEN 7 THEN 'out_of_stock' ELSE 'in_stock' END
    FROM product, generate_series(0, {DAYS * 24} - 1) AS hour;
    INSERT INTO offer_interval (product_id, offer_id, price, valid_from, valid_to)
    SELECT product_id, product_id, price, valid_from, valid_to FROM best_price_step WHERE state = 'in_stock';
"""


class Database:
    """A database full of days that have ended, and what keeps house on it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._housekeeping = subprocess.Popen(
            [sys.executable, str(HOUSEKEEPING)],
            env=os.environ | {"DATABASE_URL": dsn, "LOG_FORMAT": "json"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(FILLED.encode())

    def roll_up(self) -> None:
        assert self._keep_house(0) == 0

    def roll_up_until(self, statement: int) -> None:
        """Roll up until the process kills itself before this statement, the first one being 1."""
        assert self._keep_house(statement) == -signal.SIGKILL

    def _keep_house(self, statement: int) -> int:
        """Return the exit code of a process that does."""
        assert self._housekeeping.stdin
        assert self._housekeeping.stdout
        self._housekeeping.stdin.write(f"{statement}\n")
        self._housekeeping.stdin.flush()
        return int(self._housekeeping.stdout.readline())

    def close(self) -> None:
        self._housekeeping.communicate()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        with psycopg.connect(self._dsn) as connection:
            return {
                table: sorted(connection.execute(f"SELECT {table}::text FROM {table}".encode()).fetchall())
                for table in (*BUCKETS, "insight", "best_price_step")
            }

    def days_left(self) -> int:
        with psycopg.connect(self._dsn) as connection:
            left = "SELECT sum(extract(day FROM date_trunc('day', now(), 'UTC') - rolled_until)) FROM insight"
            (days,) = connection.execute(left.encode()).fetchone() or (0,)
            return int(days)


@pytest.fixture
def databases(new_database_dsn: Callable[[], str]) -> Iterator[tuple[Database, Database]]:
    both = Database(new_database_dsn()), Database(new_database_dsn())
    yield both
    for database in both:
        database.close()


@pytest.mark.timeout(300 + 3 * KILLS)
def test_a_worker_that_is_killed_while_it_rolls_up_leaves_what_it_would_have_left(
    databases: tuple[Database, Database],
) -> None:
    undisturbed, killed = databases
    undisturbed.roll_up()
    dice, left = random.Random(20261126), []
    for _ in range(KILLS):
        killed.roll_up_until(statement=dice.randint(1, STATEMENTS_OF_TWO_STEPS))
        left.append(killed.days_left())
    assert left[-1] > 0, "nothing was left to be killed at"
    assert len(set(left)) > 1, "no step came to its end"
    killed.roll_up()
    found, expected = killed.tables(), undisturbed.tables()
    in_stock = sum(hour % 7 > 0 for hour in range(DAYS * 24))
    of_product = [288 * DAYS, 24 * DAYS, DAYS, in_stock]
    assert [len(expected[table]) for table in BUCKETS] == [PRODUCTS * each for each in of_product]
    for table in expected:
        assert found[table] == expected[table], table
