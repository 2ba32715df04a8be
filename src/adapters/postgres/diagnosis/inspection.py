"""The facts of a diagnosis, as PostgreSQL's own views and our tables show them.

Driver statements: nothing here is a mapped row.
"""

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.rows import AUDIT_RECORD
from adapters.postgres.connection import connect, fetch
from adapters.postgres.events.tables import event
from adapters.postgres.partitions import Partition, existing, month_of
from adapters.postgres.prices.tables import best_price_step, offer_interval
from adapters.postgres.schema import OLDEST_SERVER, ServerUnsuitable, require_sessions, require_way_past_pooler
from adapters.postgres.webhooks.rows import webhook_delivery
from application.diagnosis.facts import LATE_REGISTRATION, DatabaseFacts, SynchronisationFacts, UpkeepFacts
from application.storage import StorageUnavailable

COUNTED = 1_000
"""Late registrations are counted up to this number."""
FAILURES_IN_A_ROW = 3
"""A product's single failure is no finding: the next poll cures most of them."""
ERRORS = 3
"""Errors that have a finding of their own."""
BLOAT = 100_000
"""Dead rows that are worth a finding; every poll leaves some, until autovacuum removes them."""

# Other roles' transactions have no start for a role without pg_read_all_stats, so only what is visible counts. The
# server's disk is in sight if the server runs on this host, and its setting is readable.
_SERVER = """
    SELECT current_setting('server_version_num')::int / 10000 AS version,
        current_setting('server_encoding') AS encoding,
        current_setting('transaction_read_only') = 'on' AS read_only,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0) AS connections_allowed,
        greatest(
            interval '0',
            (SELECT max(clock_timestamp() - xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL),
            (SELECT max(clock_timestamp() - prepared) FROM pg_prepared_xacts)
        ) AS oldest_write,
        coalesce(current_setting('transaction_timeout', true), '0')::interval AS transaction_limit,
        current_setting('autovacuum') = 'on' AS vacuums,
        array_remove(ARRAY[
            CASE WHEN NOT has_schema_privilege('public', 'CREATE') THEN 'CREATE on the schema public' END,
            CASE WHEN NOT has_schema_privilege(to_regnamespace('saq'), 'USAGE') THEN 'USAGE on the schema saq' END,
            (SELECT 'ownership of the tables' FROM pg_class
            WHERE oid = to_regclass('offer_interval') AND NOT pg_has_role(relowner, 'USAGE'))
        ], NULL) AS missing_rights,
        (SELECT count(*) = 2 FROM pg_class
        WHERE relnamespace = to_regnamespace('saq') AND relname IN ('saq_jobs', 'saq_stats')) AS queue_tables,
        CASE WHEN inet_server_addr() IS NOT DISTINCT FROM inet_client_addr()
            THEN (SELECT setting FROM pg_settings WHERE name = 'data_directory') END AS data_directory
"""
_BLOATED = """
    SELECT format(CASE schemaname WHEN 'public' THEN '%2$I' ELSE '%1$I.%2$I' END, schemaname, relname), n_dead_tup
    FROM pg_stat_user_tables
    WHERE schemaname IN ('public', 'saq') AND n_dead_tup > greatest($1::bigint, n_live_tup)
    ORDER BY n_dead_tup DESC LIMIT 3
"""
_SYNCHRONISATION = """
    SELECT (SELECT count(*) FROM saq.saq_stats WHERE expire_at > extract(epoch FROM clock_timestamp())) AS workers,
        (SELECT count(*) FROM saq.saq_jobs
        WHERE status = 'queued' AND scheduled <= extract(epoch FROM clock_timestamp())) AS waiting_jobs,
        (SELECT count(*) FROM (
            SELECT FROM product
            WHERE withdrawn_at IS NULL AND registration_state = 'pending'
                AND registration_since < clock_timestamp() - $1::interval LIMIT $2
        ) AS late) AS late_registrations,
        (SELECT count(*) FROM synchronisation WHERE refused_rows > 0) AS refused_rows
"""
_FAILURES = """
    SELECT coalesce(last_error, 'no reason was kept'), count(*) FROM synchronisation
    WHERE consecutive_failures >= $1 AND scheduled_at IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2
"""
_UPKEEP = """
    SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today,
        coalesce((SELECT clock_timestamp() - min(rolled_until) FROM insight), interval '0') AS rolled_up
"""


@dataclass(frozen=True, slots=True)
class SqlAlchemyDatabaseInspection:
    """See `InspectDatabase`."""

    engine: AsyncEngine
    direct: AsyncEngine | None = None
    """Past a pooler of transactions, where that way has a setting."""

    async def __call__(self) -> DatabaseFacts:
        await self._require_sessions()
        ((*_, directory),) = rows = await fetch(self.engine, _SERVER, ())
        facts: dict[str, Any] = dict(rows[0])
        del facts["data_directory"]
        facts["missing_rights"] = tuple(facts["missing_rights"])
        bloated = dict(map(tuple, await fetch(self.engine, _BLOATED, (BLOAT,))))
        free = None if directory is None else await asyncio.to_thread(_free_share, directory)
        return DatabaseFacts(oldest_version=OLDEST_SERVER, bloated=bloated, disk_free=free, **facts)

    async def _require_sessions(self) -> None:
        try:
            await require_sessions(self.engine)
            if self.direct is not None:
                await require_way_past_pooler(self.direct)
        except ServerUnsuitable as error:
            reason = str(error)
            raise StorageUnavailable(f"{reason[0].lower()}{reason[1:-1]}") from error


@dataclass(frozen=True, slots=True)
class SqlAlchemySynchronisationInspection:
    """See `InspectSynchronisation`."""

    engine: AsyncEngine

    async def __call__(self) -> SynchronisationFacts:
        (row,) = await fetch(self.engine, _SYNCHRONISATION, (LATE_REGISTRATION, COUNTED))
        failures = dict(map(tuple, await fetch(self.engine, _FAILURES, (FAILURES_IN_A_ROW, ERRORS))))
        return SynchronisationFacts(failures=failures, **dict(row))


_DAILY = (offer_interval, best_price_step, event, webhook_delivery)


@dataclass(frozen=True, slots=True)
class SqlAlchemyUpkeepInspection:
    """See `InspectUpkeep`."""

    engine: AsyncEngine

    async def __call__(self) -> UpkeepFacts:
        ((today, rolled_up),) = await fetch(self.engine, _UPKEEP, ())
        async with connect(self.engine) as connection:
            partitions = await existing(connection, [*_DAILY, AUDIT_RECORD])
        there = {partition.name for partition in partitions if not partition.half_dropped}

        def missing(tables: Iterable[Table], begins: Iterable[date]) -> tuple[str, ...]:
            names = (Partition(table.name, begin).name for begin in begins for table in tables)
            return tuple(name for name in names if name not in there)

        days = (today, today + timedelta(days=1))
        return UpkeepFacts(
            missing_history_days=missing((offer_interval, best_price_step), days),
            missing_event_days=missing([event], days),
            missing_delivery_days=missing([webhook_delivery], days),
            missing_audit_months=missing([AUDIT_RECORD], month_of(AUDIT_RECORD, today)[1:]),
            rolled_up=rolled_up,
        )


def _free_share(directory: str) -> float | None:
    if directory.startswith("/proc/"):
        # A view of the server's process, so another folder in this one; the embedded server of root has it so.
        return None
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None
