"""The `aggregator` command. Each subcommand imports what it needs when it runs, so that none pays for the others."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.gc_tuning import collect_rarely
from entrypoints.transfer.commands import export, import_products
from entrypoints.unneeded_libraries import without

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from dishka import AsyncContainer

    from application.access.actor import Scope
    from entrypoints.configuration.settings import Settings
    from entrypoints.development.offers_simulator.product import SoldOut
    from entrypoints.limits import Limits


class Refused(click.ClickException):
    """A command that cannot run here; the text says what to do."""


class _Command(click.Command):
    """A command whose help ends with its settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        from entrypoints.configuration.command_settings import help_on_settings

        group = ctx.parent.info_name if ctx.parent is not None and ctx.parent.parent is not None else None
        self.epilog = help_on_settings(str(group or self.name))
        super().format_epilog(ctx, formatter)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="product-aggregator")
def main() -> None:
    """Product Aggregator: a catalogue that watches who offers each product, and at what price."""
    # Before the imports, which make objects by the hundred thousand.
    collect_rarely()


main.add_command(import_products)
main.add_command(export)


@main.command(cls=_Command)
def up() -> None:
    """Run everything on this machine: PostgreSQL, Offers simulator, API and worker."""
    from entrypoints.development.up import run_everything

    settings = _settings("up")
    with _refusals():
        asyncio.run(run_everything(settings))


@main.command(cls=_Command)
def api() -> None:
    """Serve the HTTP API."""
    _end_at_sigterm()
    # structlog and httpx import Rich for colours that no log line has.
    with without("rich"):
        from entrypoints.http.server import run_api
    from entrypoints.limits import SERVING

    _run(
        "api",
        run_api,
        lambda settings: SERVING.sharing(settings.database_connections).streaming(settings.events_streams),
    )


@main.command(cls=_Command)
def worker() -> None:
    """Register and observe products; run as many as you like."""
    _end_at_sigterm()
    # advanced-alchemy imports Litestar for classes that only web applications use; Rich: see above.
    with without("litestar", "rich"):
        import entrypoints.container  # noqa: F401 - all adapters
        from entrypoints.worker.main import run_worker
    from entrypoints.limits import WORKING

    _run("worker", run_worker, lambda settings: WORKING.sharing(settings.database_connections))


@main.command(cls=_Command)
def migrate() -> None:
    """Bring the database to this version; safe to run from several places at once."""
    from entrypoints.limits import MIGRATING
    from entrypoints.operations.migration import run_migrations

    _run("migrate", run_migrations, lambda _: MIGRATING)
    click.echo("The database is up to date.", err=True)


