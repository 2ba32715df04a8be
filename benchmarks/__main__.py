"""`make bench`: reads of the API as users run it, beside the practical limit, in one run on this machine.

Absolute numbers say little about other machines; the ratio is what to compare.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import aiohttp

from adapters.postgres.embedded import EmbeddedPostgres
from benchmarks.processes import AGGREGATOR, await_listening, cpu_seconds, process

PRODUCTS = 200
CONNECTIONS = 32
SECONDS = 3.0
ROUNDS = 3
API, BARE, SIMULATOR = 18080, 18081, 18090


def main() -> None:
    """Prepare a database with observed products, then measure both servers in turns."""
    with tempfile.TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory), ephemeral=True) as dsn:
        environment = os.environ | {
            "DATABASE_URL": dsn,
            "OFFERS_BASE_URL": f"http://127.0.0.1:{SIMULATOR}/api/v1",
            "PORT": str(API),
            "LOG_FORMAT": "json",
        }
        subprocess.run([*AGGREGATOR, "seed", str(PRODUCTS)], env=environment, check=True)
        with ExitStack() as running, open(os.devnull, "w") as logs:  # noqa: PTH123
            bare = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(BARE), "--no-access-log"]
            with (
                process([*AGGREGATOR, "offers-simulator", "--port", str(SIMULATOR)], environment, logs),
                process([*AGGREGATOR, "worker"], environment, logs),
            ):
                api = running.enter_context(process([*AGGREGATOR, "api"], environment, logs))
                paths = asyncio.run(_observed_products())
            limit = running.enter_context(process(bare, environment, logs))
            await_listening(BARE)
            asyncio.run(_compare({"api": (api, API), "bare": (limit, BARE)}, paths))


async def _compare(servers: dict[str, tuple[int, int]], details: list[str]) -> None:
    print(f"{CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:.0f} s, {PRODUCTS} products")
    for name, paths in (
        ("detail", details),
        ("list of 20", ["/products?limit=20"]),
        ("list of 100", ["/products?limit=100"]),
    ):
        rates: dict[str, list[float]] = {server: [] for server in servers}
        costs: dict[str, list[float]] = {server: [] for server in servers}
        for _ in range(ROUNDS):
            for server, (pid, port) in servers.items():
                before = cpu_seconds(pid)
                requests = await _load(f"http://127.0.0.1:{port}", paths)
                rates[server].append(requests / SECONDS)
                costs[server].append((cpu_seconds(pid) - before) / requests * 1e6)
        ratio = median(rates["api"]) / median(rates["bare"])
        figures = ", ".join(f"{each} {median(rates[each]):.0f}/s {median(costs[each]):.0f} µs CPU" for each in servers)
        print(f"{name:12} {figures}, ratio {ratio:.2f}")


async def _load(base: str, paths: list[str]) -> int:
    """Request the paths in turns over all connections for a while, and return how many answers were 200."""
    answered, end = 0, time.monotonic() + SECONDS

    async def client(session: aiohttp.ClientSession, turn: int) -> None:
        nonlocal answered
        while time.monotonic() < end:
            async with session.get(base + paths[turn % len(paths)]) as response:
                await response.read()
                answered += response.status == 200
            turn += CONNECTIONS

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(client(session, turn) for turn in range(CONNECTIONS)))
    return answered


async def _observed_products() -> list[str]:
    """Wait until every product was observed, and return their paths."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            paths, url = [], "/products?limit=100"
            while url:
                try:
                    async with session.get(f"http://127.0.0.1:{API}{url}") as response:
                        page = await response.json()
                except aiohttp.ClientConnectionError:
                    break
                paths += [f"/products/{item['id']}" for item in page["items"] if item["observed_at"]]
                url = page["next"] and f"/products?limit=100&cursor={page['next']}"
            if len(paths) == PRODUCTS:
                return paths
            await asyncio.sleep(0.5)


main()
