"""A worker whose durations and settings a fault chooses, and the numbers that it shows to operators."""

import sys

import httpx
import msgspec

from e2e.divided_worker import Durations
from e2e.processes import Running, eventually
from e2e.system import DIVIDED_WORKER, System
from waiting import PATIENCE


def start_worker(system: System, durations: Durations, **settings: str) -> Running:
    """Start a worker that shows its metrics on a port of its own, and wait until it works."""
    worker = system.processes.start(
        "worker",
        *(sys.executable, str(DIVIDED_WORKER), msgspec.json.encode(durations).decode()),
        environment=system.environment | {"METRICS_PORT": "0"} | settings,
    )
    eventually(lambda: not worker.alive or any(worker.events("worker started")))
    assert worker.alive
    return worker


def metric(worker: Running, name: str) -> float | None:
    """Return a metric of the worker by its name, with labels as they are shown; None before the first tick."""
    port = next(worker.events("monitoring started"))["port"]
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        lines = client.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} ")), None)