@main.command(cls=_Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a dump of the database to FILE, while everything goes on."""
    _end_at_sigterm(code=1)
    from entrypoints.operations.backup import back_up

    settings = _settings("backup")
    database_url = settings.direct_dsn if settings.database_url else _embedded_database(settings)
    if database_url is None:
        raise Refused("There is no database: set DATABASE_URL, or run `aggregator up` in another terminal.")
    with _refusals():
        back_up(database_url, file)
    click.echo(f"The dump is in {file}.", err=True)


@main.command(cls=_Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill the empty database of DATABASE_URL from the dump in FILE, and bring it to this version."""
    _end_at_sigterm(code=1)
    from entrypoints.limits import MIGRATING
    from entrypoints.operations.backup import restore as restore_database
    from entrypoints.operations.migration import run_migrations

    with _refusals():
        restore_database(_settings("restore").direct_dsn, file)
    _run("restore", run_migrations, lambda _: MIGRATING)
    click.echo("The database is restored, and up to date.", err=True)


@main.group()
def keys() -> None:
    """Make, list and revoke API keys, straight on the database."""


@keys.command("create", cls=_Command)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What the key is for; may be repeated.")
@click.option("--expires", metavar="TIME", help="The end of its life, as 2027-11-26T00:00:00Z; never unless given.")
def create_key(name: str, scopes: tuple[str, ...], expires: str | None) -> None:
    """Make a key with this NAME, and write it to standard output, this once."""
    from entrypoints.operations import access_commands

    known, expires_at = _scopes(scopes), None if expires is None else _time(expires)
    _command("keys", lambda container: access_commands.create_key(container, name, known, expires_at))


@keys.command("list", cls=_Command)
def list_keys() -> None:
    """List the keys: id, beginning, scopes, end, last use and name."""
    from entrypoints.operations import access_commands

    _command("keys", access_commands.list_keys)


@keys.command("revoke", cls=_Command)
@click.argument("key_id", type=click.UUID)
def revoke_key(key_id: "UUID") -> None:
    """Revoke the key with this id."""
    from entrypoints.operations import access_commands

    _command("keys", lambda container: access_commands.revoke_key(container, key_id))


@main.group()
def audit() -> None:
    """Read the audit log, straight from the database."""


@audit.command("export", cls=_Command)
def export_audit() -> None:
    """Write all records to standard output, newest first, each a line of JSON."""
    from entrypoints.operations import access_commands

    _command("audit", access_commands.export_audit)


@main.command(cls=_Command)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Say what is wrong, what it causes, and what mends it. Nothing is changed.

    Exit code 0 means that all is well, 1 that there are warnings, 2 that something is broken.
    """
    from entrypoints.operations.doctor import NO_DATABASE, check_settings, diagnose, end, report

    settings, findings = check_settings(os.environ)
    if settings is not None:
        database_url = settings.database_url or _embedded_database(settings)
        findings += diagnose(settings, database_url) if database_url else [NO_DATABASE]
    end(report(findings, as_json=as_json))


@main.command(cls=_Command)
@click.argument("count", type=click.IntRange(1, 1_000_000), required=False)
@click.option("--history", metavar="DAYS", help="As 30d: give all products first observed today a past of that length.")
def seed(count: int | None, history: str | None) -> None:
    """Add COUNT believable products, to the embedded database unless DATABASE_URL is set.

    With --history they get a made-up past as soon as a running worker has observed them, and so do those already there.
    """
    from entrypoints.development.seed.command import seed as seed_database

    if count is None and history is None:
        raise click.UsageError("Give a COUNT, --history, or both, as in `aggregator seed 25 --history 30d`.")
    _require_development("seed")
    settings = _settings("seed")
    days = 0 if history is None else _days_of_history(history, settings)
    with _refusals():
        seed_database(settings, count=count or 0, days=days)


@main.command("offers-simulator", cls=_Command)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), help="SIMULATOR_PORT, or 8090, unless given.")
@click.option("--tick", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="Seconds.")
@click.option("--sold-out", type=click.Choice(["vanish", "zero", "replace"]), default="vanish", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), help="Makes the same world at every start.")
@click.option("--world", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps the world.")
def offers_simulator(
    host: str, port: int | None, tick: float, sold_out: "SoldOut", seed: int | None, world: Path | None
) -> None:
    """Stand in for the Offers service, for development only; GET /__control lists the faults it can show."""
    from entrypoints.development.offers_simulator.command import serve
    from entrypoints.development.offers_simulator.options import SimulatorOptions

    _require_development("offers-simulator")
    settings = _settings("offers-simulator")
    listen_on = settings.simulator_port if port is None else port
    token = settings.offers_refresh_token
    options = SimulatorOptions(refresh_token=token, tick=tick, sold_out=sold_out, seed=seed, world_file=world)
    with _refusals():
        asyncio.run(serve(host, listen_on, options, hosts=settings.hosts or ()))


def _embedded_database(settings: "Settings") -> str | None:
    """Return the DSN of the database of `up`, None if that does not run."""
    from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

    server = EmbeddedPostgres(settings.data_dir)
    return server.dsn if server.running() else None


def _require_development(command: str) -> None:
    if os.environ.get("APP_ENV") == "production":
        raise Refused(f"With APP_ENV=production there is no `{command}`: it makes things up. Set APP_ENV=development.")


def _days_of_history(text: str, settings: "Settings") -> int:
    kept = settings.history_step_days
    if re.fullmatch(r"[0-9]{1,5}d", text) and 1 <= (days := int(text[:-1])) <= kept:
        return days
    raise click.BadParameter(
        f"It must be a number of days from 1d to {kept}d, which is how long steps of the best price are kept "
        "(HISTORY_STEP_DAYS).",
        param_hint="--history",
    )


def _end_at_sigterm(code: int = 0) -> None:
    """End quietly at a SIGTERM, as during the imports, which take a second; process 1 would not notice it at all."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))


def _settings(command: str) -> "Settings":
    import structlog

    from entrypoints.configuration.command_settings import USED_BY
    from entrypoints.configuration.setting_sources import service_links
    from entrypoints.configuration.settings import SettingsError, read_settings
    from entrypoints.logs import configure_logs

    used = USED_BY[command]
    try:
        settings = read_settings(os.environ, used)
    except SettingsError as error:
        raise Refused(f"The settings are not valid:\n{error}") from error
    configure_logs(settings)
    if ignored := settings.ignored_database_parameters:
        structlog.get_logger(__name__).warning(
            "parameters of DATABASE_URL have no effect here", parameters=", ".join(ignored)
        )
    for name in service_links(os.environ, sorted(used)):
        reason = "set by Kubernetes for a service of that name, so it is no port; enableServiceLinks: false stops that"
        structlog.get_logger(__name__).warning("setting ignored", variable=name, reason=reason)
    return settings


def _scopes(names: "Sequence[str]") -> "list[Scope]":
    from application.access.actor import Scope

    known = [scope.value for scope in Scope]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known)}.", param_hint="--scope")
    return [Scope(name) for name in names]


