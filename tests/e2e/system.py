"""A whole system of real processes around one database, its durations divided."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from e2e.clients import Api, Simulator, free_port
from e2e.divided_worker import Durations
from e2e.processes import Processes, Running, eventually
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN
from entrypoints.development.seed.command import seed
from entrypoints.operations.migration import run_migrations

JWT_SECRET = "the-same-through-every-restart-of-the-api"
# A JWT shows by its header; the access token's claims have the refresh token in them, base64url as JWTs are.
SECRETS = (DEFAULT_REFRESH_TOKEN, JWT_SECRET, "eyJ")
DIVIDED_WORKER = Path(__file__).with_name("divided_worker.py")
HOLDING_SIMULATOR = Path(__file__).with_name("holding_simulator.py")


@dataclass
class System:
    """What a story starts, stops and asks; the ports stay the same through every restart."""

    dsn: str
    processes: Processes
    api_port: int = field(default_factory=free_port)
    simulator_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        """Make the clients."""
        self.api = Api(f"http://127.0.0.1:{self.api_port}")
        self.simulator = Simulator(f"http://127.0.0.1:{self.simulator_port}")

    @property
    def environment(self) -> dict[str, str]:
        """The settings that all processes share."""
        return {
            "DATABASE_URL": self.dsn,
            "OFFERS_BASE_URL": f"http://127.0.0.1:{self.simulator_port}/api/v1",
            "PORT": str(self.api_port),
            "OFFERS_REFRESH_TOKEN": DEFAULT_REFRESH_TOKEN,
            "JWT_SECRET": JWT_SECRET,
            "LOG_FORMAT": "json",
        }

    def start(self, *, interval: float = 1, tick: float = 1) -> tuple[Running, Running, Running]:
        """Start simulator, API and worker side by side and wait until all of them work."""
        worker = self._worker(interval)
        api = self.processes.aggregator("api", environment=self.environment)
        simulator = self.start_simulator(tick=tick)
        return simulator, _answering(api, self.api.lives), _working(worker)

    def start_simulator(self, *, tick: float = 1) -> Running:
        """Start the simulator, with an empty world, and wait until it answers."""
        running = self.processes.aggregator(
            "offers-simulator", "--port", str(self.simulator_port), "--tick", str(tick), environment={}
        )
        return _answering(running, self.simulator.lives)

    def start_holding_simulator(self, *, tick: float) -> Running:
        """Start a simulator that holds its answers while a latency is switched on, and wait until it answers."""
        command = (sys.executable, str(HOLDING_SIMULATOR), str(self.simulator_port), str(tick))
        return _answering(self.processes.start("simulator", *command, environment={}), self.simulator.lives)

    def start_api(self, **settings: str) -> Running:
        """Start an API with these settings and wait until it answers."""
        return _answering(self.processes.aggregator("api", environment=self.environment | settings), self.api.lives)

    def start_workers(self, *intervals: float) -> list[Running]:
        """Start workers side by side and wait until all of them work."""
        return [_working(worker) for worker in [self._worker(interval) for interval in intervals]]

    def start_divided_workers(self, *durations: Durations, **settings: str) -> list[Running]:
        """Start workers with other durations and these settings, side by side, and wait until all of them work."""
        commands = [[sys.executable, str(DIVIDED_WORKER), msgspec.json.encode(each).decode()] for each in durations]
        started = [
            self.processes.start("worker", *command, environment=self.environment | settings) for command in commands
        ]
        return [_working(worker) for worker in started]

    def add_products(self, count: int) -> None:
        """Add products without a process of their own."""
        self.seed(count=count)

    def seed(self, *, count: int = 0, days: int = 0) -> None:
        """Add products and give them a past, without a process of its own."""
        with ThreadPoolExecutor(1) as thread:  # this thread may have an event loop already
            thread.submit(seed, Settings(database_url=self.dsn), count=count, days=days).result()

    def observed(self) -> int:
        """Return how many products were observed."""
        return self.number("SELECT count(*) FROM synchronisation WHERE observed_at IS NOT NULL")

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(sql.encode(), parameters or None).fetchall()

    def number(self, sql: str, *parameters: object) -> int:
        """Return the one number that a query finds."""
        return int(self.query(sql, *parameters)[0][0])

    def assert_no_secrets(self) -> None:
        """Look for secrets in all that was printed and in all that is stored as text."""
        tokens = self.query(
            "SELECT 1 FROM saq.saq_jobs WHERE encode(job, 'escape') LIKE %s", f"%{DEFAULT_REFRESH_TOKEN}%"
        )
        printed = {name for name, log in self.processes.all_output() for secret in SECRETS if secret in log}
        assert (tokens, printed) == ([], set())

    def _worker(self, interval: float) -> Running:
        settings = {"OFFERS_REFRESH_INTERVAL": str(interval)}
        return self.processes.aggregator("worker", environment=self.environment | settings)

    def close(self) -> None:
        """End all that runs."""
        self.api.client.close()
        self.simulator.client.close()
        self.processes.end()


def migrate(dsn: str) -> None:
    """Do what `aggregator migrate` does, without a process of its own."""
    with ThreadPoolExecutor(1) as thread:  # this thread may have an event loop already
        thread.submit(asyncio.run, _migrate(dsn)).result()


async def _migrate(dsn: str) -> None:
    container = make_container(Settings(database_url=dsn))
    try:
        await run_migrations(container)
    finally:
        await container.close()


def _working(worker: Running) -> Running:
    eventually(lambda: not worker.alive or any(worker.events("worker started")))
    assert worker.alive
    return worker


def _answering(server: Running, answers: Callable[[], bool]) -> Running:
    eventually(lambda: not server.alive or answers())
    assert server.alive
    return server
