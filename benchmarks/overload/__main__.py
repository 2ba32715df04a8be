"""`make bench-overload`: twice as many requests as the API can answer, and what becomes of them.

First its capacity is measured, by as many connections as keep it busy. Then requests come at nine tenths of that
rate, whether earlier ones are answered or not, at twice the rate, and at a quarter of it. Meanwhile somebody asks for
its health.
"""

import asyncio
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks.overload.arrivals import Arrivals, arrive
from benchmarks.reads.client import Answered, load
from benchmarks.reads.kinds import Kind, kinds
from benchmarks.refresh.cycle import await_first_observation
from benchmarks.refresh.products import add_products, product_ids
from benchmarks.refresh.system import running_system
from benchmarks.refresh.table import percentiles, print_target

PRODUCTS = 1_000
BUSY = 32
OFTEN = 0.9
"""Of the capacity: what is usual when there is much to do."""
SECONDS = 5.0
KINDS = ("detail", "list of 20", "list of 100")
SHED_MILLISECONDS, HEALTH_MILLISECONDS, RECOVERY_SECONDS = 50.0, 100.0, 5.0


def main() -> None:
    """Prepare a database with observed products, then load one API."""
    folder = Path(tempfile.mkdtemp(prefix="bench-overload-"))
    try:
        with running_system(folder) as system, ExitStack() as running:
            add_products(system.connection, PRODUCTS)
            with system.workers(1):
                await_first_observation(system, PRODUCTS)
            system.connection.execute("VACUUM ANALYZE")
            port, _ = running.enter_context(system.api())
            for kind in kinds(f"http://127.0.0.1:{port}", system.environment, product_ids(PRODUCTS)):
                if kind.name in KINDS:
                    uvloop.run(_overload(kind, port))
    finally:
        shutil.rmtree(folder)


async def _overload(kind: Kind, port: int) -> None:
    busy = await load([port], kind.api, kind.expected, connections=BUSY, seconds=SECONDS)
    capacity = len(busy.waited) / SECONDS
    print(f"{kind.name}: {capacity:.0f}/s by {BUSY} connections, {_times(busy)}")
    often = await arrive(port, kind.api, kind.expected, rate=OFTEN * capacity, seconds=SECONDS)
    _print_arrivals(f"  at {OFTEN:g} of that rate", often)
    usual = percentiles(often.answered.waited)[1]
    watching = asyncio.create_task(arrive(port, _health, 200, rate=20, seconds=SECONDS))
    over = await arrive(port, kind.api, kind.expected, rate=2 * capacity, seconds=SECONDS)
    ended = time.perf_counter()
    health = await watching
    _print_arrivals("  at twice that rate", over)
    answered, shed = over.answered.waited, over.shed.waited
    print(f"  health meanwhile: {_times(health.answered)}, greatest {max(health.answered.waited) * 1000:.1f} ms")
    if shed:
        print_target("turned away, p99", percentiles(shed)[1], SHED_MILLISECONDS, unit=" ms")
    print_target("answered, p99 of the usual", percentiles(answered)[1] / usual, 2)
    print_target("health, greatest", max(health.answered.waited) * 1000, HEALTH_MILLISECONDS, unit=" ms")
    print_target("recovered after", await _recovery(kind, port, capacity / 4, ended), RECOVERY_SECONDS, unit=" s")


async def _recovery(kind: Kind, port: int, rate: float, since: float) -> float:
    """Return the seconds until nobody is turned away any more for half a second."""
    while True:
        began = time.perf_counter()
        after = await arrive(port, kind.api, kind.expected, rate=rate, seconds=0.5)
        if not after.shed.waited and not after.missed:
            return began - since


def _print_arrivals(name: str, arrivals: Arrivals) -> None:
    sent, answered, shed = (
        count / arrivals.seconds for count in (arrivals.sent, len(arrivals.answered.waited), len(arrivals.shed.waited))
    )
    print(
        f"{name}: {sent:.0f}/s sent, {answered:.0f}/s answered {_times(arrivals.answered)}, "
        f"{shed:.0f}/s turned away {_times(arrivals.shed)}, others {dict(arrivals.shed.others)}, "
        f"without a free connection {arrivals.missed}",
        flush=True,
    )


def _times(answered: Answered) -> str:
    if len(answered.waited) < 2:
        return "-"
    middle, slow = percentiles(answered.waited)
    return f"p50 {middle:.1f} p99 {slow:.1f} ms"


def _health(_: int) -> bytes:
    return b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


if __name__ == "__main__":
    main()
