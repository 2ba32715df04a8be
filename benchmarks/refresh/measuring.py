"""What is read before and after a cycle; the difference of two readings is what the cycle took."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import cpu_seconds, family_cpu_seconds, machine_cpu_seconds
from benchmarks.refresh.system import ROLE, System, Worker

STATISTICS_SECONDS = 11.0
"""An idle connection of PostgreSQL 15 and later adds what it counted to the tables' statistics after 10 s."""

_WRITTEN = """
    SELECT coalesce(parent.relname, own.relname) AS name, sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_hot_upd)
    FROM pg_stat_user_tables AS own
    LEFT JOIN pg_inherits ON inhrelid = own.relid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE schemaname = 'public' GROUP BY 1 ORDER BY 1
"""
_STATEMENTS = f"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE userid = '{ROLE}'::regrole"  # noqa: S608


@dataclass(frozen=True)
class Written:
    """Rows that were written to a table; `in_place` of the updated ones touched no index (HOT)."""

    inserted: int
    updated: int
    in_place: int


@dataclass(frozen=True)
class Reading:
    """Counters at one moment."""

    workers_cpu: float
    server_cpu: float
    machine_cpu: float
    at: float
    statements: int
    wal_bytes: int
    batches: int
    shares: list[int]
    """Products that each worker has observed."""


def others_share(machine_cpu: float, known_cpu: float, seconds: float) -> float:
    """What ran beside those that are known, of all cores: much of it spoils what was measured meanwhile."""
    return max(0.0, machine_cpu - known_cpu) / seconds / (os.cpu_count() or 1)


def read(system: System, workers: Sequence[Worker]) -> Reading:
    """Read all counters that are up to date at once."""
    batches = [worker.batches() for worker in workers]
    return Reading(
        workers_cpu=sum(cpu_seconds(worker.pid) for worker in workers),
        server_cpu=family_cpu_seconds(system.postmaster),
        machine_cpu=machine_cpu_seconds(),
        at=time.monotonic(),
        statements=system.number(_STATEMENTS),
        wal_bytes=system.number("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"),
        batches=sum(map(len, batches)),
        shares=[sum(batch.get("observed", 0) for batch in each) for each in batches],
    )


def read_written(system: System) -> dict[str, Written]:
    """Return what was written to each table so far, its partitions together; waits until PostgreSQL knows."""
    time.sleep(STATISTICS_SECONDS)
    system.connection.execute("SELECT pg_stat_force_next_flush()")
    rows: list[Any] = system.connection.execute(_WRITTEN).fetchall()
    return {name: Written(int(inserted), int(updated), int(in_place)) for name, inserted, updated, in_place in rows}


def written_between(before: dict[str, Written], after: dict[str, Written], made_due: int) -> dict[str, Written]:
    """Return what a cycle wrote to the tables that it touched, without the rows that were made due for it."""
    written = {}
    for name, now in after.items():
        then = before.get(name, Written(0, 0, 0))
        updated = now.updated - then.updated - (made_due if name == "synchronisation" else 0)
        if now.inserted > then.inserted or updated:
            written[name] = Written(now.inserted - then.inserted, updated, now.in_place - then.in_place)
    return written
