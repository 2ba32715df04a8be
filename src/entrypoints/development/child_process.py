"""Child processes that end with their parent, however that ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], None] | None:
    """Make a `preexec_fn` that asks for SIGINT when the thread that started the child ends, if the system can."""
    if sys.platform != "linux":
        return None
    # Looked up before the fork: the child of a process with threads must not load anything.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def request() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return request
