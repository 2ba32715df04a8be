"""docs/backup.md, run as it stands against the server of `aggregator up`, and a restored database that serves."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from e2e.clients import Api, Json, free_port
from e2e.one_machine import OneMachine
from e2e.processes import Processes, eventually
from waiting import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What workers change while the dump is made is not compared.
LASTING = ("alembic_version", "idempotency_key", "product")


@pytest.fixture
def machine(processes: Processes, tmp_path: Path) -> Iterator[OneMachine]:
    machine = OneMachine(processes, tmp_path / "data", port=free_port(), simulator_port=free_port())
    yield machine
    processes.end()
    machine.close()


def rows(dsn: str, table: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1".encode()).fetchall()


def tables(dsn: str) -> list[tuple[object, ...]]:
    found = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'saq') ORDER BY 1, 2"
    with psycopg.connect(dsn) as connection:
        return connection.execute(found.encode()).fetchall()


def run(machine: OneMachine, folder: Path, *blocks: str) -> str:
    """Paste the blocks into a shell, and return what they print."""
    shell = subprocess.run(
        ["/bin/bash", "-eu"],
        input="\n".join(blocks),
        cwd=folder,
        env=machine.environment | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=5 * PATIENCE,
    )
    assert shell.returncode == 0, shell.stderr
    return shell.stdout


def answered(api: Api) -> list[Json]:
    """Return the products, none while the database is being replaced."""
    answer = api.client.get("/products")
    products: list[Json] = answer.json().get("items", [])
    return products


@pytest.mark.timeout(900)
def test_the_page_is_a_backup_that_can_be_restored(machine: OneMachine, tmp_path: Path, processes: Processes) -> None:
    machine.up()
    api = machine.ready()
    created = [api.create(name)["id"] for name in ("Kettle", "Wasserkocher, 1,7 l", "水壶")]
    eventually(lambda: api.observed(3))

    (tmp_path / ".venv").symlink_to(sys.prefix)
    *blocks, replacing = BLOCKS.findall(PAGE.read_text())
    assert "DROP DATABASE" in replacing
    shown = run(machine, tmp_path, *blocks, 'printf "%s\\n%s" "$DATABASE_URL" "$RESTORED_URL"')
    original, restored = shown.splitlines()[-2:]
    assert tables(restored) == tables(original)
    for table in LASTING:
        assert rows(restored, table) == rows(original, table)
    assert rows(restored, "offer")

    environment = machine.environment | {"DATABASE_URL": restored, "PORT": str(free_port())}
    beside = processes.aggregator("api", environment=environment)
    again = Api(f"http://127.0.0.1:{environment['PORT']}")
    eventually(again.lives)
    assert {product["id"] for product in again.all()} == set(created)
    assert again.read(created[0])["offers"]
    again.client.close()

    gone = api.create("Made after the dump")["id"]
    assert beside.ends_with() == 0
    run(machine, tmp_path, blocks[0], replacing)
    eventually(lambda: {product["id"] for product in answered(api)} == set(created))
    assert api.client.get(f"/products/{gone}").status_code == 404
