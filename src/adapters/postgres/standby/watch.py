"""How old a hot standby is, and whether it may be read.

The time since the last replayed transaction would grow on an idle primary, and the end of what the standby received
hides a cut network. So the primary is asked for its position in the log at a known time: once the standby has replayed
that far, it shows everything that was visible then. Times are of this process's monotonic clock alone.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits
from adapters.postgres.errors import reason_of
from adapters.postgres.pool import with_reserved
from adapters.postgres.standby.bounded import bounded
from adapters.postgres.standby.positions import StandbyPosition, primary_position, standby_position
from application.bounded_queue import QueueFull
from application.storage import StorageUnavailable

log = structlog.get_logger(__name__)

BEHIND = "it is older than DATABASE_READ_MAX_LAG"
FOREIGN = "it is no standby of the primary of DATABASE_URL, or has not replayed the primary's last promotion yet"
PROMOTED = "it is no standby, or no longer: it was promoted. Restart the process once it is a standby again"
_ALIVE = ("40001", "57014")
"""SQLSTATEs of reads that the replay cancelled, and of reads that took too long: the standby itself is well."""


@dataclass(frozen=True, slots=True)
class StandbyLimits:
    """Limits of a standby's reads. Durations are in seconds."""

    database: DatabaseLimits = field(
        default_factory=lambda: DatabaseLimits(
            reserved=1, statement=0.35, lock=0.3, connect=0.4, pool_wait=0.1, answer_margin=0.05
        )
    )
    read: float = 0.45
    """One read, with its waits for a connection and an answer; then the primary is read."""
    first_batch: float = 0.9
    """The first batch of an export; then the primary is read."""
    check: float = 1.0
    """The answer of one of the servers to a check."""
    between_checks: float = 1.0
    """The time between two checks, or a quarter of DATABASE_READ_MAX_LAG if that is less."""


@dataclass(frozen=True, slots=True)
class ReadPermit:
    """The right to read the standby, as of a check."""

    since: float
    """Everything that was visible on the primary at this time is there."""
    doubts: int


class StandbyWatch:
    """Checks the standby again and again. Its methods but `run` and `check` do not wait."""

    def __init__(
        self,
        primary: AsyncEngine,
        standby: AsyncEngine,
        limits: StandbyLimits,
        longest_lag: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._standby = with_reserved(standby)
        self._limits = limits
        self._longest_lag = longest_lag
        self._now = now
        self._history = ""
        self._samples: deque[tuple[float, int]] = deque()
        self._permit: ReadPermit | None = None
        self._doubts = 0
        self._promoted = False
        self._trouble: str | None = ""
        self._doubted = asyncio.Event()
        event.listen(standby.sync_engine, "connect", lambda *_: self._doubt_new())
        event.listen(standby.sync_engine, "checkin", lambda driver, _: self._look_at(driver))

    async def run(self) -> None:
        """Check as long as the process lives, or until the standby is promoted."""
        between = min(self._limits.between_checks, self._longest_lag / 4)
        while not self._promoted:
            self._doubted.clear()
            await self.check()
            try:
                async with asyncio.timeout(between):
                    await self._doubted.wait()
            except TimeoutError:
                continue

    async def check(self) -> None:
        """Judge the standby by the positions of both servers."""
        doubts = self._doubts
        # Without the primary's answer the standby counts as too old before long.
        with suppress(Exception):
            await self._ask_primary()
        try:
            standby = await bounded(self._limits.check, standby_position(self._standby))
        except Exception as error:  # noqa: BLE001 - after any error the primary answers
            self._refuse(reason(error))
        else:
            self._judge(standby, doubts)

    async def _ask_primary(self) -> None:
        asked_at = self._now()
        found = await bounded(self._limits.check, primary_position(self._primary))
        if found.history != self._history:
            self._history = found.history
            self._samples.clear()
        self._samples.append((asked_at - found.unflushed, found.position))

    def permit(self) -> ReadPermit | None:
        """Return the right to read the standby now, None without it."""
        return self._permit if self._permit is not None and self._young(self._permit) else None

    def holds(self, permit: ReadPermit) -> bool:
        """Return whether an answer of the standby may be given now, if its read began with this right."""
        return permit.doubts == self._doubts and self._young(permit)

    def age(self) -> float:
        """Return how old an answer of the standby would be at most, in seconds."""
        return self._now() - self._permit.since if self._permit else math.inf

    def note_failure(self, error: Exception) -> None:
        """Stop reading the standby until a check has succeeded, unless the failure says nothing about the server."""
        cause = error.__cause__ if isinstance(error, StorageUnavailable) else error
        silent = isinstance(error, (StorageUnavailable, OSError))
        if silent and not isinstance(cause, QueueFull) and getattr(cause, "sqlstate", None) not in _ALIVE:
            # Of the reads that fail together the first one names the trouble.
            self._refuse(self._trouble or reason(error))

    def _judge(self, standby: StandbyPosition, doubts: int) -> None:
        if not standby.replays:
            self._promote()
        elif standby.history != self._history:
            self._refuse(FOREIGN)
        elif doubts == self._doubts:
            since = max((at for at, position in self._samples if position <= standby.position), default=-math.inf)
            oldest = max(since, self._now() - self._longest_lag)
            while self._samples and self._samples[0][0] < oldest:
                self._samples.popleft()
            if since < oldest:
                self._refuse(BEHIND)
            else:
                self._permit = ReadPermit(since, self._doubts)
                self._note(None)

    def _young(self, permit: ReadPermit) -> bool:
        return self._now() - permit.since <= self._longest_lag

    def _doubt_new(self) -> None:
        # The server at the other end may have started anew, at an older state, or be another one.
        self._doubts += 1
        self._permit = None
        self._doubted.set()

    def _look_at(self, connection: object) -> None:
        driver = getattr(connection, "driver_connection", None)
        # The server reports this with each answer: https://www.postgresql.org/docs/current/protocol-flow.html
        if driver is not None and not driver.is_closed() and driver.get_settings().in_hot_standby == "off":
            self._promote()

    def _promote(self) -> None:
        # It takes writes that the primary may never see. By its position it only seems to be ahead of the primary.
        self._promoted = True
        self._refuse(PROMOTED)

    def _refuse(self, trouble: str) -> None:
        self._doubts += 1
        self._permit = None
        self._note(PROMOTED if self._promoted else trouble)

    def _note(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        if trouble is None:
            log.info("standby is read", age_seconds=round(self.age(), 1))
        else:
            log.warning("standby is not read", reason=trouble, effect="the primary answers all reads")
        self._trouble = trouble


def reason(error: BaseException) -> str:
    """Return in one line why a standby cannot be read."""
    if isinstance(error, StorageUnavailable):
        return str(error).replace("DATABASE_URL", "DATABASE_READ_URL")
    if isinstance(error, (OSError, asyncpg.PostgresError)):
        return reason_of(error).replace("DATABASE_URL", "DATABASE_READ_URL")
    return f"it cannot be judged: {type(error).__name__}"
