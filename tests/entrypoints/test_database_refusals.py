"""A database that a command cannot work with: one line at its start says what to change, and nothing hangs."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from adapters.postgres import schema
from entrypoints.cli import main
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from storages.poolers import Pooler, needs_pgbouncer

pytestmark = pytest.mark.usefixtures("logs_as_before")

COMMANDS = ("migrate", "api", "worker")
HBA = "local all stranger scram-sha-256\nlocal all all trust\n"
RIGHTS = (
    "CREATE ROLE visitor LOGIN",
    "CREATE ROLE owner LOGIN",
    "CREATE ROLE stranger LOGIN PASSWORD 'right'",
    "CREATE ROLE retired NOLOGIN",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give a server with roles of every kind; its DSN is a superuser's."""
    with (
        tempfile.TemporaryDirectory(prefix="refusals-") as folder,
        EmbeddedPostgres(Path(folder), ephemeral=True) as dsn,
    ):
        Path(folder).chmod(0o755)  # where root runs the tests, PgBouncer's user must reach the socket
        (Path(folder) / "cluster" / "pg_hba.conf").write_text(HBA)
        execute(dsn, *RIGHTS, "SELECT pg_reload_conf()")
        yield dsn


@pytest.fixture(scope="module")
def new_database(server: str) -> Callable[..., str]:
    """Give what makes a database, with options of CREATE DATABASE and statements in it, and returns its DSN."""

    def make(*statements: str, options: str = "") -> str:
        name = f"refusing_{uuid4().hex}"
        execute(server, f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        dsn = server.replace("/aggregator?", f"/{name}?")
        execute(dsn, *statements)
        return dsn

    return make


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def start(command: str, dsn: str, **settings: str) -> str:
    """Return the one line that the command ends with."""
    known = dict.fromkeys(("APP_ENV", "OFFERS_BASE_URL", "METRICS_PORT"), "")
    environment = known | {"DATABASE_URL": dsn, "PORT": "0", "LOG_FORMAT": "json"} | settings
    result = CliRunner().invoke(main, [command], env=environment)
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = lines
    return line


def as_role(dsn: str, role: str) -> str:
    return dsn.replace("//aggregator@", f"//{role}@")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_role_that_may_not_log_in(server: str, command: str) -> None:
    for role in ("stranger:wrong", "stranger", "retired", "nobody"):
        assert "refuses the user" in start(command, as_role(server, role))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_does_not_exist(server: str, command: str) -> None:
    assert "DATABASE_URL names does not exist" in start(command, server.replace("/aggregator?", "/nowhere?"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "options",
    ["ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", "ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"],
)
def test_an_encoding_that_cannot_hold_every_text(new_database: Callable[..., str], command: str, options: str) -> None:
    assert "create one with ENCODING 'UTF8'" in start(command, new_database(options=options))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('of_another')"),
        ("CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('0003')"),
        (
            "CREATE TABLE alembic_version (version_num text)",
            "INSERT INTO alembic_version VALUES ('0003'), ('0004')",
            "CREATE TABLE schema_compatibility (oldest_revision text)",
        ),
    ],
)
def test_the_tables_of_another_application(
    new_database: Callable[..., str], command: str, statements: tuple[str, ...]
) -> None:
    assert "another application's" in start(command, new_database(*statements))


def test_a_role_without_rights(server: str, new_database: Callable[..., str]) -> None:
    empty = new_database()
    assert "lacks a right" in start("migrate", as_role(empty, "visitor"))
    migrated = new_database()
    result = CliRunner().invoke(main, ["migrate"], env={"DATABASE_URL": migrated})
    assert result.exit_code == 0
    for command in COMMANDS:
        assert "lacks a right" in start(command, as_role(migrated, "visitor"))
    execute(migrated, "GRANT ALL ON ALL TABLES IN SCHEMA public TO visitor", "GRANT CREATE ON SCHEMA public TO visitor")
    assert "right on the schema saq" in start("worker", as_role(migrated, "visitor"))
    execute(migrated, "DROP OWNED BY visitor")


