"""Keeps the embedded PostgreSQL running while `aggregator up` does."""

import asyncio

import click

from entrypoints.development.embedded_postgres.server import EmbeddedPostgres, EmbeddedPostgresError

SECONDS_BETWEEN_LOOKS = 1.0
ATTEMPTS = 10
"""Failed starts in a row, before it is given up."""


async def keep_running(server: EmbeddedPostgres, *, every: float = SECONDS_BETWEEN_LOOKS) -> None:
    """Start the server again whenever it has ended; the processes connect again by themselves.

    Raises:
        EmbeddedPostgresError: it does not start any more.
    """
    failures = 0
    while True:
        await asyncio.sleep(every)
        if await asyncio.to_thread(server.running):
            continue
        click.echo("PostgreSQL has ended; starting it again…", err=True)
        try:
            await _start(server)
        except EmbeddedPostgresError:
            failures += 1
            if failures == ATTEMPTS:
                raise
        else:
            failures = 0
            click.echo("PostgreSQL runs again.", err=True)


async def _start(server: EmbeddedPostgres) -> None:
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Else the server would start after it was stopped.
        await asyncio.wait([starting])
        raise
