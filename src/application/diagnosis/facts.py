"""The facts that findings are drawn from. All durations are by the storage's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database server, as far as this service's role may see it."""

    version: int
    oldest_version: int
    """The oldest major version that this release supports."""
    encoding: str
    read_only: bool
    connections: int
    """Open connections of all callers of the server."""
    connections_allowed: int
    """Connections that roles without special rights may open."""
    oldest_write: timedelta
    """Age of the oldest transaction that has written and has not ended."""
    transaction_limit: timedelta
    """The server ends longer transactions; 0 if it does not."""
    vacuums: bool
    """Whether autovacuum is on."""
    bloated: Mapping[str, int]
    """Dead rows of the tables that have more dead than living ones."""
    missing_rights: tuple[str, ...]
    """Rights on our schemas that the role lacks."""
    queue_tables: bool
    """Whether the tables of the job queue are there."""
    disk_free: float | None
    """Free share of the disk of the data, None if it is out of sight."""


@dataclass(frozen=True, slots=True)
class SynchronisationFacts:
    """Workers, jobs and products."""

    workers: int
    """Workers that have reported within the last seconds."""
    waiting_jobs: int
    late_registrations: int
    """Registrations that have been pending for longer than `LATE_REGISTRATION`; counted up to a bound."""
    failures: Mapping[str, int]
    """Products that have failed several times in a row, by their last error; the most frequent errors only."""
    refused_rows: int
    """Products with offers that were refused at the last observation."""


@dataclass(frozen=True, slots=True)
class UpkeepFacts:
    """The work of the housekeeping; the names are of partitions that are not there."""

    missing_history_days: tuple[str, ...]
    """Of today and tomorrow."""
    missing_event_days: tuple[str, ...]
    """Of today and tomorrow."""
    missing_delivery_days: tuple[str, ...]
    """Of today and tomorrow."""
    missing_audit_months: tuple[str, ...]
    """Of this month and the next."""
    rolled_up: timedelta
    """Age of the oldest history that is not rolled up yet."""


@dataclass(frozen=True, slots=True)
class StandbyFacts:
    """The standby of `DATABASE_READ_URL`; the other facts are unknown while there is trouble."""

    trouble: str = ""
    """Why it cannot be looked at."""
    replays: bool = True
    """Whether it is a standby, and not promoted."""
    related: bool = True
    """Whether it replays the log of our primary."""
    behind: int = 0
    """Bytes of the primary's log that it had not replayed some time after they were written."""
    feedback: bool = True
    """Whether it keeps the primary from removing rows that its reads need."""


LATE_REGISTRATION = timedelta(minutes=10)
"""The age from which a pending registration is late: unless upstream is in trouble, each takes seconds."""


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """The answer of the Offers service to a request without a token."""

    status: int | None
    """None if there is no answer."""
    reason: str = ""
    """Why there is none."""
    clock_ahead: timedelta | None = None
    """By how much its clock is ahead of this process's, None if it does not say."""


class InspectDatabase(Protocol):
    """Reads the facts of the database server, in a bounded time.

    Raises:
        StorageUnavailable: its text says why and what to do.
    """

    async def __call__(self) -> DatabaseFacts:
        """Return them."""


class InspectSynchronisation(Protocol):
    """Reads the facts of workers and products, on a current schema with the queue's tables, in a bounded time.

    Raises:
        StorageUnavailable
    """

    async def __call__(self) -> SynchronisationFacts:
        """Return them."""


class InspectUpkeep(Protocol):
    """Reads the facts of the housekeeping, on a current schema, in a time that does not grow with the catalogue.

    Raises:
        StorageUnavailable
    """

    async def __call__(self) -> UpkeepFacts:
        """Return them."""


class InspectUpstream(Protocol):
    """Sends one request to the Offers service that changes nothing there."""

    async def __call__(self) -> UpstreamFacts:
        """Return its answer; no failure is raised."""
