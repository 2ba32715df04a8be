"""Bytes a row takes, with its indexes, and what that makes of many products that never stand still."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from benchmarks.history.data import HOURLY_DAYS, Filled

PRODUCTS = 10_000
OFFERS = 8
MINUTES = 24 * 60

_PARTITIONS = "SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf"
_SIZES = "SELECT sum(pg_table_size(part)), sum(pg_indexes_size(part)) FROM unnest(%s::regclass[]) AS part"


@dataclass(frozen=True)
class Table:
    """One table of the history; `days` are those that are on the disk at once, today and the day of grace included.

    A table that is measured by the month is measured whole.
    """

    name: str
    rows_a_product_day: int
    days: int
    by_day: bool = True


TABLES = (
    Table("offer_interval", OFFERS * MINUTES, 35 + 2),
    Table("offer_bucket_1h", OFFERS * 24, 35 + 2),
    Table("best_price_step", MINUTES, 35 + 2),
    Table("best_price_bucket_5m", MINUTES // 5, 90 + 2),
    Table("best_price_bucket_1h", 24, 730 + 31, by_day=False),
    Table("best_price_bucket_1d", 1, 365, by_day=False),
)


def print_sizes(connection: psycopg.Connection[Any], filled: Filled) -> None:
    """Measure the days in which all products moved, and work out what the targeted number of products takes."""
    print(f"\n{PRODUCTS} products of {OFFERS} offers that all move every minute, the daily buckets of one year")
    print(f"{'':22}{'rows':>10}{'table':>8}{'indexes':>8}{'bytes':>7}{'million rows':>14}{'GB':>7}{'days':>6}{'GB':>8}")
    print(f"{'':22}{'measured':>10}{'B/row':>8}{'B/row':>8}{'a row':>7}{'a day':>14}{'a day':>7}{'kept':>6}{'kept':>8}")
    total = 0.0
    for table in TABLES:
        rows, heap, indexes = _measure(connection, table, filled.midnight)
        size, a_day = heap + indexes, PRODUCTS * table.rows_a_product_day
        kept = size * a_day * table.days / 1e9
        total += kept
        print(
            f"{table.name:22}{rows:>10}{heap:>8.1f}{indexes:>8.1f}{size:>7.1f}{a_day / 1e6:>14.2f}"
            f"{size * a_day / 1e9:>7.2f}{table.days:>6}{kept:>8.1f}"
        )
    print(f"{'together':22}{total:>68.1f}", flush=True)


def _measure(connection: psycopg.Connection[Any], table: Table, midnight: datetime) -> tuple[int, float, float]:
    parts = [name for (name,) in connection.execute(_PARTITIONS, [table.name])] or [table.name]
    if table.by_day:
        days = [f"{midnight - timedelta(days=1 + day):%Y%m%d}" for day in range(HOURLY_DAYS)]
        parts = [f"{table.name}_{day}" for day in days]
    rows: int = sum(_one_row(connection, f"SELECT count(*) FROM {part}")[0] for part in parts)  # noqa: S608
    heap, indexes = _one_row(connection, _SIZES, parts)
    return rows, float(heap) / rows, float(indexes) / rows


def _one_row(connection: psycopg.Connection[Any], sql: str, *parameters: object) -> Any:
    return connection.execute(sql.encode(), parameters or None).fetchone()
