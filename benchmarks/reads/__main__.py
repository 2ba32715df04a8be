"""`make bench-reads`: the API as operators run it, beside the practical limit, in one run on this machine.

Absolute numbers say little about other machines; the ratio is what to compare.
"""

import argparse
import os
import platform
import re
import shutil
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import httpx
import uvloop

from benchmarks.processes import await_listening, cpu_seconds, free_port, process
from benchmarks.reads.kinds import Kind, kinds
from benchmarks.reads.loading import measure_loading
from benchmarks.reads.measuring import Server, measure
from benchmarks.refresh.cycle import await_first_observation
from benchmarks.refresh.products import add_products, product_ids
from benchmarks.refresh.system import System, running_system
from benchmarks.refresh.table import print_target

PRODUCTS = 1_000
OFTEN = 32
MANY = (1, 8, 64, 128, 256)
"""Connections at which creating is tried too."""
TARGETS = {"detail": 0.55, "list of 20": 0.6, "list of 100": 0.6, "304": 1.0, "create": 0.5}
BATCH = "batch"
LOADED = 5_000
"""Products per second that batches over one connection should reach."""
START_SECONDS = 1.5
_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T")


def main() -> None:
    """Prepare a database with observed products, then measure all servers in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one round")
    parser.add_argument("--only", nargs="*", help="kinds of request to measure")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-reads-"))
    try:
        with running_system(folder) as system:
            # One login for all rounds.
            system.environment["JWT_LIFETIME"] = "3600"
            add_products(system.connection, PRODUCTS)
            with system.workers(1):
                await_first_observation(system, PRODUCTS)
            # What PostgreSQL does by itself within a minute.
            system.connection.execute("VACUUM ANALYZE")
            _measure(system, options.only, options.rounds, options.seconds)
    finally:
        shutil.rmtree(folder)


def _measure(system: System, only: list[str] | None, rounds: int, seconds: float) -> None:
    server = system.connection.info.parameter_status("server_version")
    print(
        f"{PRODUCTS} products of 8 offers, PostgreSQL {server}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores for servers, PostgreSQL and load; medians of {rounds} rounds of {seconds:g} s"
    )
    with ExitStack() as running:
        api, other = (_api(system, running) for _ in range(2))
        started = cpu_seconds(other.pids[0])
        # The second one: what is compiled at the first start of a release is there.
        print_target("API start to first answer, CPU", started, START_SECONDS, unit=" s")
        bare = _bare(system, running)
        wanted = [each for each in kinds(api.url, system.environment, product_ids(PRODUCTS)) if _chosen(each, only)]
        _require_the_same_answers(wanted, api, bare)
        for kind in wanted:
            ratio = uvloop.run(measure(kind, [api, bare], OFTEN, rounds, seconds))
            if kind.name in TARGETS:
                print_target(f"{kind.name}, of the bare limit", ratio, TARGETS[kind.name], least=True)
        for kind in wanted:
            if kind.name != "login":
                both = Server("2 processes", (*api.ports, *other.ports), (*api.pids, *other.pids))
                uvloop.run(measure(kind, [both, api], OFTEN, rounds, seconds))
        if not only or BATCH in only:
            rate = uvloop.run(measure_loading(api, system.environment, rounds, seconds))
            print_target("create, 1 000 a request on one connection", rate, LOADED, unit=" products/s", least=True)
        for kind in wanted:
            if kind.name == "create":
                for connections in MANY:
                    uvloop.run(measure(kind, [api, bare], connections, rounds, seconds))


def _chosen(kind: Kind, only: list[str] | None) -> bool:
    return not only or kind.name in only


def _api(system: System, running: ExitStack) -> Server:
    port, pid = running.enter_context(system.api())
    httpx.get(f"http://127.0.0.1:{port}/products", trust_env=False).raise_for_status()
    return Server("api", (port,), (pid,))


def _bare(system: System, running: ExitStack) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.reads.bare:app", "--port", str(port), "--no-access-log"]
    log = running.enter_context(system.log_file("bare").open("w"))
    pid = running.enter_context(process(command, system.environment, log))
    await_listening(port)
    return Server("bare", (port,), (pid,))


def _require_the_same_answers(wanted: list[Kind], api: Server, bare: Server) -> None:
    """A limit that does less work than the API would be none."""
    for kind in wanted:
        if kind.path is not None:
            answers = [httpx.get(server.url + kind.path, trust_env=False).json() for server in (api, bare)]
            ours, limit = (_without_notation(answer) for answer in answers)
            if ours != limit:
                raise ValueError(f"{kind.name}: the API and the bare application answer differently")


def _without_notation(answer: object) -> object:
    if isinstance(answer, dict):
        return {name: _without_notation(value) for name, value in answer.items() if name != "next"}
    if isinstance(answer, list):
        return [_without_notation(each) for each in answer]
    return datetime.fromisoformat(answer) if isinstance(answer, str) and _TIME.match(answer) else answer


if __name__ == "__main__":
    main()
