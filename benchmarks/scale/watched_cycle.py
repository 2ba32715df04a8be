"""A cycle over all products, and how it goes from tenth to tenth."""

import time
from dataclasses import dataclass

from benchmarks.processes import cpu_seconds, family_cpu_seconds, peak_megabytes
from benchmarks.refresh.system import System, Worker
from benchmarks.scale.claim_plan import explain_claim
from benchmarks.scale.memory import family_megabytes, resident_megabytes

SECONDS_WITHOUT_PROGRESS = 120.0
TENTHS = 10
LATE = 0.95
"""The share of the cycle at which the plan of a claim is shown again."""

_CLAIMS = """
    SELECT coalesce(sum(calls), 0), coalesce(sum(total_exec_time), 0) FROM pg_stat_statements
    WHERE query LIKE 'WITH locked%%' AND query LIKE '%%UPDATE synchronisation%%'
"""
_DEAD = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'synchronisation'"
_LEFT = "SELECT count(*) FROM synchronisation WHERE observed_at IS NULL OR observed_at < to_timestamp(%s)"


@dataclass(frozen=True)
class _Reading:
    at: float
    products: int
    claims: int
    claim_milliseconds: float


def watch_cycle(system: System, products: int, interval: float, name: str) -> None:
    """Run a worker until it has observed every product, and print a line for each tenth and the whole.

    Raises:
        TimeoutError: nothing goes on any more.
    """
    system.tell_stub("moving/on")
    system.tell_stub("reset")
    start = time.time()
    print(f"\n{name}\n{'share':>6}{'s':>8}{'products/s':>12}{'claim ms':>10}{'worker MB':>11}{'PostgreSQL MB':>15}"
          f"{'dead rows':>11}")  # fmt: skip
    with system.workers(1, interval=interval) as (worker,):
        cpu = cpu_seconds(worker.pid), family_cpu_seconds(system.postmaster)
        first = _read(system)
        last, plan = first, ""
        for tenth in range(1, TENTHS + 1):
            if tenth == TENTHS:
                _await_calls(system, round(products * LATE))
                plan = explain_claim(system, interval)
            _await_calls(system, products * tenth // TENTHS)
            if tenth == TENTHS:
                _await_writes(system, start)
            reading = _read(system)
            _print_tenth(system, worker, f"{tenth / TENTHS:.0%}", first, last, reading)
            last = reading
        seconds = last.at - first.at
        used = cpu_seconds(worker.pid) - cpu[0], family_cpu_seconds(system.postmaster) - cpu[1]
        peak = peak_megabytes(worker.pid)
    print(
        f"{products} products in {seconds:.0f} s, {products / seconds:.0f}/s; CPU µs a product: worker "
        f"{used[0] / products * 1e6:.0f}, PostgreSQL {used[1] / products * 1e6:.0f}; peak of the worker {peak:.0f} MB"
    )
    print(f"Claim at {LATE:.0%}:\n{plan}", flush=True)


def _read(system: System) -> _Reading:
    row = system.connection.execute(_CLAIMS).fetchone()
    claims, milliseconds = row or (0, 0.0)
    return _Reading(time.monotonic(), system.counters()["products"], int(claims), float(milliseconds))


def _print_tenth(
    system: System, worker: Worker, share: str, first: _Reading, last: _Reading, reading: _Reading
) -> None:
    rate = (reading.products - last.products) / (reading.at - last.at)
    claim = (reading.claim_milliseconds - last.claim_milliseconds) / max(1, reading.claims - last.claims)
    memory = resident_megabytes(worker.pid), family_megabytes(system.postmaster)
    print(
        f"{share:>6}{reading.at - first.at:8.0f}{rate:12.0f}{claim:10.2f}{memory[0]:11.0f}{memory[1]:15.0f}"
        f"{system.number(_DEAD):11}",
        flush=True,
    )


def _await_calls(system: System, products: int) -> None:
    called, progress = -1, time.monotonic()
    while (now := system.counters()["products"]) < products:
        if now > called:
            called, progress = now, time.monotonic()
        if time.monotonic() > progress + SECONDS_WITHOUT_PROGRESS:
            raise TimeoutError(f"the worker goes no further than {called} products")
        time.sleep(max(0.05, products / 500_000))


def _await_writes(system: System, start: float) -> None:
    deadline = time.monotonic() + SECONDS_WITHOUT_PROGRESS
    while left := system.number(_LEFT, start):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{left} products are not observed")
        time.sleep(0.2)
