"""The sizes of all tables, partitions together, and of their indexes."""

from benchmarks.refresh.system import System

# toast belongs to the table.
_SIZES = """
    SELECT coalesce(parent.relname, own.relname) AS name, sum(pg_table_size(own.oid))::float8,
        sum(pg_indexes_size(own.oid))::float8, sum(greatest(own.reltuples, 0))::float8
    FROM pg_class AS own
    LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace
    GROUP BY 1 HAVING sum(greatest(own.reltuples, 0)) > 0 ORDER BY 2 DESC
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index
    WHERE indrelid = 'synchronisation'::regclass ORDER BY 2 DESC
"""
_DATABASE = "SELECT pg_database_size(current_database())"
_WAL = "SELECT sum(size) FROM pg_ls_waldir()"


def print_sizes(system: System, products: int) -> None:
    """Print them as rows of a table in Markdown."""
    system.connection.execute("VACUUM (ANALYZE)")
    print("\n| table | rows | table MB | indexes MB | bytes a product |\n|---|---|---|---|---|")
    for name, table, indexes, rows in system.connection.execute(_SIZES):
        each = (table + indexes) / products
        print(f"| {name} | {rows:.0f} | {table / 1e6:.0f} | {indexes / 1e6:.0f} | {each:.0f} |")
    indexes = system.connection.execute(_INDEXES).fetchall()
    print("indexes of synchronisation: " + ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in indexes))
    database, wal = system.number(_DATABASE), system.number(_WAL)
    print(f"database {database / 1e9:.2f} GB, write-ahead log {wal / 1e9:.2f} GB")
