"""The processes that a benchmark measures: started as operators start them, ended with it, and what they have used."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from entrypoints.development.child_process import end_with_parent

AGGREGATOR = (sys.executable, "-m", "entrypoints.cli")
SECONDS_TO_STOP = 10.0
SECONDS_TO_START = 30.0

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def process(command: list[str], environment: Mapping[str, str], logs: IO[str]) -> Iterator[int]:
    """Run a program while the block runs, and lend its pid; Ctrl-C reaches only us."""
    started = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=logs,
        stderr=logs,
        start_new_session=True,
        preexec_fn=end_with_parent(),
    )
    try:
        yield started.pid
    finally:
        started.terminate()
        try:
            started.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def production(dsn: str, upstream: str) -> dict[str, str]:
    """Return the settings of production, as operators give them."""
    return {
        "APP_ENV": "production",
        "DATABASE_URL": dsn,
        "OFFERS_BASE_URL": upstream,
        "OFFERS_ALLOW_HTTP": "true",
        "OFFERS_REFRESH_TOKEN": str(uuid4()),
        "JWT_SECRET": secrets.token_urlsafe(32),
        "ADMIN_PASSWORD": secrets.token_urlsafe(16),
        "LOG_FORMAT": "json",
    }


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def await_listening(port: int) -> None:
    """Wait until somebody listens.

    Raises:
        TimeoutError: nobody does after 30 s.
    """
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens on port {port}") from None
            time.sleep(0.05)
        else:
            return


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far (Linux: proc(5), fields 14 and 15 of stat)."""
    utime, stime, _, _ = _times(pid)
    return utime + stime


def family_cpu_seconds(pid: int) -> float:
    """CPU time of a process, its children, and the children that it has seen end."""
    total = sum(_times(pid))
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if _fields(stat)[1] == str(pid):
                total += cpu_seconds(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return total


def machine_cpu_seconds() -> float:
    """CPU time that all processes of the machine have taken so far (Linux: proc(5), user to softirq without idle)."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICKS


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has held so far (Linux: VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024 / 1e6
    raise ProcessLookupError(pid)


def _times(pid: int) -> list[float]:
    return [int(field) / _TICKS for field in _fields(Path(f"/proc/{pid}/stat"))[11:15]]


def _fields(stat: Path) -> list[str]:
    """The fields of stat from the third on: the second is a name that may hold spaces."""
    return stat.read_text().rpartition(")")[2].split()
