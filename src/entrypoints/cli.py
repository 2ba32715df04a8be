"""The `aggregator` command. Each subcommand does its imports when it runs, so that none pays for the others."""

import asyncio
import os
import sys

import click

from entrypoints.development.commands import offers_simulator, seed
from entrypoints.gc_tuning import collect_rarely
from entrypoints.operations.commands import audit, backup, keys, restore
from entrypoints.running import Command, embedded_database, end_at_sigterm, refusals, run, settings_for
from entrypoints.transfer.commands import export, import_products
from entrypoints.unneeded_libraries import without


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="product-aggregator")
def main() -> None:
    """Product Aggregator: a catalogue that watches who offers each product, and at what price."""
    # Before the imports, which make objects by the hundred thousand.
    collect_rarely()


@main.command(cls=Command)
def up() -> None:
    """Run everything on this machine: PostgreSQL, Offers simulator, API and worker."""
    from entrypoints.development.up import run_everything

    settings = settings_for("up")
    with refusals():
        asyncio.run(run_everything(settings))


@main.command(cls=Command)
def api() -> None:
    """Serve the HTTP API."""
    end_at_sigterm()
    # structlog and httpx import Rich for colours that no log line has.
    with without("rich"):
        from entrypoints.http.server import run_api
    from entrypoints.limits import SERVING

    run(
        "api",
        run_api,
        lambda settings: SERVING.sharing(settings.database_connections).streaming(settings.events_streams),
    )


@main.command(cls=Command)
def worker() -> None:
    """Register and observe products; run as many as you like."""
    end_at_sigterm()
    # advanced-alchemy imports Litestar for classes that only web applications use; Rich: see above.
    with without("litestar", "rich"):
        import entrypoints.container  # noqa: F401 - all adapters
        from entrypoints.worker.main import run_worker
    from entrypoints.limits import WORKING

    run("worker", run_worker, lambda settings: WORKING.sharing(settings.database_connections))


@main.command(cls=Command)
def migrate() -> None:
    """Bring the database to this version; safe to run from several places at once."""
    from entrypoints.limits import MIGRATING
    from entrypoints.operations.migration import run_migrations

    run("migrate", run_migrations, lambda _: MIGRATING)
    click.echo("The database is up to date.", err=True)


@main.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Check everything that the service needs, and print each problem, its effect and its remedy. It changes nothing.

    Exit code 0 means that all is well, 1 that there are warnings, 2 that something is broken.
    """
    from entrypoints.operations.doctor import NO_DATABASE, check_settings, diagnose, end, report

    settings, findings = check_settings(os.environ)
    if settings is not None:
        database_url = settings.database_url or embedded_database(settings)
        findings += diagnose(settings, database_url) if database_url else [NO_DATABASE]
    end(report(findings, as_json=as_json))


for command in (import_products, export, backup, restore, keys, audit, seed, offers_simulator):
    main.add_command(command)


if __name__ == "__main__":
    sys.exit(main())
