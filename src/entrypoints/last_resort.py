"""Ends a process that cannot end, or go on, by itself, even if its event loop is blocked."""

import os
import threading
import time
from collections.abc import Callable

import structlog

from entrypoints.monitoring import Heartbeat

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


def exit_once_stalled(heartbeat: Heartbeat, seconds: float, leave: Exit = os._exit, every: float = 1.0) -> None:
    """End the process with code 1 once the heart has not beaten for so many seconds. A supervisor starts it anew.

    It counts its looks rather than reading a clock: a process that was suspended for minutes has not stalled.
    """

    def watch() -> None:
        seen, missed = heartbeat.beats, 0
        while missed * every < seconds:
            time.sleep(every)
            missed = missed + 1 if heartbeat.beats == seen else 0
            seen = heartbeat.beats
        log.error("the worker stalled, so the process ends; a supervisor starts it anew", seconds=seconds)
        leave(1)

    threading.Thread(target=watch, daemon=True).start()
