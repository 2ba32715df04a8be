"""`aggregator up`: PostgreSQL, Offers simulator, API and worker on one machine, watched over by one parent.

Each part is the same process that operators run, so what is seen here is what runs elsewhere.
"""

import asyncio
import fcntl
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import httpx

from adapters.postgres.embedded import EmbeddedPostgres
from entrypoints.parts import CannotStart, Parts
from entrypoints.settings import DEFAULT_PASSWORD, Settings

SECONDS_TO_START = 60.0
PORTS_TRIED = 100


async def run_everything(settings: Settings) -> None:
    """Bring everything up, say where it is, and run until SIGTERM, SIGINT or the end of a part.

    Raises:
        CannotStart: a part does not start, or ends by itself.
        EmbeddedPostgresError: PostgreSQL does not start.
    """
    with _database(settings) as dsn, ExitStack() as ports:
        parts = Parts({"DATABASE_URL": dsn})
        try:
            running = asyncio.create_task(_run(settings, parts, ports))
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
            await running
        except asyncio.CancelledError:
            click.echo("Stopping…", err=True)
        finally:
            await parts.stop()


async def _run(settings: Settings, parts: Parts, ports: ExitStack) -> None:
    host, port = settings.host, _free_port(settings.host, settings.port, ports)
    parts.environment["PORT"] = str(port)
    upstream = settings.offers_base_url
    if upstream is None:
        simulator_port = _free_port("127.0.0.1", settings.simulator_port, ports)
        upstream = f"http://127.0.0.1:{simulator_port}/api/v1"
        parts.environment["OFFERS_BASE_URL"] = upstream
        await parts.start("offers-simulator", "--port", str(simulator_port))
    await parts.finish("migrate")
    await parts.start("worker")
    await parts.start("api")
    await _ready(f"http://{host}:{port}/health/ready", parts)
    click.echo(_banner(settings, f"http://{host}:{port}", upstream), err=True)
    raise CannotStart(f"`aggregator {await parts.first_to_end()}` ended by itself; its last lines are above.")


async def _ready(url: str, parts: Parts) -> None:
    """Wait until the API answers that it is ready.

    Raises:
        CannotStart: a part ended meanwhile, or it takes too long.
    """
    ending = asyncio.create_task(parts.first_to_end())
    try:
        async with asyncio.timeout(SECONDS_TO_START), httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, url):
                if ending.done():
                    raise CannotStart(f"`aggregator {ending.result()}` does not start; the reason is above.")
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise CannotStart(f"The API is not ready after {SECONDS_TO_START:.0f} s; see the lines above.") from error
    finally:
        ending.cancel()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """Lend the database that is set, or the embedded one, which nobody else may bring up meanwhile."""
    if settings.database_url is not None:
        yield settings.dsn
        return
    data_dir = settings.data_dir
    with _lock(data_dir):
        server = EmbeddedPostgres(data_dir)
        try:
            yield server.start()
        finally:
            # Also a server that an `up` before us left behind when it was killed: nothing may run on after this.
            server.stop()


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("w")
    except OSError as error:
        raise CannotStart(f"{data_dir} cannot be written; set AGGREGATOR_DATA_DIR to a folder that can.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"Another `aggregator up` runs on {data_dir} already.") from error
        yield


def _free_port(host: str, wanted: int, kept: ExitStack) -> int:
    """Return the first free port from the wanted one on, which no other `up` takes until `kept` is closed.

    Raises:
        CannotStart: none of the next hundred is free.
    """
    for port in range(wanted, min(wanted + PORTS_TRIED, 65_536)):
        with ExitStack() as ours, socket.socket() as candidate:
            # The part that is to listen there starts seconds later. UDP, because TCP would stand in its way.
            claim = ours.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((host, port))
                free: int = candidate.getsockname()[1]
                claim.bind((host, free))
            except OSError:
                continue
            kept.push(ours.pop_all())
            return free
    raise CannotStart(f"No port from {wanted} on is free on {host}.")


def _banner(settings: Settings, api: str, upstream: str) -> str:
    password = settings.admin_password if settings.admin_password == DEFAULT_PASSWORD else "<ADMIN_PASSWORD>"
    credentials = f'{{"username": "{settings.admin_username}", "password": "{password}"}}'
    kind = "simulated, faults at /__control" if settings.offers_base_url is None else "as set"
    return f"""
  Product Aggregator is up.

    API        {api}/products
    Docs       {api}/docs
    Offers     {upstream}  ({kind})
    Log in     curl -s {api}/login -H 'Content-Type: application/json' -d '{credentials}'
    Try it     aggregator seed 25

  Ctrl-C stops everything; the data stays.
"""
