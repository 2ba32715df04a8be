"""The positions of the primary and of its hot standby in the write-ahead log."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch

# A commit is visible once it is flushed, or up to three delays before that if it does not wait:
# https://www.postgresql.org/docs/current/wal-async-commit.html. Positions of two timelines cannot be compared: after a
# failover the standby may follow a primary that is no longer ours.
_PRIMARY = """
    SELECT system_identifier || '/' || ('x' || left(pg_walfile_name(flushed), 8))::bit(32)::int AS history,
        (flushed - '0/0')::bigint AS position,
        CASE WHEN current_setting('synchronous_commit') = 'off'
            THEN 3 * extract(epoch FROM current_setting('wal_writer_delay')::interval)::float8 ELSE 0 END AS unflushed
    FROM pg_current_wal_flush_lsn() AS flushed, pg_control_system()
"""
# The standby notes its timeline when it begins to replay, and after a failover with its next restart point.
_STANDBY = """
    SELECT pg_is_in_recovery() AS replays,
        system_identifier || '/' || greatest(timeline_id, min_recovery_end_timeline) AS history,
        coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint AS position,
        current_setting('hot_standby_feedback') = 'on' AS feedback
    FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()
"""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A position in the log of one cluster and timeline (`history`)."""

    history: str
    position: int


@dataclass(frozen=True, slots=True)
class PrimaryPosition(LogPosition):
    """The position up to which the primary has flushed its log."""

    unflushed: float
    """Everything that was visible this many seconds before the call lies before the position."""


@dataclass(frozen=True, slots=True)
class StandbyPosition(LogPosition):
    """The position up to which a standby has replayed; its reads show nothing later."""

    replays: bool
    """False once it is promoted: it takes writes of its own."""
    feedback: bool
    """Whether it keeps the primary from removing rows that its reads need (hot_standby_feedback)."""


async def primary_position(engine: AsyncEngine) -> PrimaryPosition:
    """Return the position up to which the primary has flushed its log.

    Raises:
        StorageUnavailable, asyncpg.PostgresError: also if it is itself a standby.
    """
    (row,) = await fetch(engine, _PRIMARY, ())
    return PrimaryPosition(**dict(row))


async def standby_position(engine: AsyncEngine) -> StandbyPosition:
    """Return the position up to which the standby has replayed.

    Raises:
        StorageUnavailable
    """
    (row,) = await fetch(engine, _STANDBY, ())
    return StandbyPosition(**dict(row))
