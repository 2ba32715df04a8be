"""`aggregator up`: PostgreSQL, Offers simulator, API and worker on one machine, watched over by one parent.

Each part is the same process that operators run, so what is seen here is what runs elsewhere.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx

from adapters.child_process import end_with_parent
from adapters.postgres.embedded import EmbeddedPostgres
from entrypoints.settings import DEFAULT_PASSWORD, Settings

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 6.0
PORTS_TRIED = 100


class CannotStart(Exception):
    """The system cannot be brought up, or did not stay up; the text says why."""


async def run_everything(settings: Settings) -> None:
    """Bring everything up, say where it is, and run until SIGTERM, SIGINT or the end of a part.

    Raises:
        CannotStart: a part does not start, or ends by itself.
        EmbeddedPostgresError: PostgreSQL does not start.
    """
    with _database(settings) as dsn:
        parts = _Parts({"DATABASE_URL": dsn})
        try:
            running = asyncio.create_task(_run(settings, parts))
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
            await running
        except asyncio.CancelledError:
            click.echo("Stopping…", err=True)
        finally:
            await parts.stop()


async def _run(settings: Settings, parts: "_Parts") -> None:
    host, port = settings.host, _free_port(settings.host, settings.port)
    parts.environment["PORT"] = str(port)
    upstream = settings.offers_base_url
    if upstream is None:
        simulator_port = _free_port("127.0.0.1", settings.simulator_port)
        upstream = f"http://127.0.0.1:{simulator_port}/api/v1"
        parts.environment["OFFERS_BASE_URL"] = upstream
        await parts.start("offers-simulator", "--port", str(simulator_port))
    await parts.finish("migrate")
    await parts.start("worker")
    await parts.start("api")
    await _ready(f"http://{host}:{port}/health/ready", parts)
    click.echo(_banner(settings, f"http://{host}:{port}", upstream), err=True)
    raise CannotStart(f"`aggregator {await parts.first_to_end()}` ended by itself; its last lines are above.")


class _Parts:
    """The child processes. Each is in a session of its own, so that Ctrl-C reaches only us, and ends with us."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = dict(os.environ) | environment
        self._running: dict[str, Process] = {}

    async def start(self, command: str, *arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "entrypoints.cli",
            command,
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        self._running[command] = process
        return process

    async def finish(self, command: str) -> None:
        process = await self.start(command)
        if await process.wait() != 0:
            raise CannotStart(f"`aggregator {command}` failed; the reason is above.")
        del self._running[command]

    async def first_to_end(self) -> str:
        """Wait until a part ends, and say which."""
        waiting = {asyncio.create_task(process.wait()): command for command, process in self._running.items()}
        try:
            ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return waiting[ended.pop()]
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Ask all parts to end, and end those that take too long."""
        processes = [process for process in self._running.values() if process.returncode is None]
        for process in processes:
            process.terminate()
        if processes:
            _, late = await asyncio.wait(
                [asyncio.create_task(_wait(process)) for process in processes], timeout=SECONDS_TO_STOP
            )
            for task in late:
                task.cancel()
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _wait(process: Process) -> None:
    await process.wait()


async def _ready(url: str, parts: _Parts) -> None:
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
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"Another `aggregator up` runs on {data_dir} already.") from error
        server = EmbeddedPostgres(data_dir)
        try:
            yield server.start()
        finally:
            # Also a server that an `up` before us left behind when it was killed: nothing may run on after this.
            server.stop()


def _free_port(host: str, wanted: int) -> int:
    """Return the first free port from the wanted one on.

    Raises:
        CannotStart: none of the next hundred is free.
    """
    for port in range(wanted, wanted + PORTS_TRIED):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((host, port))
            except OSError:
                continue
            return int(candidate.getsockname()[1])
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
