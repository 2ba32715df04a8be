"""What the runs start and ask: PostgreSQL with pg_stat_statements, the stub, workers and API as in production."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg

from benchmarks.processes import AGGREGATOR, SECONDS_TO_START, await_listening, free_port, process, production
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

ROLE = "aggregator"
LONG_INTERVAL = 3_600.0
"""Seconds between two observations: so many that no second cycle begins by itself."""


@dataclass
class Worker:
    """A running worker and what it has logged."""

    pid: int
    log: Path
    _read: int = 0
    _lines: list[dict[str, Any]] = field(default_factory=list)

    def batches(self) -> list[dict[str, Any]]:
        """Return the log lines of all its refresh batches so far."""
        return [line for line in self._new_lines() if line.get("event") == "batch" and line.get("work") == "refresh"]

    def started(self) -> bool:
        """Whether it works."""
        return any(line.get("event") == "worker started" for line in self._new_lines())

    def _new_lines(self) -> list[dict[str, Any]]:
        with self.log.open() as log:
            log.seek(self._read)
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):
                    break
                self._read += len(line.encode())
                if line.startswith("{"):
                    self._lines.append(json.loads(line))
        return self._lines


@dataclass
class System:
    """The running ground of all measurements; `connection` is of another role, so that statements tell it apart."""

    connection: psycopg.Connection[Any]
    postmaster: int
    stub: httpx.Client
    stub_url: str
    environment: dict[str, str]
    logs: Path

    @contextmanager
    def workers(self, count: int, *, interval: float = LONG_INTERVAL) -> Iterator[list[Worker]]:
        """Run workers side by side while the block runs."""
        with ExitStack() as running:
            workers = []
            for _ in range(count):
                log, ports = self.log_file("worker"), {"METRICS_PORT": str(free_port())}
                settings = self.environment | ports | {"OFFERS_REFRESH_INTERVAL": str(interval)}
                pid = running.enter_context(_aggregator("worker", settings, log, running))
                workers.append(Worker(pid, log))
            deadline = time.monotonic() + SECONDS_TO_START
            while not all(worker.started() for worker in workers):
                if time.monotonic() > deadline:
                    raise TimeoutError("a worker does not start")
                time.sleep(0.05)
            yield workers

    @contextmanager
    def api(self) -> Iterator[tuple[int, int]]:
        """Run an API while the block runs, and lend its port and its pid."""
        with ExitStack() as running:
            port, metrics = free_port(), free_port()
            settings = self.environment | {"PORT": str(port), "METRICS_PORT": str(metrics)}
            pid = running.enter_context(_aggregator("api", settings, self.log_file("api"), running))
            await_listening(port)
            yield port, pid

    def log_file(self, name: str) -> Path:
        """Return a new place for a log."""
        return self.logs / f"{len(list(self.logs.iterdir()))}-{name}.log"

    def counters(self) -> dict[str, Any]:
        """Return the stub's counters."""
        counters: dict[str, Any] = self.stub.get("/__counters").raise_for_status().json()
        return counters

    def tell_stub(self, order: str) -> None:
        """Send the stub an order: `reset`, `moving/on`, `moving/off`."""
        self.stub.post(f"/__{order}").raise_for_status()

    def number(self, sql: str, *parameters: object) -> int:
        """Return the one number that a query finds."""
        row = self.connection.execute(sql.encode(), parameters or None).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def running_system(folder: Path) -> Iterator[System]:
    """Bring everything up in this folder, and down again; what was logged stays."""
    logs = folder / "logs"
    logs.mkdir(parents=True)
    server = EmbeddedPostgres(folder / "data")
    with ExitStack() as running:
        running.callback(server.stop)
        dsn = _with_statistics(server)
        port = free_port()
        environment = dict(os.environ) | production(dsn, f"http://127.0.0.1:{port}/api/v1")
        with (logs / "migrate.log").open("w") as log:
            subprocess.run([*AGGREGATOR, "migrate"], env=environment, check=True, stdout=log, stderr=log)
        with (logs / "stub.log").open("w") as log:
            running.enter_context(
                process([sys.executable, "-m", "benchmarks.refresh.stub", str(port)], os.environ, log)
            )
        await_listening(port)
        yield System(
            running.enter_context(_own_connection(dsn)),
            int((folder / "data/cluster/postmaster.pid").read_text().partition("\n")[0]),
            running.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0, trust_env=False)),
            f"http://127.0.0.1:{port}/api/v1",
            environment,
            logs,
        )


def _with_statistics(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        connection.execute("CREATE ROLE benchmark SUPERUSER LOGIN")
    server.stop()
    return server.start()


@contextmanager
def _own_connection(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, user="benchmark", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        yield connection


@contextmanager
def _aggregator(command: str, environment: dict[str, str], log: Path, running: ExitStack) -> Iterator[int]:
    output: IO[str] = running.enter_context(log.open("w"))
    with process([*AGGREGATOR, command], environment, output) as pid:
        yield pid
