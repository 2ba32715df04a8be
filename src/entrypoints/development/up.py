"""`aggregator up`: PostgreSQL, Offers simulator, API and worker on one machine, watched over by one parent.

Each part is the same process that operators run.
"""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import click
import httpx

from entrypoints.configuration.settings import Settings
from entrypoints.development.embedded_postgres.ownership import own_server
from entrypoints.development.embedded_postgres.server import STOP_SECONDS, EmbeddedPostgres
from entrypoints.development.keeping import keep_running
from entrypoints.development.ports import Wanted, take_ports
from entrypoints.development.processes import Processes, StartFailed
from entrypoints.last_resort import exit_within

SECONDS_TO_START = 60.0
SECONDS_TO_END = 15.0 + STOP_SECONDS
"""For the parts, and then for PostgreSQL."""
PARTS = ("worker", "api")


async def run_everything(settings: Settings) -> None:
    """Bring everything up, print the addresses, and run until SIGTERM, SIGINT or the end of a part.

    Raises:
        StartFailed: a part does not start, or ends by itself.
        EmbeddedPostgresError: PostgreSQL does not start, is another's, or ends again and again.
    """
    with _database(settings) as dsn, ExitStack() as ports:
        processes = Processes({} if dsn is None else {"DATABASE_URL": dsn})
        try:
            running = asyncio.create_task(_run_kept(settings, processes, ports))

            def stop() -> None:
                exit_within(SECONDS_TO_END)
                running.cancel()

            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop)
            await running
        except asyncio.CancelledError:
            click.echo("Stopping…", err=True)
        finally:
            await processes.stop()


async def _run_kept(settings: Settings, processes: Processes, ports: ExitStack) -> None:
    """Run the parts, and keep the server running if it is ours."""
    work = [asyncio.create_task(_run(settings, processes, ports))]
    if settings.database_url is None:
        work.append(asyncio.create_task(keep_running(EmbeddedPostgres(settings.data_dir))))
    try:
        await asyncio.gather(*work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.wait(work)


async def _run(settings: Settings, processes: Processes, ports: ExitStack) -> None:
    host, upstream = settings.host, settings.offers_base_url
    wanted = {"api": Wanted("The API", "PORT", host, settings.port)}
    if upstream is None:
        wanted["offers-simulator"] = Wanted("The simulator", "SIMULATOR_PORT", "127.0.0.1", settings.simulator_port)
    if settings.metrics_port is not None:
        # Two processes, so two ports: the second takes the next free one.
        for part in PARTS:
            wanted[f"{part} metrics"] = Wanted(f"The {part}'s /metrics", "METRICS_PORT", host, settings.metrics_port)
    taken = dict(zip(wanted, take_ports(list(wanted.values()), ports), strict=True))
    for name, each in wanted.items():
        if each.port not in (0, taken[name]):
            click.echo(f"{each.part} takes port {taken[name]}, because {each.setting}={each.port} is taken.", err=True)
    processes.environment["PORT"] = str(taken["api"])
    if upstream is None:
        upstream = f"http://127.0.0.1:{taken['offers-simulator']}/api/v1"
        processes.environment["OFFERS_BASE_URL"] = upstream
        world = settings.data_dir / "simulator.json"
        await processes.start("offers-simulator", "--port", str(taken["offers-simulator"]), "--world", str(world))
    await processes.finish("migrate")
    metrics = {}
    for part in PARTS:
        if settings.metrics_port is not None:
            port = taken[f"{part} metrics"]
            processes.environment["METRICS_PORT"] = str(port)
            metrics[part] = f"{_url(host, port)}/metrics"
        await processes.start(part)
    api = _url(host, taken["api"])
    await _ready(f"{api}/health/ready", processes)
    click.echo(banner(settings, api, upstream, metrics), err=True)
    raise StartFailed(f"`aggregator {await processes.first_to_end()}` ended by itself; its last lines are above.")


async def _ready(url: str, processes: Processes) -> None:
    """Wait until the API answers that it is ready.

    Raises:
        StartFailed: a part ended meanwhile, or it takes too long.
    """
    ending = asyncio.create_task(processes.first_to_end())
    try:
        async with asyncio.timeout(SECONDS_TO_START), httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, url):
                if ending.done():
                    raise StartFailed(f"`aggregator {ending.result()}` does not start; the reason is above.")
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise StartFailed(f"The API is not ready after {SECONDS_TO_START:.0f} s; see the lines above.") from error
    finally:
        ending.cancel()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def _database(settings: Settings) -> Iterator[str | None]:
    """Lend the DSN of the embedded database; None where the settings name another."""
    if settings.database_url is not None:
        yield None
        return
    with own_server(settings.data_dir) as dsn:
        yield dsn


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def banner(settings: Settings, api: str, upstream: str, metrics: Mapping[str, str]) -> str:
    """Return the text that is shown once all parts are ready: addresses without credentials, and commands to try."""
    password = settings.admin_password if settings.has_default_credentials else "<your password>"
    credentials = shlex.quote(json.dumps({"username": settings.admin_username, "password": password}))
    monitored = "".join(f"\n    Metrics    {url}  ({part})" for part, url in metrics.items())
    kind = "simulated, faults at /__control" if settings.offers_base_url is None else "as set"
    shown = urlsplit(upstream)
    offers = shown._replace(netloc=shown.netloc.rpartition("@")[2]).geturl()
    return f"""
  Product Aggregator is up.

    API        {api}/products
    Docs       {api}/docs
    Page       {api}/
    Offers     {offers}  ({kind}){monitored}
    Log in     curl -s {api}/login -H 'Content-Type: application/json' -d {credentials}
    Try it     {os.path.relpath(sys.argv[0])} seed 25 --history 30d

  Ctrl-C stops everything; the data stays.
"""
