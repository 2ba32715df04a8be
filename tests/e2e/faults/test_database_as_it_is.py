"""What providers do to a database: it turns read-only, its passwords change, it has few connections and rights."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from e2e.faults.customers import customers, kind
from e2e.processes import Processes, Running, eventually
from e2e.system import System, migrate

UNAVAILABLE = (503, "/problems/database-unavailable")
DOCUMENTED_RIGHTS = (
    "GRANT CONNECT, CREATE ON DATABASE {name} TO {name}",
    "GRANT USAGE, CREATE ON SCHEMA public TO {name}",
)
DISCONNECT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
)


class Provider:
    """The provider of one database, which has a role of its own, with the rights that the docs ask for."""

    def __init__(self, admin_dsn: str, folder: Path) -> None:
        self.name = f"provided_{uuid4().hex}"
        self._admin_dsn = admin_dsn
        self._own_dsn = admin_dsn.replace("/aggregator?", f"/{self.name}?")
        self.do("CREATE ROLE {name} LOGIN", "CREATE DATABASE {name}")
        with psycopg.connect(self._own_dsn, autocommit=True) as connection:
            for statement in DOCUMENTED_RIGHTS:
                connection.execute(statement.format(name=self.name).encode())
        self.system = System(self._own_dsn.replace("//aggregator@", f"//{self.name}@"), Processes(folder))

    def do(self, *statements: str) -> None:
        with psycopg.connect(self._admin_dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.format(name=self.name).encode())

    def start(self, command: str, **settings: str) -> Running:
        return self.system.processes.aggregator(command, environment=self.system.environment | settings)

    def start_all(self, **settings: str) -> tuple[Running, Running]:
        migrate(self.system.dsn)
        self.system.start_simulator()
        api, worker = self.start("api", **settings), self.start("worker", OFFERS_REFRESH_INTERVAL="1", **settings)
        eventually(lambda: self.system.api.lives() and any(worker.events("worker started")))
        return api, worker

    def readiness(self) -> dict[str, Any]:
        found: dict[str, Any] = self.system.api.client.get("/health/ready").json()
        return found


@pytest.fixture
def provider(dsn: str, tmp_path: Path) -> Iterator[Provider]:
    provider = Provider(dsn, tmp_path)
    yield provider
    provider.system.close()
    provider.do("DROP DATABASE {name} WITH (FORCE)", "DROP ROLE {name}")


def trouble(process: Running) -> list[str]:
    return [entry["reason"] for entry in process.events("database in trouble")]


def observed_again(system: System) -> Callable[[], int]:
    [(since,)] = system.query("SELECT clock_timestamp()")
    return lambda: system.number("SELECT count(*) FROM synchronisation WHERE observed_at > %s", since)


def test_a_read_only_database_is_503_for_writes_and_told_once(provider: Provider) -> None:
    system, client = provider.system, provider.system.api.client
    api, worker = provider.start_all()
    kettle = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(kettle)["offers"])
    provider.do("ALTER DATABASE {name} SET default_transaction_read_only = on", DISCONNECT)

    path, admin = f"/products/{kettle}", system.api.as_admin
    for _ in range(3):
        answers = [
            client.post("/products", json={"name": "Toaster", "description": ""}, headers=admin),
            client.patch(path, json={"name": "Toaster"}, headers=admin),
            client.delete(path, headers=admin),
            client.post("/login", json={"username": "admin", "password": "wrong"}),
        ]
        assert [kind(answer) for answer in answers] == [UNAVAILABLE] * 4
        assert client.get(path).status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["database"], ready.json()["migrations"]) == (503, "read-only", "ok")
    eventually(lambda: trouble(worker))

    provider.do("ALTER DATABASE {name} RESET default_transaction_read_only")
    eventually(lambda: client.patch(path, json={"name": "Toaster"}, headers=admin).status_code == 200)
    eventually(lambda: client.get("/health/ready").status_code == 200)
    eventually(observed_again(system))
    for process in (api, worker):
        assert trouble(process) == ["the database is read-only"]
        assert "Traceback" not in process.output()
    # None if a job waited before the trouble: then the worker has none to add, and writes nothing.
    assert len(list(worker.events("schedule stopped"))) <= 1
    assert [process.ends_with(signal.SIGTERM) for process in (api, worker)] == [0, 0]


def test_a_role_that_may_no_longer_log_in_is_503_and_told_once(provider: Provider) -> None:
    system, client = provider.system, provider.system.api.client
    api, worker = provider.start_all()
    kettle = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(kettle)["offers"])
    provider.do("ALTER ROLE {name} NOLOGIN", DISCONNECT)

    for _ in range(3):
        assert kind(client.get(f"/products/{kettle}")) == UNAVAILABLE
        assert kind(client.post("/login", json={"username": "admin", "password": "wrong"})) == UNAVAILABLE
    assert (provider.readiness()["status"], provider.readiness()["database"]) == ("unavailable", "unavailable")
    eventually(lambda: any(worker.events("schedule stopped")))

    provider.do("ALTER ROLE {name} LOGIN")
    eventually(lambda: client.get("/health/ready").status_code == 200)
    eventually(observed_again(system))
    for process in (api, worker):
        assert trouble(process) == [
            "the database refuses the user of DATABASE_URL, or connections without TLS (sslmode)"
        ]
        assert len(list(process.events("database is back"))) == 1
        assert "Traceback" not in process.output()


def test_nine_connections_are_enough_for_api_worker_and_migration_under_load(provider: Provider) -> None:
    provider.do("ALTER ROLE {name} CONNECTION LIMIT 9")
    system = provider.system
    api, worker = provider.start_all(DATABASE_CONNECTIONS="4")
    with customers(system.api) as answers:
        eventually(lambda: len(answers.created) >= 20)
        migrating = provider.start("migrate")
        assert migrating.exit_code() == 0, migrating.output()
        created = len(answers.created)
        eventually(lambda: len(answers.created) >= created + 20)
    assert answers.kinds <= {(200, ""), (201, "")}
    everyone = system.number("SELECT count(*) FROM product")
    eventually(lambda: system.api.observed(everyone))
    for process in (api, worker):
        assert trouble(process) == []
        # A busy machine makes a worker wait for one of its two: the next tick goes on.
        lines = [line for line in process.output().splitlines() if "came free in time" not in line]
        assert not [line for line in lines if '"level":"warning"' in line or "Traceback" in line]


def test_every_path_goes_on_after_its_idle_connections_have_ended(provider: Provider) -> None:
    system, client = provider.system, provider.system.api.client
    migrate(system.dsn)
    provider.start("api")
    eventually(system.api.lives)
    kettle, admin = system.api.create("Kettle")["id"], system.api.as_admin
    path = f"/products/{kettle}"
    calls: dict[str, Callable[[], httpx.Response]] = {
        "create": lambda: client.post("/products", json={"name": f"{uuid4()}", "description": ""}, headers=admin),
        "amend": lambda: client.patch(path, json={"description": f"{uuid4()}"}, headers=admin),
        "login": lambda: client.post("/login", json={"username": "admin", "password": "wrong"}),
        "read": lambda: client.get(path),
        "list": lambda: client.get("/products"),
        "statistics": lambda: client.get(f"{path}/price-statistics"),
        "synchronisation": lambda: client.get(f"{path}/synchronisation", headers=admin),
        "readiness": lambda: client.get("/health/ready"),
    }
    for call in calls.values():
        expected = call().status_code
        provider.do(DISCONNECT)
        assert [call().status_code for _ in range(3)] == [expected] * 3
    provider.do(DISCONNECT)
    assert provider.readiness() == {**provider.readiness(), "status": "ok", "database": "ok", "queue": "ok"}