def _time(text: str) -> "datetime":
    from datetime import datetime

    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = datetime.min  # noqa: DTZ901 - refused below
    if read.tzinfo is None:
        raise click.BadParameter("It must be a time with its zone, as 2027-11-26T00:00:00Z.", param_hint="--expires")
    return read


def _command(command: str, work: "Callable[[AsyncContainer], Awaitable[None]]") -> None:
    """Run a command of an operator on a database that fits; a refusal becomes its message."""
    from sqlalchemy.ext.asyncio import AsyncEngine

    from adapters.postgres.schema import require_schema
    from domain.errors import Refusal
    from entrypoints.limits import COMMANDING

    async def on_database(container: "AsyncContainer") -> None:
        await require_schema(await container.get(AsyncEngine))
        await work(container)

    try:
        _run(command, on_database, lambda _: COMMANDING)
    except Refusal as error:
        raise Refused(str(error)) from error


def _run(
    command: str, work: "Callable[[AsyncContainer], Awaitable[None]]", limits: "Callable[[Settings], Limits]"
) -> None:
    """Run to the end with a container."""
    import uvloop

    from entrypoints.container import make_container
    from entrypoints.instruments import instrumenting

    settings = _settings(command)

    async def with_container() -> None:
        container = make_container(settings, *instrumenting(settings), limits=limits(settings))
        try:
            await work(container)
        finally:
            await container.close()

    with _refusals():
        uvloop.run(with_container())


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn trouble that the user can mend into one message and exit code 1."""
    from adapters.postgres.schema import SchemaError
    from application.storage import StorageUnavailable
    from entrypoints.configuration.settings import SettingsError
    from entrypoints.development.embedded_postgres.server import EmbeddedPostgresError
    from entrypoints.listening import CannotListen
    from entrypoints.operations.backup import BackupFailed

    try:
        yield
    except (
        *(BackupFailed, CannotListen, EmbeddedPostgresError, OSError),
        *(SchemaError, SettingsError, StorageUnavailable),
    ) as error:
        raise Refused(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
