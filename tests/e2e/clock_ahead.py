"""`aggregator api` or `worker` on a host whose clock is as many days ahead as the first argument says.

Python asks for the time of day in two ways; the one that C code has cached is SAQ's for its cron jobs.
"""

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

import saq.worker

from entrypoints import container
from entrypoints.cli import main

AHEAD = timedelta(days=float(sys.argv.pop(1)))
_time = time.time


class _Ahead(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + AHEAD


def turn_the_clock() -> None:
    """Let our code and SAQ's see a time of day that is ahead."""
    time.time = lambda: _time() + AHEAD.total_seconds()
    for module in (saq.worker, container):
        vars(module)["datetime"] = _Ahead


if __name__ == "__main__":
    turn_the_clock()
    main()
