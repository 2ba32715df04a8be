"""`make test-api`: Schemathesis reads the API's manual, and calls all that it describes in every way it can think of.

What runs is real, in processes of its own: API, worker, simulator and PostgreSQL, with products that have offers and
a past. Twice it is asked, by a customer and by an admin. A seed leads to the same values again; what Schemathesis takes
from answers, as ids and prices, is of each run.
"""

import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import click

from conformance.plain_http import faults
from e2e.clients import Api
from e2e.processes import Processes, eventually
from e2e.system import System
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
PRODUCTS, DAYS = 12, 3
TOKEN_SECONDS = 86_400
SECONDS_TO_START = 60.0


@click.command()
@click.option("--seed", type=click.IntRange(min=0), help="Makes the requests of the run that printed it.")
@click.option("--examples", type=click.IntRange(min=1), help="Per operation, instead of those of schemathesis.toml.")
def main(seed: int | None, examples: int | None) -> None:
    """Run Schemathesis without a token and with one; exit code 1 if it finds anything."""
    seed = secrets.randbits(32) if seed is None else seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory(prefix="conformance-") as folder,
        EmbeddedPostgres(Path(folder, "postgres"), ephemeral=True) as dsn,
        closing(System(dsn, Processes(Path(folder)))) as system,
    ):
        _start(system)
        found = [*faults(system.api.client, {}), *faults(system.api.client, system.api.as_admin)]
        click.echo("\n".join(found) or "HEAD, OPTIONS and Host are as described.")
        failed = [_run(system.api, seed, examples, headers) for headers in ({}, system.api.as_admin)]
    sys.exit(bool(found) or any(failed))


def _start(system: System) -> None:
    """Let everything run, and wait until there are products to read about."""
    settings = system.environment | {"JWT_LIFETIME": str(TOKEN_SECONDS), "LOG_LEVEL": "WARNING"}
    migrating = system.processes.aggregator("migrate", environment=settings)
    assert migrating.process.wait(SECONDS_TO_START) == 0, migrating.output()
    system.start_simulator()
    system.processes.aggregator("api", environment=settings)
    system.processes.aggregator("worker", environment=settings | {"OFFERS_REFRESH_INTERVAL": "1"})
    eventually(system.api.lives, within=SECONDS_TO_START)
    system.seed(count=PRODUCTS, days=DAYS)
    eventually(lambda: system.api.observed(PRODUCTS), within=SECONDS_TO_START)


def _run(api: Api, seed: int, examples: int | None, headers: dict[str, str]) -> int:
    click.echo(f"\nSchemathesis {'with a token' if headers else 'without a token'}, seed {seed}")
    given = [f"--header={name}: {value}" for name, value in headers.items()]
    url = f"{api.client.base_url}/schema/openapi.json"
    if examples is not None:
        given.append(f"--max-examples={examples}")
    options = ("run", url, f"--seed={seed}", *given)
    return subprocess.run([SCHEMATHESIS, f"--config-file={CONFIG}", *options], check=False).returncode


if __name__ == "__main__":
    main()
