"""`make bench-scale`: one cycle over very many products on one machine, with PRODUCTS of them.

Embedded PostgreSQL, one worker in production settings, and the bare Offers service of the refresh benchmark, whose
prices all move. The data are in a folder below TMPDIR that is removed at the end; when something fails, its logs stay.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.refresh.products import add_products
from benchmarks.refresh.system import LONG_INTERVAL, System, running_system
from benchmarks.scale.claim_plan import explain_claim
from benchmarks.scale.sizes import print_sizes
from benchmarks.scale.upkeep import print_upkeep
from benchmarks.scale.watched_cycle import watch_cycle

BYTES_A_PRODUCT = 10_000
"""Disk that a product may need at the most, write-ahead log included."""
SPARE_BYTES = 5_000_000_000
PRODUCTS_AT_ONCE = 20_000
SLOWEST_RATE = 500
"""Products per second at which a second cycle would begin before the first one ends."""

# Due in the order of the last observations, since longer than an interval.
_MAKE_DUE = """
    UPDATE synchronisation SET not_before = now(), scheduled_at = now() - %(interval)s * interval '2 s'
        - ((SELECT max(scheduled_at) FROM synchronisation) - scheduled_at) / 1000
"""


def main() -> None:
    """Run everything in a new folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    products = parser.parse_args().products
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda *_: sys.exit("ended before the end"))
    folder = Path(tempfile.mkdtemp(prefix="bench-scale-"))
    try:
        needed, free = products * BYTES_A_PRODUCT + SPARE_BYTES, shutil.disk_usage(folder).free
        if free < needed:
            sys.exit(f"{products} products need {needed / 1e9:.0f} GB, and TMPDIR has {free / 1e9:.0f} GB left.")
        with running_system(folder) as system:
            _measure(system, products)
    except BaseException:
        shutil.rmtree(folder / "data/cluster", ignore_errors=True)
        print(f"The logs are in {folder}.", file=sys.stderr)
        raise
    shutil.rmtree(folder)


def _measure(system: System, products: int) -> None:
    interval = max(LONG_INTERVAL, products / SLOWEST_RATE)
    began = time.monotonic()
    for count in range(min(PRODUCTS_AT_ONCE, products), products + 1, PRODUCTS_AT_ONCE):
        add_products(system.connection, count)
        print(f"{count} products added after {time.monotonic() - began:.0f} s", flush=True)
    _prepare(system)
    watch_cycle(system, products, interval, "first observation")
    system.connection.execute(_MAKE_DUE, {"interval": interval})
    _prepare(system)
    print(f"\nClaim at the beginning of the cycle:\n{explain_claim(system, interval)}", flush=True)
    watch_cycle(system, products, interval, "cycle, all prices moving")
    print_sizes(system, products)
    print_upkeep(system)


def _prepare(system: System) -> None:
    system.connection.execute("VACUUM (ANALYZE)")
    system.connection.execute("CHECKPOINT")


main()
