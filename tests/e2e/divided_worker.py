"""`aggregator worker` at another pace, which its argument gives as JSON: no setting does that, only code.

Jobs are not given up when the lease ends, so that what a late worker writes is up to the lease alone.
"""

import asyncio
import os
import sys

import msgspec
from dishka import Provider, Scope, provide
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import SaqJobQueue
from application.pace import Pace
from entrypoints.container import WORKING, make_container
from entrypoints.logs import configure_logs
from entrypoints.settings import read_settings
from entrypoints.worker import run_worker

JOB_SECONDS = 60.0


class Divided(Provider):
    """A pace of our own."""

    scope = Scope.APP

    @provide(override=True)
    def pace(self) -> Pace:
        return msgspec.json.decode(sys.argv[1], type=Pace)

    @provide(override=True)
    def saq_job_queue(self, queue: PostgresQueue) -> SaqJobQueue:
        return SaqJobQueue(queue, JOB_SECONDS)


async def main() -> None:
    settings = read_settings(os.environ)
    configure_logs(settings)
    container = make_container(settings, Divided(), database=WORKING)
    try:
        await run_worker(container)
    finally:
        await container.close()


if __name__ == "__main__":
    asyncio.run(main())
