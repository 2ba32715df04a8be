"""Processes that stop to answer while their sockets stay open."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def silent(*pids: int) -> Iterator[None]:
    """Stop processes, as the server's side of connections, while the block runs."""
    try:
        _send(signal.SIGSTOP, pids)
        yield
    finally:
        _send(signal.SIGCONT, pids)


def _send(which: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # a process of a connection that has ended meanwhile
            os.kill(pid, which)
