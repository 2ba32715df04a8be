"""Ends a process that cannot end, or go on, by itself, whatever its event loop waits for."""

import os
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

Exit = Callable[[int], object]


def exit_within(seconds: float, leave: Exit = os._exit) -> None:
    """End the process with code 1 after so many seconds, if it still runs then."""

    def end() -> None:
        log.error("stopping took too long, so the process ends at once", seconds=seconds)
        leave(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def exit_once_stalled(since: Callable[[], float], seconds: float, leave: Exit = os._exit, every: float = 1.0) -> None:
    """End the process with code 1 once `since()`, the seconds since the last sign of life, exceeds the limit.

    A supervisor starts it anew.
    """

    def watch() -> None:
        while since() <= seconds:
            time.sleep(every)
        log.error("the worker stalled, so the process ends; a supervisor starts it anew", seconds=seconds)
        leave(1)

    threading.Thread(target=watch, daemon=True).start()
