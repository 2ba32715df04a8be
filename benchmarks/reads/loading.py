"""Creates of 1 000 products a request over one connection: products per second, and what each costs."""

from collections import Counter
from collections.abc import Mapping
from itertools import count
from statistics import median

from benchmarks.processes import cpu_seconds
from benchmarks.reads.client import Request, load
from benchmarks.reads.kinds import bearer, post
from benchmarks.reads.measuring import Server
from entrypoints.development.seed.products import GOODS

PRODUCTS = 1_000


async def measure_loading(server: Server, environment: Mapping[str, str], rounds: int, seconds: float) -> float:
    """Print a line, and return the products per second."""
    rates, costs, others = [], [], Counter[int]()
    request = _batches(bearer(server.url, environment))
    for _ in range(rounds):
        before = sum(map(cpu_seconds, server.pids))
        answered = await load(server.ports, request, 201, connections=1, seconds=seconds)
        used = sum(map(cpu_seconds, server.pids)) - before
        products = len(answered.waited) * PRODUCTS
        rates.append(products / sum(answered.waited))
        costs.append(used / products * 1e6)
        others += answered.others
    wrong = f"  others {dict(others)}" if others else ""
    print(
        f"{'batch':<12} {1:>4} connection   {server.name:<12} {median(rates):>6.0f} products/s "
        f"{median(costs):>5.0f} µs CPU a product{wrong}",
        flush=True,
    )
    return median(rates)


def _batches(authorisation: str) -> Request:
    numbers, goods = count(), list(GOODS.items())

    def make(_: int) -> bytes:
        chosen = ((next(numbers), *goods[number % len(goods)]) for number in range(PRODUCTS))
        products = [{"name": f"{name} {number}", "description": text} for number, name, text in chosen]
        return post("/products/batch", {"products": products}, authorisation)

    return make
