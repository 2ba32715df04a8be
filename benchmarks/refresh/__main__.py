"""`make bench-refresh`: refreshing all products as users run it, beside the same calls by bare clients, in one run.

Absolute numbers say little about other machines; the ratios are what to compare.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.refresh import runs, table
from benchmarks.refresh.products import add_products
from benchmarks.refresh.runs import Refreshed
from benchmarks.refresh.system import System, running_system

FEW, MANY = 1_000, 100_000


def main() -> None:
    """Run everything in a new folder, which stays, without the data, only when something fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description=__doc__)
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--cycles", type=int, default=3, help="measured cycles of each kind")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="how many run side by side")
    parser.add_argument(
        "--large", action=argparse.BooleanOptionalAction, default=True, help=f"end with {MANY} products"
    )
    options = parser.parse_args()
    # However we are asked to end, all that we have started ends too.
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda *_: sys.exit("ended before the end"))
    folder = Path(tempfile.mkdtemp(prefix="bench-refresh-"))
    try:
        with running_system(folder) as system:
            _measure(system, options.products, options.cycles, options.workers, large=options.large)
    except BaseException:
        shutil.rmtree(folder / "data/cluster", ignore_errors=True)
        print(f"The logs are in {folder}.", file=sys.stderr)
        raise
    shutil.rmtree(folder)


def _measure(system: System, products: int, cycles: int, workers: list[int], *, large: bool) -> None:
    table.print_head(system.connection.info.parameter_status("server_version") or "", products, cycles)
    few = runs.refresh_with_new_worker(system, FEW) if large else None
    add_products(system.connection, products)
    done: list[Refreshed] = []
    for count in workers:
        done.append(runs.refresh(system, count, products, cycles, with_floors=not done))
    _print_targets(done)
    runs.read_beside_refresh(system, products, cycles)
    if few is not None:
        many = runs.refresh_with_new_worker(system, MANY)
        table.print_target(f"memory of a worker at {MANY} products, of that at {FEW}", many / few, 1.1)
        table.print_target("the same", many, 120, unit=" MB")


def _print_targets(done: list[Refreshed]) -> None:
    one = done[0]
    for name, cycles, target in ((runs.MOVING, one.moving, 0.8), (runs.UNCHANGED, one.unchanged, 0.9)):
        rate = median(cycle.rate for cycle in cycles)
        for client in ("httpx-aiohttp", "aiohttp"):
            bare = median(run.rate for run in one.floors[client])
            table.print_target(f"{name}, of bare {client}", rate / bare, target, least=True)
        cpu = median(map(table.cpu_per_product, cycles)) * 1e6
        table.print_target(f"{name}, CPU a product, all told", cpu, 900, unit=" µs")
    for more in done[1:]:
        alone, together = (median(map(table.products_per_worker_second, each.moving)) for each in (one, more))
        ratio = together / alone
        table.print_target("products per worker CPU second, of one worker's", ratio, 0.9, least=True)


main()
