"""A primary and its hot standby, made from the embedded binaries by pg_basebackup."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psycopg

from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from waiting import PATIENCE

_OURS = "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = 'product-aggregator'"


class Pair:
    """Both servers. Each statement has a connection of its own."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self._folder = folder
        self.primary = EmbeddedPostgres(folder / "primary", ephemeral=True)
        self.dsn = self.primary.start()
        # The ephemeral server does not wait for its log, unlike those of operators.
        with psycopg.connect(self.dsn) as connection:
            connection.execute("ALTER ROLE aggregator SET synchronous_commit = local")
        self.make_standby()

    def make_standby(self) -> None:
        """Copy the primary and start the copy as its standby."""
        owner = (self._folder / "primary" / "cluster").stat()
        # A folder in which its owner may make the cluster, for any user of the tests.
        place = Path(tempfile.mkdtemp(dir=self._folder))
        os.chown(place, owner.st_uid, owner.st_gid)
        root = os.geteuid() == 0
        subprocess.run(
            [
                str(self.primary._binaries / "pg_basebackup"),
                *("-h", parse_qs(urlsplit(self.dsn).query)["host"][0], "-U", "aggregator"),
                *("-D", str(place / "cluster"), "-R", "-c", "fast", "--no-sync"),
            ],
            check=True,
            user=owner.st_uid if root else None,
            group=owner.st_gid if root else None,
            cwd="/",
        )
        with (place / "cluster" / "postgresql.auto.conf").open("a") as settings:
            settings.write("hot_standby_feedback = on\nwal_retrieve_retry_interval = 50ms\n")
        self.standby = EmbeddedPostgres(place, ephemeral=True)
        self.standby_dsn = self.standby.start()

    def kill_standby(self) -> None:
        """Kill it as a power cut would."""
        process = self.standby._process
        assert process is not None
        process.kill()
        process.wait()

    async def standby_processes(self) -> list[int]:
        """Return the ids of the server and of its processes for our connections."""
        assert self.standby._process is not None
        return [
            self.standby._process.pid,
            *await value(self.standby_dsn, _OURS),
        ]

    def close(self) -> None:
        for server in (self.standby, self.primary):
            server.stop()

    async def execute(self, *statements: str) -> None:
        await execute(self.dsn, *statements)

    async def on_standby(self, *statements: str) -> None:
        await execute(self.standby_dsn, *statements)

    async def until_alone(self) -> None:
        """Wait until no standby receives from the primary."""
        async with asyncio.timeout(PATIENCE):
            while await value(self.dsn, "SELECT count(*) FROM pg_stat_replication"):
                await asyncio.sleep(0.01)

    async def replayed(self) -> None:
        """Wait until the standby has replayed everything."""
        reached = await value(self.dsn, "SELECT pg_current_wal_flush_lsn()::text")
        async with asyncio.timeout(PATIENCE):
            while not await value(self.standby_dsn, f"SELECT pg_last_wal_replay_lsn() >= '{reached}'"):
                await asyncio.sleep(0.01)


@contextmanager
def pair() -> Iterator[Pair]:
    """Start both servers."""
    with tempfile.TemporaryDirectory(prefix="standby-") as folder:
        found = Pair(Path(folder))
        try:
            yield found
        finally:
            found.close()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value(dsn: str, sql: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
