"""Ownership of the embedded PostgreSQL: one process at a time starts and stops it, and the others only use it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrypoints.development.embedded_postgres.server import EmbeddedPostgres, EmbeddedPostgresError


class AlreadyUp(EmbeddedPostgresError):
    """Another process owns the server of this data directory."""


@dataclass(frozen=True, slots=True)
class JoinedServer:
    """A running server. `is_ours` says that this process started it, so that no other process uses it."""

    dsn: str
    is_ours: bool


@contextmanager
def own_server(data_dir: Path) -> Iterator[str]:
    """Start the server, lend its DSN, and stop it, also one that was left behind by a process that was killed.

    Raises:
        AlreadyUp: another process owns it.
        EmbeddedPostgresError: it does not start, or the directory cannot be written.
    """
    with _ownership(data_dir):
        server = EmbeddedPostgres(data_dir)
        try:
            yield server.start()
        finally:
            server.stop()


@contextmanager
def join_server(data_dir: Path) -> Iterator[JoinedServer]:
    """Lend the server that another process owns; own it meanwhile if none does.

    Raises:
        EmbeddedPostgresError: it does not start, or the directory cannot be written.
    """
    try:
        with own_server(data_dir) as dsn:
            yield JoinedServer(dsn, is_ours=True)
    except AlreadyUp:
        yield JoinedServer(EmbeddedPostgres(data_dir).start(), is_ours=False)


@contextmanager
def _ownership(data_dir: Path) -> Iterator[None]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("w")
    except OSError as error:
        advice = "set AGGREGATOR_DATA_DIR to a folder that can"
        raise EmbeddedPostgresError(f"{data_dir} cannot be written; {advice}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyUp(f"Another `aggregator up` or `seed` runs on {data_dir} already.") from error
        yield
