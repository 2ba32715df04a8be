"""One refresh of all products, from the first call to the last commit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.refresh.measuring import others_share, read
from benchmarks.refresh.system import LONG_INTERVAL, System, Worker

SECONDS_FOR_A_CYCLE = 60.0
SLOWEST_RATE = 100.0
"""Products per second at which a cycle is given up, once its 60 s are over."""

# As they came in the last cycle, but a thousand times closer, so that all are due within a moment.
_MAKE_DUE = """
    UPDATE synchronisation SET
        not_before = now(),
        scheduled_at = to_timestamp(%(start)s) - %(interval)s * interval '1 s'
            - ((SELECT max(scheduled_at) FROM synchronisation) - scheduled_at) / 1000
"""
_LEFT = "SELECT count(*) FROM synchronisation WHERE observed_at IS NULL OR observed_at < to_timestamp(%s)"


@dataclass(frozen=True)
class Cycle:
    """What one refresh of all products took; CPU in seconds."""

    products: int
    seconds: float
    workers_cpu: float
    server_cpu: float
    others: float
    """What ran beside workers, PostgreSQL and the stub, of all cores."""
    statements: int
    batches: int
    wal_bytes: int
    shares: list[int]
    calls: dict[str, Any]
    """The stub's counters."""

    @property
    def began(self) -> float:
        """The monotonic time of the first call."""
        return float(self.calls["first"])

    @property
    def rate(self) -> float:
        """Products per second."""
        return self.products / self.seconds


def run_cycle(
    system: System, workers: Sequence[Worker], products: int, *, moving: bool = True, interval: float = LONG_INTERVAL
) -> Cycle:
    """Make all products due, and measure until all were observed anew.

    Raises:
        TimeoutError: that takes far too long.
    """
    system.tell_stub("moving/on" if moving else "moving/off")
    start = _make_due(system, products, interval)
    time.sleep(start - time.time() - 0.1)
    before, stub_before = read(system, workers), system.counters()["cpu"]
    end = _await_end(system, products, start)
    after, calls = read(system, workers), system.counters()
    workers_cpu, server_cpu = after.workers_cpu - before.workers_cpu, after.server_cpu - before.server_cpu
    known = workers_cpu + server_cpu + calls["cpu"] - stub_before
    return Cycle(
        products=products,
        seconds=end - calls["first"],
        workers_cpu=workers_cpu,
        server_cpu=server_cpu,
        others=others_share(after.machine_cpu - before.machine_cpu, known, after.at - before.at),
        statements=after.statements - before.statements,
        batches=after.batches - before.batches,
        wal_bytes=after.wal_bytes - before.wal_bytes,
        shares=[now - then for now, then in zip(after.shares, before.shares, strict=True)],
        calls=calls,
    )


def await_first_observation(system: System, products: int) -> None:
    """Wait until every product has been observed.

    Raises:
        TimeoutError: that takes far too long.
    """
    deadline = _deadline(products)
    while system.number(_LEFT, 0):
        if time.monotonic() > deadline:
            raise TimeoutError("the products were not observed in time")
        time.sleep(0.2)


def _make_due(system: System, products: int, interval: float = LONG_INTERVAL) -> float:
    """Make all products due a few seconds from now, when the tables have been vacuumed, and return that time."""
    start = time.time() + 3.0 + products / 10_000
    system.connection.execute(_MAKE_DUE, {"start": start, "interval": interval})
    system.connection.execute("VACUUM (ANALYZE) synchronisation, offer, offer_interval, best_price_step")
    system.tell_stub("reset")
    if time.time() > start - 0.2:
        raise TimeoutError("the database was not prepared in time")
    return start


def _await_end(system: System, products: int, start: float) -> float:
    deadline = _deadline(products)
    # The stub knows at almost no cost that calls are missing; the database is asked only for what is left after them.
    while system.counters()["products"] < products or system.number(_LEFT, start):
        if time.monotonic() > deadline:
            raise TimeoutError("the cycle did not end in time")
        time.sleep(max(0.03, products / 400_000))
    return time.monotonic()


def _deadline(products: int) -> float:
    return time.monotonic() + SECONDS_FOR_A_CYCLE + products / SLOWEST_RATE
