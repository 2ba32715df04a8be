"""The diagnosis: it checks everything that the service needs, and returns findings. It changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from application.catalogue.census import Census
from application.clock_watch import ClockWatch
from application.diagnosis import rules
from application.diagnosis.facts import (
    DatabaseFacts,
    InspectDatabase,
    InspectSynchronisation,
    InspectUpkeep,
    InspectUpstream,
    StandbyFacts,
)
from application.diagnosis.finding import Check, Finding, Severity, broken
from application.storage import StorageUnavailable
from application.synchronisation.access_token.store import TokenState
from application.synchronisation.lag import ReadLag
from application.synchronisation.timing import Timing
from application.webhooks.ports import WebhookSummary

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Run all checks, each for `patience` seconds at most."""

    inspect_database: InspectDatabase
    schema_state: Callable[[], Awaitable[str]]
    inspect_synchronisation: InspectSynchronisation
    inspect_upkeep: InspectUpkeep
    inspect_upstream: InspectUpstream
    census: Census
    read_lag: ReadLag
    token_state: Callable[[], Awaitable[TokenState]]
    webhooks: Callable[[], Awaitable[WebhookSummary]]
    clocks: ClockWatch
    timing: Timing
    patience: float
    inspect_standby: Callable[[], Awaitable[StandbyFacts]] | None = None
    """None where no standby is read."""

    async def __call__(self) -> list[Finding]:
        """Return the findings, broken parts first. It takes twice the patience at most, even if every check hangs."""
        parts = await asyncio.gather(
            self._of_storage(),
            self._all(Check.STANDBY, self._standby()),
            self._all(Check.OFFERS_SERVICE, self._upstream()),
        )
        found = [finding for part in parts for finding in part]
        return sorted(found, key=lambda finding: finding.severity is not Severity.BROKEN)

    async def _of_storage(self) -> list[Finding]:
        inspected = await self._within(Check.DATABASE, self._database())
        if isinstance(inspected, Finding):
            return [inspected]
        facts, schema = inspected
        found = [*rules.of_database(facts), *rules.of_schema(schema)]
        # `migrate` makes the tables of both.
        found = found if schema == "outdated" else [*found, *rules.of_queue_tables(facts)]
        if schema not in {"ok", "read-only"} or not facts.queue_tables:
            return found
        parts = await asyncio.gather(
            self._all(Check.WORKERS, self._synchronisation()),
            self._all(Check.PARTITIONS, self._upkeep()),
            self._all(Check.TOKEN, self._token()),
            self._all(Check.CLOCK, self._clock()),
            self._all(Check.WEBHOOKS, self._webhooks()),
        )
        return [*found, *(finding for part in parts for finding in part)]

    async def _database(self) -> tuple[DatabaseFacts, str]:
        return await self.inspect_database(), await self.schema_state()

    async def _synchronisation(self) -> list[Finding]:
        facts, lag, products = await self.inspect_synchronisation(), await self.read_lag(), await self.census()
        return [*rules.of_workers(facts, lag, self.timing.refresh_interval), *rules.of_products(facts, products)]

    async def _standby(self) -> list[Finding]:
        return [] if self.inspect_standby is None else [*rules.of_standby(await self.inspect_standby())]

    async def _upkeep(self) -> list[Finding]:
        return [*rules.of_upkeep(await self.inspect_upkeep())]

    async def _token(self) -> list[Finding]:
        return [*rules.of_token(await self.token_state())]

    async def _clock(self) -> list[Finding]:
        await self.clocks.ask()
        return [*rules.of_clock(self.clocks.ahead)]

    async def _webhooks(self) -> list[Finding]:
        return [*rules.of_webhooks(await self.webhooks())]

    async def _upstream(self) -> list[Finding]:
        return [*rules.of_upstream(await self.inspect_upstream())]

    async def _all(self, check: Check, running: Awaitable[list[Finding]]) -> list[Finding]:
        found = await self._within(check, running)
        return [found] if isinstance(found, Finding) else found

    async def _within(self, check: Check, running: Awaitable[Result]) -> Result | Finding:
        """Return the result, or a finding if there is none in time."""
        task = asyncio.ensure_future(running)
        # Not awaited after it was cancelled: it may be closing a connection to a server that does not respond.
        done, _ = await asyncio.wait([task], timeout=self.patience)
        if not done:
            task.cancel()
            return _unchecked(check, f"it did not answer within {self.patience:.0f} s")
        try:
            return task.result()
        except StorageUnavailable as error:
            return _unchecked(check, str(error))


def _unchecked(check: Check, reason: str) -> Finding:
    if check is Check.DATABASE:
        return broken(
            check,
            f"The database cannot be used: {reason}.",
            "API and workers cannot do anything.",
            "Start PostgreSQL, or correct DATABASE_URL: see `The database` in docs/operations.md.",
        )
    return broken(
        check,
        f"This could not be checked: {reason}.",
        "Trouble there may stay unseen.",
        "Mend what the other findings name, then run `aggregator doctor` again.",
    )
