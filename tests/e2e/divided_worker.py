"""`aggregator worker` with other durations, which its argument gives as JSON: no setting does that, only code.

Jobs are not given up when the lease ends, so that what a late worker writes is up to the lease alone.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field

import msgspec
from dishka import Provider, Scope, provide
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import SaqJobQueue
from adapters.offers_api.http_client import HttpLimits
from adapters.offers_api.token_pace import TokenPace
from application.synchronisation.timing import Pace
from entrypoints.container import WORKING, make_container
from entrypoints.logs import configure_logs
from entrypoints.settings import read_settings
from entrypoints.worker.jobs import run_worker

JOB_SECONDS = 60.0


@dataclass(frozen=True)
class Durations:
    """All durations of the synchronisation."""

    pace: Pace = field(default_factory=Pace)
    token: TokenPace = field(default_factory=TokenPace)
    http: HttpLimits = field(default_factory=HttpLimits)


class Divided(Provider):
    """Durations of our own."""

    scope = Scope.APP

    def __init__(self, durations: Durations) -> None:
        super().__init__()
        self._durations = durations

    @provide(override=True)
    def pace(self) -> Pace:
        return self._durations.pace

    @provide(override=True)
    def token_pace(self) -> TokenPace:
        return self._durations.token

    @provide(override=True)
    def http_limits(self) -> HttpLimits:
        return self._durations.http

    @provide(override=True)
    def saq_job_queue(self, queue: PostgresQueue) -> SaqJobQueue:
        return SaqJobQueue(queue, JOB_SECONDS)


async def main() -> None:
    settings = read_settings(os.environ)
    configure_logs(settings)
    durations = msgspec.json.decode(sys.argv[1], type=Durations)
    container = make_container(settings, Divided(durations), database=WORKING)
    try:
        await run_worker(container)
    finally:
        await container.close()


if __name__ == "__main__":
    asyncio.run(main())
