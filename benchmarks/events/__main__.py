"""`make bench-events`: from the commit of an event to its listeners, pages of the log, and what appending costs."""

import argparse
import asyncio
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from adapters.postgres.connection import create_engine
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from benchmarks.events.listeners import SECONDS_TO_CONNECT, SECONDS_TO_HEAR_ALL, listen
from benchmarks.processes import cpu_seconds, family_cpu_seconds
from benchmarks.refresh.system import System, running_system
from benchmarks.refresh.table import percentiles, print_target
from domain.event import Event, LastKnown, price_changed
from domain.prices.price import BestPrice
from domain.prices.retention import Retention
from entrypoints.limits import WORKING

PAGE = 1_000
PAGES = 200
BATCH = 500
BATCHES = 40
OPEN_FILES = 4_096
COMMIT_TO_CLIENT, PAGE_MILLISECONDS, APPEND_MICROSECONDS = 500.0, 25.0, 10.0
_APPEND = """
    INSERT INTO event (generation, type, subject, time, data)
    SELECT generation, 'price.changed', gen_random_uuid(), now(), json_build_object('number', %s::int,
        'previous', json_build_object('price', 41990, 'state', 'in_stock', 'since', now()),
        'current', json_build_object('price', 41250, 'state', 'in_stock', 'since', now(),
            'offer_id', gen_random_uuid()),
        'unknown_since', NULL)
    FROM event_log
"""


def main() -> None:
    """Measure one API process and an idle PostgreSQL."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--rate", type=float, nargs="+", default=[5.0, 50.0], help="events a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each rate")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(OPEN_FILES, hard)), hard))
    folder = Path(tempfile.mkdtemp(prefix="bench-events-"))
    try:
        with running_system(folder) as system:
            print(f"load of the machine before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
            asyncio.run(_append(system))
            with system.api() as (port, pid):
                _pull(port)
                for rate in options.rate:
                    _stream(system, port, pid, options.listeners, rate, options.seconds)
    finally:
        shutil.rmtree(folder)


async def _append(system: System) -> None:
    """Append as a worker does, in batches, beside as many transactions that append nothing."""
    engine = create_engine(system.environment["DATABASE_URL"], WORKING.database)
    begin = BeginSqlAlchemyWork(engine, Retention())

    async def commit(events: list[Event]) -> None:
        async with begin() as work:
            await work.events.append(*events)
            await work.now()
            await work.commit()

    costs = {}
    for name, events in (("nothing", []), ("events", _events())):
        await commit(events)
        rounds = []
        for _ in range(BATCHES):
            before = time.process_time(), family_cpu_seconds(system.postmaster)
            await commit(events)
            rounds.append((time.process_time() - before[0], family_cpu_seconds(system.postmaster) - before[1]))
        costs[name] = [sum(each) / BATCHES / BATCH * 1e6 for each in zip(*rounds, strict=True)]
    await engine.dispose()
    ours, servers = (costs["events"][each] - costs["nothing"][each] for each in (0, 1))
    print(f"append in batches of {BATCH}: {ours:.1f} µs of CPU an event here, {servers:.1f} µs in PostgreSQL")
    print_target("CPU of appending, all told", ours + servers, APPEND_MICROSECONDS, unit=" µs")


def _events() -> list[Event]:
    at = datetime.now(UTC)
    before = LastKnown(41_990, at - timedelta(hours=1), at)
    return [price_changed(uuid4(), before, BestPrice(41_250, at), uuid4(), None) for _ in range(BATCH)]


def _pull(port: int) -> None:
    """Read pages from the beginning, again and again."""
    seconds = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        cursor: str | None = None
        for _ in range(PAGES):
            query: dict[str, str] = {"limit": str(PAGE)} | ({"after": cursor} if cursor else {})
            began = time.perf_counter()
            page = client.get("/events", params=query).raise_for_status()
            seconds.append(time.perf_counter() - began)
            found = page.json()
            cursor = None if found["caught_up"] else found["next"]
    middle, most = percentiles(seconds)
    print(f"pages of {PAGE} events, one client: p50 {middle:.1f} ms, p99 {most:.1f} ms")
    print_target("p99 of a page", most, PAGE_MILLISECONDS, unit=" ms")


def _stream(system: System, port: int, pid: int, listeners: int, rate: float, seconds: float) -> None:
    """Append events at a steady rate, and measure until each listener has each."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=listen, args=(port, listeners, theirs), daemon=True)
    child.start()
    try:
        if not ours.poll(SECONDS_TO_CONNECT + 10):
            raise TimeoutError("the listeners do not connect")
        ours.recv()
        used, began = cpu_seconds(pid), time.monotonic()
        committed: list[float] = []
        while (due := began + len(committed) / rate) < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            system.connection.execute(_APPEND, [len(committed)])
            committed.append(time.monotonic())
        ours.send(len(committed))
        if not ours.poll(SECONDS_TO_HEAR_ALL + 10):
            raise TimeoutError("the listeners do not end")
        heard, lost = ours.recv()
        used = cpu_seconds(pid) - used
    finally:
        child.terminate()
        child.join()
    waited = [max(0.0, at - committed[number]) for number, times in heard.items() for at in times]
    missing = len(committed) * listeners - len(waited)
    middle, most = percentiles(waited)
    each = used / max(1, len(waited)) * 1e6
    print(
        f"{listeners} listeners, {len(committed) / seconds:.0f} events/s: commit to client p50 {middle:.0f} ms, "
        f"p99 {most:.0f} ms; {each:.1f} µs of the API's CPU an event and listener; {lost} cut off, {missing} not heard"
    )
    print_target("p99 from commit to client", most, COMMIT_TO_CLIENT, unit=" ms")


if __name__ == "__main__":
    main()
