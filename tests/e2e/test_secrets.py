"""No secret gets into the logs of real processes, all at DEBUG, nor into their storage, under all faults."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from e2e.clients import Json
from e2e.processes import Processes, Running, eventually
from e2e.secret_encodings import found
from e2e.system import System
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

LOUD = str(Path(__file__).with_name("loud.py"))
PASSWORD = "open+sesame/of the admin?"
WRONG_PASSWORD = "guessed/by somebody+else?"
JWT_SECRET = "a signing key: of more than/32 bytes?"
REFRESH_TOKEN = "refresh~token/that?upstream+knows"
WRONG_REFRESH_TOKEN = "refresh~token/that?nobody+knows"
DATABASE_PASSWORD = "secret-of-the-database-role"
EXCEPTION = '"exception":'
SECRETS = (PASSWORD, WRONG_PASSWORD, JWT_SECRET, REFRESH_TOKEN, WRONG_REFRESH_TOKEN, DATABASE_PASSWORD)
NO_FAULT: Json = {"resets": {}, "malformed": {}, "errors": {}, "auth_answer": None, "token_dies_after": None}
FAULTS: tuple[Json, ...] = (
    {"resets": {"all": {}}},
    {"malformed": {"html": "all"}},
    {"errors": {"register": {"status": 422}, "offers": {"status": 500}}},
    {"errors": {"register": {"status": 401}, "offers": {"status": 401}}},
    {"auth_answer": "not_json", "token_dies_after": 0},
)


class LoudSystem(System):
    """A whole system with secrets of its own, of which nothing is kept from the log."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings that all processes share."""
        return super().environment | {
            "DATABASE_URL": self.dsn.replace("aggregator@", f"aggregator:{DATABASE_PASSWORD}@"),
            "OFFERS_REFRESH_TOKEN": REFRESH_TOKEN,
            "OFFERS_REFRESH_INTERVAL": "0.5",
            "ADMIN_PASSWORD": PASSWORD,
            "JWT_SECRET": JWT_SECRET,
            "LOG_LEVEL": "DEBUG",
        }

    def loud(self, *command: str, **settings: str) -> Running:
        """Start one of the `aggregator` commands."""
        environment: Mapping[str, str] = self.environment | settings
        return self.processes.start(command[0], sys.executable, LOUD, *command, environment=environment)

    def log_in(self, password: str, username: str = "admin") -> int:
        """Return the status, and be the admin from then on if that is right."""
        answer = self.api.client.post("/login", json={"username": username, "password": password})
        if answer.status_code == 200:
            self.api.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.status_code

    def stored(self) -> dict[str, str]:
        """Return all that each table holds, jobs included, as text."""
        tables = self.query(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        with psycopg.connect(self.dsn) as connection:
            return {
                table: "\n".join(
                    value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
                    for value in row
                )
                for schema, table in tables
            }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", ephemeral=True)
    yield server
    server.stop()


@pytest.fixture
def system(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[LoudSystem]:
    system = LoudSystem(server.start(), Processes(tmp_path))
    yield system
    system.close()


def keep_jobs(system: System) -> None:
    """Keep a copy of each job in `seen_job`: those that end are deleted."""
    with psycopg.connect(system.dsn) as connection:
        connection.execute(b"""
            CREATE TABLE public.seen_job AS SELECT * FROM saq.saq_jobs WITH NO DATA;
            CREATE FUNCTION public.keep_job() RETURNS trigger LANGUAGE plpgsql
                AS $$BEGIN INSERT INTO public.seen_job SELECT NEW.*; RETURN NULL; END$$;
            CREATE TRIGGER keep AFTER INSERT OR UPDATE ON saq.saq_jobs FOR EACH ROW EXECUTE FUNCTION public.keep_job()
        """)


@contextmanager
def without(system: System, table: str) -> Iterator[None]:
    """Make every statement on the table fail as a defect."""
    with psycopg.connect(system.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO hidden".encode())
    yield
    with psycopg.connect(system.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE hidden RENAME TO {table}".encode())


def create(system: System, name: str) -> int:
    headers = {"Idempotency-Key": name}
    return system.api.client.post("/products", json={"name": name, "description": ""}, headers=headers).status_code


def observed_again(system: System) -> None:
    with psycopg.connect(system.dsn) as connection:
        connection.execute(b"UPDATE synchronisation SET lease_until = now() WHERE lease_id IS NOT NULL")
    before = system.query("SELECT max(observed_at) FROM synchronisation")
    eventually(lambda: system.query("SELECT max(observed_at) FROM synchronisation") > before)


def test_no_secret_is_logged_or_stored(system: LoudSystem, server: EmbeddedPostgres, tmp_path: Path) -> None:
    assert system.loud("migrate").exit_code() == 0
    keep_jobs(system)
    upstream = ("offers-simulator", "--port", str(system.simulator_port), "--tick", "1")
    simulator = system.loud(*upstream)
    api, worker = system.loud("api"), system.loud("worker")
    eventually(lambda: system.api.lives() and system.simulator.lives())

    assert system.log_in(WRONG_PASSWORD) == system.log_in(PASSWORD, username=PASSWORD) == 401
    assert system.api.client.post("/login", content=f'{{"password": "{PASSWORD}"').status_code == 415
    assert system.log_in(PASSWORD) == 200
    assert [create(system, name) for name in ("Kettle", "Kettle", "Toaster")] == [201] * 3
    eventually(lambda: system.observed() == 2)

    for number, faults in enumerate(FAULTS):
        system.simulator.switch(**(NO_FAULT | faults))
        system.simulator.reset_counters()
        assert create(system, f"Fault-{number}") == 201
        eventually(lambda: any(system.simulator.state()["calls"].values()))
    assert simulator.ends_with() == 0
    simulator = system.loud(*upstream)
    observed_again(system)

    stranger = system.loud("worker", OFFERS_REFRESH_TOKEN=WRONG_REFRESH_TOKEN)
    eventually(lambda: any(call["outcome"] != "201" for call in system.simulator.state()["auth_calls"]))

    with without(system, "offer"):
        eventually(lambda: EXCEPTION in worker.output())
    with without(system, "idempotency_key"):
        assert create(system, "Lost") == 500
    server.stop()
    assert create(system, "Later") == 503
    server.start()
    observed_again(system)
    stored = system.stored()

    for process in (api, worker, stranger, simulator):
        assert process.ends_with() == 0
    token = system.api.client.headers["Authorization"].removeprefix("Bearer ")
    logs = dict(system.processes.all_output()) | {"postgres": (tmp_path / "postgres" / "postgres.log").read_text()}
    assert EXCEPTION in api.output()
    assert all('"level":"debug"' in process.output() for process in (api, worker))
    assert "refresh_due_products" in stored["seen_job"]
    assert stored["idempotency_key"]
    assert stored["login_failure"]
    assert {name: shown for name, text in (logs | stored).items() if (shown := found(text, *SECRETS, token))} == {}
    assert [name for name, text in logs.items() if "eyJ" in text] == []
