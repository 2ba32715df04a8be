"""An upgrade and a way back: the release before this one runs on the new schema, and this one refuses the old.

The release before is taken from the history of git, and runs on the packages of this one.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.clients import Json
from e2e.processes import AGGREGATOR, Processes, Running, eventually
from e2e.system import System

RELEASE_BEFORE = "5acef0df4d6c9912fc428443e61f51c20ed12b97"  # pragma: allowlist secret
"""The commit, or tag, of the last release. CONTRIBUTING.md says when it changes."""
ROOT = Path(__file__).parents[3]
OUTDATED = "The database is older than this release needs: run `aggregator migrate` first."
NEWER = "the database is newer than this release"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the source of the release before."""
    folder = tmp_path_factory.mktemp("before")
    git, tar = shutil.which("git"), shutil.which("tar")
    if not (git and tar):
        pytest.skip("git or tar is not installed")
    archive = subprocess.run([git, "-C", str(ROOT), "archive", RELEASE_BEFORE, "src"], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"no git history with {RELEASE_BEFORE}: {archive.stderr.decode().strip()}")
    subprocess.run([tar, "--extract", "--directory", str(folder)], input=archive.stdout, check=True)
    return folder / "src"


@pytest.fixture
def system(new_empty_dsn: Callable[[], str], processes: Processes) -> Iterator[System]:
    """Give a system on an empty database, of which nothing runs yet."""
    system = System(new_empty_dsn(), processes)
    yield system
    system.close()


def test_it_runs_on_the_new_schema_and_this_one_refuses_the_old_one(source: Path, system: System) -> None:
    environment = system.environment | {"OFFERS_REFRESH_INTERVAL": "1"}

    def before(command: str) -> Running:
        path = {"PYTHONPATH": str(source)}
        return system.processes.start(f"before-{command}", *AGGREGATOR, command, environment=environment | path)

    def now(command: str) -> Running:
        return system.processes.aggregator(command, environment=environment)

    migrating = before("migrate")
    system.start_simulator()
    assert migrating.exit_code() == 0, migrating.output()
    api, worker, refused = before("api"), before("worker"), now("worker")
    assert refused.exit_code() == 1
    assert OUTDATED in refused.output()
    eventually(system.api.lives)
    kettle = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.observed(1))

    # The API goes on through the migration, and the worker starts after it.
    assert worker.ends_with() == 0
    migrating = now("migrate")
    assert migrating.exit_code() == 0, migrating.output()
    worker = before("worker")
    _try_everything(system, kettle, "by the release before")
    assert len(list(worker.events(NEWER))) == 1
    assert [each.ends_with() for each in (api, worker)] == [0, 0]

    api, worker = now("api"), now("worker")
    eventually(system.api.lives)
    _try_everything(system, kettle, "by this release")
    for each in (api, worker):
        assert not list(each.events(NEWER))
        assert "Traceback" not in each.output()


def _try_everything(system: System, watched: str, who: str) -> None:
    """Read and write, register a product and observe all in a new cycle, by the running API and worker."""
    api, client = system.api, system.api.client
    created = api.create(f"Made {who}")["id"]
    gone = api.create(f"Withdrawn {who}")["id"]
    assert client.delete(f"/products/{gone}", headers=api.as_admin).status_code == 204
    amended = client.patch(f"/products/{watched}", json={"description": who}, headers=api.as_admin)
    assert (amended.status_code, amended.json()["description"]) == (200, who)

    product = eventually(lambda: _registered(api.read(created)))
    price = product["best_offer"]["price"] + 1
    system.simulator.dictate([watched, created], price)
    for product_id in (watched, created):
        eventually(lambda id=product_id: api.read(id)["best_offer"]["price"] == price)  # type: ignore[misc]
    assert {watched, created} <= {item["id"] for item in api.all()}
    for path in ("offers", "price-history", "price-change?period=P1D", "price-statistics", "synchronisation"):
        answer = client.get(f"/products/{watched}/{path}", headers=api.as_admin)
        assert answer.status_code == 200, answer.text
    assert client.get("/health/ready").json()["database"] == "ok"


def _registered(product: Json) -> Json:
    return product if product["best_offer"] else {}
