"""`make bench-attacks`: what becomes of ordinary callers while one address attacks.

First searches, of which some take the most that one can, beside reads and probes; then logins that are slow or wrong,
beside an admin who logs in. Attackers and others come from different addresses of the loopback.
"""

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import uvloop

from benchmarks.attacks.products import add_long_products
from benchmarks.reads.client import Answered, Request, load
from benchmarks.refresh.system import System, running_system
from benchmarks.refresh.table import percentiles, print_target

SEARCHES = ("product", "word", "word1", "e", "rare", "absent", "old", "new old", "word absent", "e absent", "a b c d e")
SECONDS = 10.0
ATTACKER = ("127.0.0.66",)
SLOW_BODIES, GUESSERS = 64, 30
SEARCH_MILLISECONDS, LOGIN_MILLISECONDS = 100.0, 2_000.0


def main() -> None:
    """Prepare a database of long products and attack one API."""
    options = argparse.ArgumentParser()
    options.add_argument("--products", type=int, default=50_000)
    products: int = options.parse_args().products
    folder = Path(tempfile.mkdtemp(prefix="bench-attacks-"))
    try:
        with running_system(folder) as system:
            add_long_products(system.connection, products)
            with system.api() as (port, _):
                uvloop.run(_searches(system, port))
            with system.api() as (port, _):
                uvloop.run(_logins(system, port))
    finally:
        shutil.rmtree(folder)


async def _searches(system: System, port: int) -> None:
    rows = system.connection.execute("SELECT id FROM product LIMIT 1000").fetchall()
    details = [_get(f"/products/{row[0]}") for row in rows]
    for search in SEARCHES:
        alone = await load([port], _any_of([_get(f"/products?q={quote(search)}")]), 200, connections=1, seconds=1.0)
        _print(f"search {search!r} alone", alone)
        print_target("p99", percentiles(alone.waited)[1], SEARCH_MILLISECONDS, unit=" ms")
    _print("reads alone", await _reads(port, details))
    attack = [_get(f"/products?q={quote(search)}") for search in SEARCHES]
    for callers in (12, 30):
        attacking = asyncio.create_task(
            load([port], _any_of(attack), 200, connections=callers, seconds=SECONDS, addresses=ATTACKER)
        )
        probing = asyncio.create_task(
            load([port], lambda _: _get("/health/ready"), 200, connections=1, seconds=SECONDS, addresses=("127.0.0.2",))
        )
        _print(f"reads beside {callers} searchers", await _reads(port, details))
        _print("  readiness meanwhile", await probing)
        _print("  searches meanwhile", await attacking)


async def _reads(port: int, details: Sequence[bytes]) -> Answered:
    return await load([port], _any_of(details), 200, connections=8, seconds=SECONDS)


async def _logins(system: System, port: int) -> None:
    right = _login("admin", system.environment["ADMIN_PASSWORD"])
    _print("admin's logins alone", await _admin(port, right))
    slow = [asyncio.create_task(_slow_body(port)) for _ in range(SLOW_BODIES)]
    _print(f"beside {SLOW_BODIES} slow bodies", await _admin(port, right))
    for each in slow:
        each.cancel()
    guessing = asyncio.create_task(
        load(
            [port],
            lambda turn: _login("admin", f"guess {turn}"),
            429,
            connections=GUESSERS,
            seconds=SECONDS,
            addresses=ATTACKER,
        )
    )
    beside = await _admin(port, right)
    _print(f"beside {GUESSERS} guessers", beside)
    print_target("admin's p99", percentiles(beside.waited)[1], LOGIN_MILLISECONDS, unit=" ms")
    _print("  guesses meanwhile", await guessing)


async def _admin(port: int, right: bytes) -> Answered:
    return await load([port], lambda _: right, 200, connections=1, seconds=SECONDS, addresses=("127.0.0.1",))


async def _slow_body(port: int) -> None:
    """Begin a login again and again, and never send the whole of it."""
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER[0], 0))
        head = (
            "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        writer.write(head.encode())
        await asyncio.sleep(1.0)
        writer.close()


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _login(username: str, password: str) -> bytes:
    body = json.dumps({"username": username, "password": password})
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def _any_of(requests: Sequence[bytes]) -> Request:
    dice = random.Random(20261128)  # noqa: S311
    return lambda _: dice.choice(requests)


def _print(name: str, answered: Answered) -> None:
    times = "-"
    if len(answered.waited) > 1:
        middle, slow = percentiles(answered.waited)
        times = f"p50 {middle:.1f} p99 {slow:.1f} ms"
    at = time.strftime("%H:%M:%S")
    print(f"{at} {name}: {len(answered.waited)} as expected, {times}, others {dict(answered.others)}", flush=True)


if __name__ == "__main__":
    main()