@pytest.mark.parametrize("command", ["migrate", "worker"])
def test_a_read_only_database(new_database: Callable[..., str], command: str) -> None:
    dsn = new_database()
    if command == "worker":
        assert CliRunner().invoke(main, ["migrate"], env={"DATABASE_URL": dsn}).exit_code == 0
        execute(dsn, *(f"DROP TABLE {name}" for name in partitions(dsn)[:1]))
    execute(dsn, f"ALTER DATABASE {database_of(dsn)} SET default_transaction_read_only = on")
    assert "the database is read-only" in start(command, dsn)


def database_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


def partitions(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [
            name
            for (name,) in connection.execute(
                b"SELECT relname FROM pg_class WHERE relname ~ '^offer_interval_' AND relkind = 'r'"
            )
        ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_too_old(server: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "OLDEST_SERVER", 99)
    assert "PostgreSQL 18 is too old: 99 or newer is needed." in start(command, server)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_has_no_connection_left(server: str, new_database: Callable[..., str], command: str) -> None:
    dsn = new_database()
    execute(dsn, f"ALTER DATABASE {database_of(dsn)} CONNECTION LIMIT 0")
    assert "lower DATABASE_CONNECTIONS" in start(command, as_role(dsn, "visitor"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_not_there(command: str) -> None:
    assert "nothing listens at the host and port" in start(command, "postgresql://nobody@127.0.0.1:1/nothing")
    assert "the name of its host is not known" in start(command, "postgresql://nobody@nowhere.invalid/nothing")


@contextmanager
def answering(first: bytes) -> Iterator[int]:
    """Listen on a port and send this to everybody who comes, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                kept.append(client)
                client.sendall(first)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        for client in kept:
            client.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_says_nothing(command: str) -> None:
    with answering(b"") as port:
        assert "does not answer in time" in start(command, f"postgresql://nobody@127.0.0.1:{port}/nothing")


def test_a_server_without_tls_where_that_is_wanted() -> None:
    with answering(b"N") as port:
        dsn = f"postgresql://nobody@127.0.0.1:{port}/nothing?sslmode=require"
        assert "offers no TLS" in start("api", dsn)
        assert "offers no TLS" in start("api", dsn.replace("require", "verify-full"))


def test_a_file_that_is_not_there() -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/nothing?sslmode=verify-full&sslrootcert=/nonexistent"
    assert "(sslrootcert, sslcert, sslkey), is not there" in start("api", dsn)


@needs_pgbouncer
@pytest.mark.parametrize("command", COMMANDS)
def test_a_pooler_of_transactions_that_no_setting_declares(new_database: Callable[..., str], command: str) -> None:
    with Pooler(new_database()) as pooler:
        line = start(command, pooler.dsn)
    assert "A pooler in transaction mode stands before the database" in line
    assert "set DATABASE_POOLER=transaction, and DATABASE_DIRECT_URL" in line


@needs_pgbouncer
@pytest.mark.parametrize("command", COMMANDS)
def test_a_way_past_the_pooler_that_leads_to_it(new_database: Callable[..., str], command: str) -> None:
    dsn = new_database()
    assert CliRunner().invoke(main, ["migrate"], env={"DATABASE_URL": dsn}).exit_code == 0
    with Pooler(dsn) as pooler:
        line = start(command, pooler.dsn, DATABASE_POOLER="transaction", DATABASE_DIRECT_URL=pooler.dsn)
    assert "A pooler in transaction mode stands at DATABASE_DIRECT_URL, too" in line


@needs_pgbouncer
@pytest.mark.parametrize("command", COMMANDS)
def test_a_way_past_the_pooler_that_leads_nowhere(new_database: Callable[..., str], command: str) -> None:
    dsn = new_database()
    assert CliRunner().invoke(main, ["migrate"], env={"DATABASE_URL": dsn}).exit_code == 0
    with Pooler(dsn) as pooler:
        nowhere = "postgresql://aggregator@127.0.0.1:9/nowhere"
        line = start(command, pooler.dsn, DATABASE_POOLER="transaction", DATABASE_DIRECT_URL=nowhere)
    assert "nothing listens at the host and port of DATABASE_DIRECT_URL" in line
