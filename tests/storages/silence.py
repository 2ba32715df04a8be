"""Processes that stop to answer while their sockets stay open."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent(*pids: int) -> Iterator[None]:
    """Stop processes, as the server's side of connections, while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
