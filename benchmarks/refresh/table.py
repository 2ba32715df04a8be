"""The printed table: one line for each kind of run, medians with the least and the greatest."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.refresh.cycle import Cycle
from benchmarks.refresh.measuring import Written

WIDTHS = (19, 19, 15, 19, 14, 12, 8, 9, 9, 12)


@dataclass(frozen=True)
class FloorRun:
    """The calls of one cycle by a bare client; CPU in seconds, the stub's own, and what else ran, of all cores."""

    products: int
    seconds: float
    cpu: float
    stub_cpu: float
    others: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.products / self.seconds


def print_head(server: str, products: int, cycles: int) -> None:
    """Say what is measured where, and what the columns are."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {server}"
    print(f"{products} products with 8 offers each, upstream at 20 ms; {machine}; medians of {cycles} (least-greatest)")
    _print_line(
        "", "", "CPU µs a product", "", "", "products per", "statements", "WAL", "calls a", "others'", "workers'"
    )
    _print_line(
        "",
        "products/s",
        "client",
        "PostgreSQL",
        "all told",
        "client CPU s",
        "a batch",
        "bytes",
        "product",
        "CPU",
        "shares",
    )


def print_floor(name: str, runs: Sequence[FloorRun]) -> None:
    """Print what a bare client reaches."""
    cpu = _spread([run.cpu / run.products * 1e6 for run in runs])
    productivity = median(run.products / run.cpu for run in runs)
    others = f"{median(run.others for run in runs):.0%}"
    rate = _spread([run.rate for run in runs])
    _print_line(f"floor, {name}", rate, cpu, "", "", f"{productivity:.0f}", "", "", "", others)


def print_cycles(name: str, cycles: Sequence[Cycle]) -> None:
    """Print what the service reaches."""
    _print_line(
        name,
        _spread([cycle.rate for cycle in cycles]),
        _spread([cycle.workers_cpu / cycle.products * 1e6 for cycle in cycles]),
        _spread([cycle.server_cpu / cycle.products * 1e6 for cycle in cycles]),
        _spread([cpu_per_product(cycle) * 1e6 for cycle in cycles]),
        f"{median(map(products_per_worker_second, cycles)):.0f}",
        f"{median(cycle.statements / cycle.batches for cycle in cycles):.1f}",
        f"{median(cycle.wal_bytes / cycle.products for cycle in cycles):.0f}",
        f"{min(cycle.calls['fewest'] for cycle in cycles)}-{max(cycle.calls['most'] for cycle in cycles)}",
        f"{median(cycle.others for cycle in cycles):.0%}",
        ", ".join(f"{share / sum(cycles[-1].shares):.0%}" for share in cycles[-1].shares),
    )


def print_written(name: str, written: dict[str, Written]) -> None:
    """Print the rows that a cycle wrote."""
    tables = [f"{table} {_rows(rows)}" for table, rows in written.items()]
    print(f"rows written, {name}: {', '.join(tables)}")


def print_latencies(name: str, seconds: Sequence[float]) -> None:
    """Print what readers of the API waited for."""
    middle, slow = percentiles(seconds)
    greatest = max(seconds) * 1000
    print(f"API, {name:<20} p50 {middle:.1f} ms, p99 {slow:.1f} ms, greatest {greatest:.0f} ms, {len(seconds)} reads")


def print_target(name: str, figure: float, target: float, *, unit: str = "", least: bool = False) -> None:
    """Print a figure beside its target; `least` targets must be reached, others must not be passed."""
    met = figure >= target if least else figure <= target
    verdict, bound = "met   " if met else "MISSED", "≥" if least else "≤"
    print(f"  {verdict} {name}: {figure:.2f}{unit}, target {bound} {target:g}{unit}", flush=True)


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[98] * 1000


def cpu_per_product(cycle: Cycle) -> float:
    """CPU seconds of workers and PostgreSQL."""
    return (cycle.workers_cpu + cycle.server_cpu) / cycle.products


def products_per_worker_second(cycle: Cycle) -> float:
    """Products per CPU second of the workers."""
    return cycle.products / cycle.workers_cpu


def _print_line(*cells: str) -> None:
    first, *others = cells
    print(f"{first:<30}" + "".join(f"{cell:>{width}}" for cell, width in zip(others, WIDTHS, strict=False)), flush=True)


def _spread(figures: Sequence[float]) -> str:
    if len(figures) == 1:
        return f"{figures[0]:.0f}"
    return f"{median(figures):.0f} ({min(figures):.0f}-{max(figures):.0f})"


def _rows(written: Written) -> str:
    if not written.updated:
        return f"+{written.inserted}"
    return f"+{written.inserted} ~{written.updated} (HOT {written.in_place / written.updated:.0%})"
