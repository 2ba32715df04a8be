"""All that a database holds, in a form that can be compared: its rows, its sequences and its layout."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

Row = dict[str, Any]

# Sessions differ in nothing that the text of a value depends on.
_OPTIONS = "-c timezone=UTC -c datestyle=ISO -c search_path="
_IN_OURS = "relnamespace::regnamespace::text IN ('public', 'saq')"
_TABLES = f"""
    SELECT relnamespace::regnamespace::text || '.' || relname, oid::regclass::text FROM pg_class
    WHERE {_IN_OURS} AND relkind IN ('r', 'p')
    AND CASE WHEN %(partitions)s THEN relkind = 'r' ELSE NOT relispartition END
"""
_COLUMNS = f"""
    SELECT relnamespace::regnamespace::text || '.' || relname, attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE {_IN_OURS} AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
"""
_SEQUENCES = (
    "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE schemaname IN ('public', 'saq')"
)
_LAYOUT = f"""
    WITH ours AS (SELECT * FROM pg_class WHERE {_IN_OURS} AND (%(partitions)s OR NOT relispartition))
    SELECT 'relation', oid::regclass::text, relkind::text, reloptions::text,
        pg_get_expr(relpartbound, oid) || coalesce(pg_get_partkeydef(oid), '')
    FROM ours WHERE relkind <> 't'
    UNION ALL SELECT 'column', attrelid::regclass::text, attname,
        format_type(atttypid, atttypmod) || ' ' || attnotnull || ' ' || attcollation, pg_get_expr(adbin, adrelid)
    FROM pg_attribute JOIN ours ON ours.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'index', indrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text, NULL
    FROM pg_index JOIN ours ON ours.oid = indrelid WHERE relkind <> 't'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid), NULL
    FROM pg_constraint JOIN ours ON ours.oid = conrelid
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(pg_trigger.oid), tgenabled::text, NULL
    FROM pg_trigger JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid), NULL, NULL
    FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'saq')
"""


def rows(dsn: str, *, partitions: bool = False) -> dict[str, list[Row]]:
    """Return the rows of every table, in an order of their own; of each partition alone if asked for."""
    with psycopg.connect(dsn, options=_OPTIONS) as connection:
        tables = connection.execute(_TABLES.encode(), {"partitions": partitions}).fetchall()
        return {name: _rows(connection, table) for name, table in sorted(tables)}


def columns(dsn: str) -> dict[str, set[str]]:
    """Return the names of every table's columns; partitions have those of their tables."""
    found: dict[str, set[str]] = {}
    with psycopg.connect(dsn, options=_OPTIONS) as connection:
        for table, column in connection.execute(_COLUMNS.encode()):
            found.setdefault(table, set()).add(column)
    return found


def sequences(dsn: str) -> Mapping[str, int | None]:
    """Return the last number of every sequence, None before the first one."""
    with psycopg.connect(dsn, options=_OPTIONS) as connection:
        return dict(connection.execute(_SEQUENCES.encode()).fetchall())


def layout(dsn: str, *, partitions: bool = False) -> set[tuple[str | None, ...]]:
    """Return relations, columns, indexes, constraints, triggers and functions; those of partitions if asked for."""
    with psycopg.connect(dsn, options=_OPTIONS) as connection:
        return set(connection.execute(_LAYOUT.encode(), {"partitions": partitions}).fetchall())


def _rows(connection: psycopg.Connection[Any], table: str) -> list[Row]:
    found = connection.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t".encode())
    return in_order(json.loads(row, parse_float=str) for (row,) in found)


def in_order(found: Iterable[Row]) -> list[Row]:
    """Return the rows in an order that does not depend on that of their columns."""
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))
