"""`make bench-exports`: whole catalogues out of the API on one connection, and the memory that takes."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.processes import cpu_seconds, peak_megabytes
from benchmarks.refresh.products import add_products
from benchmarks.refresh.system import System, running_system
from benchmarks.refresh.table import print_target

PRODUCTS_PER_SECOND = 20_000
_OBSERVE = """
    UPDATE synchronisation SET best_offer_id = gen_random_uuid(), best_price = 41250, best_price_since = now(),
        best_offer_items_in_stock = 7, offers_in_stock = 8, observed_at = now(), known_until = now() + INTERVAL '1 day'
"""
PATHS = {
    "NDJSON": ("/exports/products.ndjson", "identity"),
    "NDJSON, gzip": ("/exports/products.ndjson", "gzip"),
    "CSV": ("/exports/products.csv", "identity"),
    "CSV, gzip": ("/exports/products.csv", "gzip"),
    "NDJSON, searched": ("/exports/products.ndjson?q=product", "identity"),
    "steps, NDJSON": ("/exports/price-history.ndjson", "identity"),
}


def main() -> None:
    """Measure each export of observed products."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-exports-"))
    try:
        with running_system(folder) as system:
            add_products(system.connection, options.products)
            system.connection.execute(_OBSERVE)
            system.connection.execute("UPDATE product SET words = to_tsvector('simple', name)")
            system.connection.execute("VACUUM ANALYZE")
            _measure(system, options.products)
    finally:
        shutil.rmtree(folder)


def _measure(system: System, products: int) -> None:
    print(f"{products} products, PostgreSQL {system.connection.info.parameter_status('server_version')}")
    with system.api() as (port, pid):
        url = f"http://127.0.0.1:{port}"
        httpx.get(f"{url}/products", trust_env=False).raise_for_status()
        for name, (path, coding) in PATHS.items():
            began, used, before = time.perf_counter(), cpu_seconds(pid), peak_megabytes(pid)
            size = lines = 0
            with httpx.stream("GET", url + path, headers={"Accept-Encoding": coding}, trust_env=False) as answer:
                answer.raise_for_status()
                for part in answer.iter_raw():
                    size += len(part)
                    lines += part.count(b"\n") if coding == "identity" else 0
            seconds = time.perf_counter() - began
            used = (cpu_seconds(pid) - used) / products * 1e6
            print(
                f"{name:<18} {products / seconds:>7.0f} products/s  {size / seconds / 1e6:>5.1f} MB/s  "
                f"{used:>5.1f} µs CPU of the API each  {before:>4.0f} to {peak_megabytes(pid):.0f} MB"
            )
            if lines and lines < products:
                raise ValueError(f"{name} has {lines} lines only")
            if name == "NDJSON":
                print_target("products/s as NDJSON", products / seconds, PRODUCTS_PER_SECOND, least=True)


if __name__ == "__main__":
    main()
