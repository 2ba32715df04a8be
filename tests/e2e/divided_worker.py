"""`aggregator worker` with other durations, which its argument gives as JSON: no setting does that, only code.

Jobs are not given up when the lease ends, so that what a late worker writes is up to the lease alone.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
from dishka import Provider, Scope, provide
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import SaqJobQueue
from adapters.offers_api.limits import HttpLimits
from application.synchronisation.access_token.timing import TokenTiming
from application.synchronisation.repositories import LONGEST_LEASE
from application.synchronisation.timing import Timing
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.limits import WORKING, Limits
from entrypoints.logs import configure_logs
from entrypoints.worker.main import run_worker

JOB_SECONDS = 600.0
# A claim whose transaction began before this lease still believes it: one of LONGEST_LEASE it would take over.
LONG_LEASE = LONGEST_LEASE - timedelta(seconds=10)


@dataclass(frozen=True)
class Durations:
    """All durations of the synchronisation."""

    timing: Timing = field(default_factory=Timing)
    token: TokenTiming = field(default_factory=TokenTiming)
    http: HttpLimits = field(default_factory=HttpLimits)

    @property
    def limits(self) -> Limits:
        return replace(WORKING, token=self.token, upstream=self.http)


class Divided(Provider):
    """Durations of our own."""

    scope = Scope.APP

    def __init__(self, durations: Durations) -> None:
        super().__init__()
        self._durations = durations

    @provide(override=True)
    def timing(self) -> Timing:
        return self._durations.timing

    @provide(override=True)
    def saq_job_queue(self, queue: PostgresQueue) -> SaqJobQueue:
        return SaqJobQueue(queue, JOB_SECONDS)


async def main() -> None:
    settings = read_settings(os.environ)
    configure_logs(settings)
    durations = msgspec.json.decode(sys.argv[1], type=Durations)
    container = make_container(settings, Divided(durations), limits=durations.limits)
    try:
        await run_worker(container)
    finally:
        await container.close()


if __name__ == "__main__":
    asyncio.run(main())
