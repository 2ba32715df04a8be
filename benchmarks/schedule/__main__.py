"""`make bench-schedule`: the schedule of very many products, simulated with the service's own scheduling.

Ticks, jobs, circuit breakers and backoff are the code that workers run, on an event loop whose time is virtual. What
a batch costs is an assumption: so many products a second for each worker. The dice are seeded: the same seed prints the
same.
"""

import argparse
import asyncio
import logging
import math
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from statistics import quantiles
from uuid import UUID

import structlog

from application.synchronisation.timing import Timing
from benchmarks.schedule.catalogue import Catalogue
from benchmarks.schedule.virtual_time import VirtualTimeLoop
from benchmarks.schedule.worker import Queue, Upstream, Worker

FAILING = 0.001
"""The share of calls that fail."""
OUTAGE = 600.0
SOON, LATE = 60.0, 600.0
"""Intervals in seconds."""
COLUMNS = (
    *("", "interval, s", "workers", "products/s: needed", "reached", "greatest lag, s"),
    *("between two observations, s: p50", "p99", "most", "share of a worker: least", "most", "caught up after, s"),
)
CAUGHT_UP = 1.0
"""Seconds of lag at which an outage counts as over."""


@dataclass(frozen=True)
class Run:
    """What is simulated for two intervals, of which the second one is measured."""

    name: str
    products: int
    interval: float
    workers: int
    outage: float = 0.0
    """Seconds for which upstream answers nothing, from the end of the first interval on."""
    newcomers: int = 0
    """Products that wait for their first observation from then on."""
    known: bool = True
    """Whether the products have been observed before, spread over the interval; else all are new."""


def main() -> None:
    """Print a row for each run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=2_000.0, help="products a second that a worker can observe")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{options.products} products; {options.rate:.0f} a second and worker; {FAILING:.1%} of the calls fail\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for run in _runs(options.products, options.rate):
        with closing(VirtualTimeLoop()) as loop:
            dice = random.Random(options.seed)  # noqa: S311 - guards nothing
            print(loop.run_until_complete(simulate(run, options.rate, dice)), flush=True)


def _runs(products: int, rate: float) -> Iterator[Run]:
    few, enough = (max(1, math.ceil(products / interval / rate)) for interval in (LATE, SOON))
    yield Run("enough workers", products, SOON, enough)
    yield Run("one too few", products, SOON, max(1, enough - 1))
    yield Run("a longer interval", products, LATE, few)
    yield Run("all of them new", products, LATE, few, known=False)
    yield Run("a tenth more, at once", products, LATE, few + 1, newcomers=products // 10)
    yield Run("upstream down for 600 s", products, LATE, few + 1, outage=OUTAGE)


async def simulate(run: Run, rate: float, dice: random.Random) -> str:
    """Simulate it, and return its row."""
    loop = asyncio.get_running_loop()
    catalogue, queue, upstream = Catalogue(run.interval, loop.time), Queue(), Upstream(dice, failing=FAILING)
    for product in _ids(dice, run.products):
        if run.known:
            catalogue.wait(product, -dice.random() * run.interval)
        else:
            catalogue.unobserved.append(product)
    timing = Timing(refresh_interval=timedelta(seconds=run.interval))
    workers = [Worker(catalogue, queue, upstream, timing, rate) for _ in range(run.workers)]
    for worker in workers:
        worker.start(after=dice.random() * timing.tick)
    await asyncio.sleep(run.interval if run.known else 0)
    catalogue.gaps.clear()
    catalogue.deepest, began, before = 0.0, loop.time(), [worker.observed for worker in workers]
    catalogue.unobserved.extend(_ids(dice, run.newcomers))
    caught_up = ""
    if run.outage:
        upstream.down = True
        await asyncio.sleep(run.outage)
        upstream.down, up_at = False, loop.time()
        await _until(lambda: catalogue.lag() <= CAUGHT_UP)
        caught_up = f"{loop.time() - up_at:.0f}"
    elif run.known and not run.newcomers:
        await asyncio.sleep(run.interval)
    else:
        await _until(lambda: not catalogue.unobserved)
        caught_up = f"{loop.time() - began:.0f}"
    seconds = loop.time() - began
    for worker in workers:
        await worker.stop()
    done = [worker.observed - then for worker, then in zip(workers, before, strict=True)]
    needed = (run.products + run.newcomers) / run.interval
    shares = f"{min(done) / sum(done):.1%} | {max(done) / sum(done):.1%}"
    return (
        f"| {run.name} | {run.interval:.0f} | {run.workers} | {needed:.0f} | {sum(done) / seconds:.0f} | "
        f"{catalogue.deepest:.1f} | {_gaps(catalogue.gaps)} | {shares} | {caught_up} |"
    )


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - virtual time costs nothing
        await asyncio.sleep(1)


def _gaps(gaps: list[float]) -> str:
    if len(gaps) < 2:
        return " | | "
    cuts = quantiles(gaps, n=100, method="inclusive")
    return f"{cuts[49]:.1f} | {cuts[98]:.1f} | {max(gaps):.1f}"


def _ids(dice: random.Random, count: int) -> Iterator[UUID]:
    return (UUID(int=dice.getrandbits(128)) for _ in range(count))


if __name__ == "__main__":
    main()
