"""The runs, one function for each question that the benchmark answers; each prints its own lines."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.processes import machine_cpu_seconds, peak_megabytes
from benchmarks.refresh import table
from benchmarks.refresh.cycle import Cycle, await_first_observation, run_cycle
from benchmarks.refresh.floor import CLIENTS
from benchmarks.refresh.latency import read_while
from benchmarks.refresh.measuring import others_share, read_written, written_between
from benchmarks.refresh.products import add_products
from benchmarks.refresh.system import System
from benchmarks.refresh.table import FloorRun

WARM_UP_SECONDS, QUIET_SECONDS = 2.0, 10.0
USUAL_INTERVAL = 60.0
_LAG = "SELECT greatest(0, extract(epoch FROM max(now() - scheduled_at)) - %s) FROM synchronisation"
MOVING, UNCHANGED = "all prices moving", "nothing changed"


@dataclass(frozen=True)
class Refreshed:
    """What some workers side by side reached, and the bare clients meanwhile."""

    moving: list[Cycle]
    unchanged: list[Cycle]
    floors: dict[str, list[FloorRun]]


def refresh(system: System, count: int, products: int, cycles: int, *, with_floors: bool) -> Refreshed:
    """Measure cycles of both kinds in turns; with the floors also what is written to each table."""
    done = Refreshed([], [], {client: [] for client in CLIENTS} if with_floors else {})
    kinds = {MOVING: done.moving, UNCHANGED: done.unchanged}
    with system.workers(count) as workers:
        await_first_observation(system, products)
        run_cycle(system, workers, products)
        for turn in range(cycles):
            for client, runs in done.floors.items():
                runs.append(_floor(system, client, products))
            # What was written is read around the last ones only, as it takes PostgreSQL a while to know.
            with_tables = with_floors and turn == cycles - 1
            before = read_written(system) if with_tables else {}
            for name, measured in kinds.items():
                measured.append(run_cycle(system, workers, products, moving=name == MOVING))
                if with_tables:
                    after = read_written(system)
                    table.print_written(name, written_between(before, after, products))
                    before = after
        peaks = [f"{peak_megabytes(worker.pid):.0f} MB" for worker in workers]
    for client, runs in done.floors.items():
        table.print_floor(client, runs)
    label = f"{count} worker{'s' * (count > 1)}"
    for name, measured in kinds.items():
        table.print_cycles(f"{label}, {name}", measured)
    for client, runs in done.floors.items():
        bare = median(run.stub_cpu / run.products for run in runs) * 1e6
        print(f"floor, {client}: the stub's own CPU {bare:.0f} µs a call")
    stub = median(cycle.calls["cpu"] / cycle.calls["calls"] for cycle in done.moving) * 1e6
    print(f"{label}: peak memory {', '.join(peaks)}; the stub's own CPU {stub:.0f} µs a call", flush=True)
    return done


def read_beside_refresh(system: System, products: int, rounds: int) -> None:
    """Measure what readers of the API wait for, quiet and while one worker refreshes all products, in turns."""
    quiet: list[float] = []
    busy: list[float] = []
    with system.workers(1) as workers, system.api() as (port, _):
        url = f"http://127.0.0.1:{port}"
        read_while(url, products, partial(time.sleep, WARM_UP_SECONDS))
        for _ in range(rounds):
            _, reads = read_while(url, products, partial(time.sleep, QUIET_SECONDS))
            quiet += [read.waited for read in reads]
            cycle, reads = read_while(url, products, partial(run_cycle, system, workers, products))
            busy += [read.waited for read in reads if cycle.began <= read.due <= cycle.began + cycle.seconds]
    table.print_latencies("quiet", quiet)
    table.print_latencies("during a refresh", busy)
    ratio = table.percentiles(busy)[1] / table.percentiles(quiet)[1]
    table.print_target("p99 of the API during a refresh, of its quiet one", ratio, 2)


def refresh_with_new_worker(system: System, products: int) -> float:
    """Refresh all products at the usual interval with a new worker, and return its peak memory in MB."""
    add_products(system.connection, products)
    with system.workers(1):
        await_first_observation(system, products)
    with system.workers(1, interval=USUAL_INTERVAL) as workers:
        cycle = run_cycle(system, workers, products, interval=USUAL_INTERVAL)
        lag = system.number(_LAG, USUAL_INTERVAL)
        peak = peak_megabytes(workers[0].pid)
    table.print_cycles(f"1 worker, {products} products", [cycle])
    print(f"1 worker, {products} products: peak memory {peak:.0f} MB, lag at the end {lag} s", flush=True)
    return peak


def _floor(system: System, client: str, products: int) -> FloorRun:
    system.tell_stub("moving/off")
    system.tell_stub("reset")
    command = [sys.executable, "-m", "benchmarks.refresh.floor", client, system.stub_url, str(products)]
    began, machine = time.monotonic(), machine_cpu_seconds()
    taken = json.loads(subprocess.run(command, env=os.environ, check=True, stdout=subprocess.PIPE).stdout)
    stub_cpu = system.counters()["cpu"]
    known = taken["cpu"] + taken["start_cpu"] + stub_cpu
    others = others_share(machine_cpu_seconds() - machine, known, time.monotonic() - began)
    return FloorRun(products, taken["seconds"], taken["cpu"], stub_cpu, others)
