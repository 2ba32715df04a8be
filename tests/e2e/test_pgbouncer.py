"""Behind PgBouncer, which refuses most start parameters: with pooled sessions the time limits and schemas hold.

Runs where PgBouncer is installed.
"""

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from e2e.clients import free_port, listens
from e2e.processes import Processes, Running, eventually
from e2e.system import System
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(PGBOUNCER is None, reason="NOT RUN: pgbouncer is not installed"),
]
SETTINGS = """
[databases]
* = host={socket} port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
"""


class Pooler:
    def __init__(self, dsn: str, folder: Path, processes: Processes, mode: str) -> None:
        assert PGBOUNCER is not None
        self.port = free_port()
        users, settings = folder / "users.txt", folder / f"{mode}-{self.port}.ini"
        users.write_text('"aggregator" ""\n')
        socket = parse_qs(urlsplit(dsn).query)["host"][0]
        settings.write_text(SETTINGS.format(socket=socket, port=self.port, users=users, mode=mode))
        user: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root; the socket belongs to this user
            owner = pwd.getpwuid(Path(socket).stat().st_uid).pw_name
            user = ["-u", owner]
        self.running: Running = processes.start("pgbouncer", PGBOUNCER, *user, str(settings), environment={})
        eventually(lambda: listens(self.port))
        self.dsn = f"postgresql://aggregator@127.0.0.1:{self.port}{urlsplit(dsn).path}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a folder that PgBouncer's user can enter, too."""
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def empty_dsn(folder: Path) -> Iterator[str]:
    with EmbeddedPostgres(folder, ephemeral=True) as dsn:
        yield dsn


@pytest.fixture
def new_pooler(empty_dsn: str, folder: Path, processes: Processes) -> Callable[[str], Pooler]:
    return partial(Pooler, empty_dsn, folder, processes)


def test_everything_works_when_sessions_are_pooled(
    empty_dsn: str, new_pooler: Callable[[str], Pooler], processes: Processes
) -> None:
    pooler = new_pooler("session")
    system = System(pooler.dsn, processes)
    migrating = processes.aggregator("migrate", environment=system.environment)
    assert migrating.process.wait(60) == 0, migrating.output()
    _, api, worker = system.start()
    kettle = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(kettle)["offers"], within=60)
    assert system.api.client.get("/health/ready").json()["queue"] == "ok"
    with psycopg.connect(empty_dsn) as connection:
        tables = connection.execute(b"SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'saq%'").fetchall()
        assert tables == [("saq",)]
    for process in (worker, api):
        process.send(signal.SIGTERM)
    assert [process.process.wait(60) for process in (worker, api)] == [0, 0]
    assert not [line for line in (api.output() + worker.output()).splitlines() if '"level":"warning"' in line]
    system.close()


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_start_says_what_is_wrong_when_transactions_are_pooled(
    new_pooler: Callable[[str], Pooler], processes: Processes, command: str
) -> None:
    pooler = new_pooler("transaction")
    starting = processes.aggregator(command, environment={"DATABASE_URL": pooler.dsn})
    assert starting.process.wait(60) == 1
    (line,) = [line for line in starting.output().splitlines() if not line.startswith("{")]
    assert "pooler in transaction mode" in line
