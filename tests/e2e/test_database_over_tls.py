"""A database that takes connections over TLS alone, as managed ones do; its server is the oldest that is supported.

Runs where Debian's PostgreSQL is installed: the embedded one is built without TLS.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import trustme

from e2e.clients import free_port
from e2e.processes import Processes, eventually
from e2e.system import System

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

pytestmark = [
    pytest.mark.skipif(not PROGRAMS, reason="NOT RUN: Debian's PostgreSQL is not installed"),
]
PASSWORD = "verschluesselt"
ACCESS = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the file of the authority that has signed its certificate, which is for `localhost` alone."""

    port: int
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def dsn(self, parameters: str, host: str = "localhost") -> str:
        return f"postgresql://aggregator:{PASSWORD}@{host}:{self.port}/postgres?{parameters}"

    def administer(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.folder), port=self.port, user="aggregator", dbname="postgres")


def as_its_user(*command: str) -> Sequence[str]:
    """PostgreSQL refuses to run as root; the package brings a user."""
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        if os.geteuid() == 0
        else command
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = PROGRAMS[0].parent
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        server = Server(free_port(), Path(name))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(server.authority)
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(server.folder / "server.pem")
        trustme.CA().cert_pem.write_to_path(server.folder / "other.pem")
        (server.folder / "password").write_text(PASSWORD)
        (server.folder / "access").write_text(ACCESS)
        (server.folder / "server.pem").chmod(0o600)
        if os.geteuid() == 0:
            for path in (server.folder, *server.folder.iterdir()):
                shutil.chown(path, "postgres", "postgres")
        data = str(server.folder / "data")
        made = ["-U", "aggregator", f"--pwfile={server.folder / 'password'}", "-E", "UTF8", "-A", "scram-sha-256"]
        subprocess.run(as_its_user(str(programs / "initdb"), "-D", data, *made), check=True, capture_output=True)
        settings = {
            "port": str(server.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": name,
            "hba_file": str(server.folder / "access"),
            "ssl": "on",
            "ssl_cert_file": str(server.folder / "server.pem"),
            "ssl_key_file": str(server.folder / "server.pem"),
            "fsync": "off",
        }
        given = [part for setting in settings.items() for part in ("-c", "=".join(setting))]
        running = Processes(server.folder).start(
            "postgres", *as_its_user(str(programs / "postgres"), "-D", data, *given), environment={}
        )
        eventually(lambda: "ready to accept connections" in running.output())
        yield server
        running.send(signal.SIGINT)
        running.exit_code()


@pytest.fixture
def new_system(server: Server, processes: Processes) -> Iterator[Callable[[str], System]]:
    systems: list[System] = []

    def make(parameters: str) -> System:
        systems.append(System(server.dsn(parameters), processes))
        return systems[-1]

    yield make
    processes.end()
    for system in systems:
        system.close()


def test_everything_works_and_every_connection_is_encrypted(
    server: Server, new_system: Callable[[str], System]
) -> None:
    system = new_system(f"sslmode=verify-full&sslrootcert={server.authority}")
    migrating = system.processes.aggregator("migrate", environment=system.environment)
    assert migrating.exit_code() == 0, migrating.output()
    system.start()
    kettle = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(kettle)["offers"])
    ready = system.api.client.get("/health/ready").json()
    assert (ready["database"], ready["queue"]) == ("ok", "ok")
    with server.administer() as connection:
        encrypted = connection.execute(
            b"SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
        ).fetchall()
    assert len(encrypted) > 3
    assert {row[0] for row in encrypted} == {True}


ANOTHER_AUTHORITY = "sslmode=verify-full&sslrootcert={folder}/other.pem"


@pytest.mark.parametrize(
    ("command", "parameters", "host", "reason"),
    [
        ("migrate", ANOTHER_AUTHORITY, "localhost", "the certificate of the database is refused"),
        ("api", ANOTHER_AUTHORITY, "localhost", "the certificate of the database is refused"),
        ("worker", ANOTHER_AUTHORITY, "localhost", "the certificate of the database is refused"),
        ("api", "sslmode=verify-full&sslrootcert={folder}/authority.pem", "127.0.0.1", "not valid for"),
        ("worker", "sslmode=verify-full&sslrootcert={folder}/missing.pem", "localhost", "sslrootcert"),
        ("migrate", "sslmode=disable", "localhost", "connections without TLS"),
    ],
)
def test_a_start_says_in_one_line_what_is_wrong(
    server: Server, processes: Processes, command: str, parameters: str, host: str, reason: str
) -> None:
    dsn = server.dsn(parameters.format(folder=server.folder), host)
    starting = processes.aggregator(command, environment={"DATABASE_URL": dsn, "LOG_FORMAT": "json"})
    assert starting.exit_code() == 1
    (line,) = [line for line in starting.output().splitlines() if not line.startswith("{")]
    assert reason in line
    assert PASSWORD not in starting.output()
