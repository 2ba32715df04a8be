"""Makes transactions slow, so that some commit long after others that began later: then readers must not pass them."""

import asyncio
import random

import psycopg

from chaos.deployment import Deployment

LOCKS_PER_SECOND = 1.0
LONGEST_LOCK = 0.5
"""Seconds: half of the time that a writer waits for a locked row, so that one behind another one is answered, too."""
SECONDS_TO_CONNECT = 5
_LOCK = "SELECT FROM synchronisation OFFSET floor(random() * (SELECT count(*) FROM synchronisation)) LIMIT 1 FOR UPDATE"


async def hold_writers_up(deployment: Deployment, seed: int) -> None:
    """Lock the row of one product now and then, which batches of observations and withdrawals wait for."""
    dice = random.Random(f"slow writers {seed}")
    while True:
        pause, held = dice.expovariate(LOCKS_PER_SECOND), dice.uniform(0, LONGEST_LOCK)
        await asyncio.sleep(pause)
        try:
            dsn = deployment.system.dsn
            async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=SECONDS_TO_CONNECT) as connection:
                await connection.execute(_LOCK)
                await asyncio.sleep(held)
                deployment.record.count("writers held up")
        except psycopg.OperationalError:
            deployment.record.count("writers not held up")
