"""How a command runs: its settings, its container, and its refusals as one message."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from entrypoints.configuration.settings import Settings
    from entrypoints.limits import Limits


class Refused(click.ClickException):
    """A command that cannot run here; the text says what to do."""


class Command(click.Command):
    """A command whose help ends with its settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        from entrypoints.configuration.command_settings import help_on_settings

        group = ctx.parent.info_name if ctx.parent is not None and ctx.parent.parent is not None else None
        self.epilog = help_on_settings(str(group or self.name))
        super().format_epilog(ctx, formatter)


def settings_for(command: str) -> "Settings":
    """Read the settings that a command uses, start its log, and warn of settings without effect.

    Raises:
        Refused: a setting is not valid.
    """
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


def embedded_database(settings: "Settings") -> str | None:
    """Return the DSN of the database of `up`, None if that does not run."""
    from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

    server = EmbeddedPostgres(settings.data_dir)
    return server.dsn if server.running() else None


def on_a_database(settings: "Settings") -> "Settings":
    """Return the settings with the database of `up`, unless they name one.

    Raises:
        Refused: there is neither.
    """
    import msgspec

    if settings.database_url is not None:
        return settings
    database_url = embedded_database(settings)
    if database_url is None:
        raise Refused("There is no database: set DATABASE_URL, or run `aggregator up` in another terminal.")
    return msgspec.structs.replace(settings, database_url=database_url)


def require_development(command: str) -> None:
    """Refuse a command that makes up data, in production.

    Raises:
        Refused: this is production.
    """
    if os.environ.get("APP_ENV") == "production":
        raise Refused(f"With APP_ENV=production there is no `{command}`: it makes up data. Set APP_ENV=development.")


def end_at_sigterm(code: int = 0) -> None:
    """End quietly at a SIGTERM, as during the imports, which take a second; process 1 would not notice it at all."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))


def run(
    command: str, work: "Callable[[AsyncContainer], Awaitable[None]]", limits: "Callable[[Settings], Limits]"
) -> None:
    """Run to the end with a container."""
    run_with(settings_for(command), work, limits)


def run_with(
    settings: "Settings", work: "Callable[[AsyncContainer], Awaitable[None]]", limits: "Callable[[Settings], Limits]"
) -> None:
    """Run to the end with a container on these settings."""
    import uvloop

    from entrypoints.container import make_container
    from entrypoints.wiring.instruments import instrumenting

    async def with_container() -> None:
        container = make_container(settings, *instrumenting(settings), limits=limits(settings))
        try:
            await work(container)
        finally:
            await container.close()

    with refusals():
        uvloop.run(with_container())


def run_on_database(command: str, work: "Callable[[AsyncContainer], Awaitable[None]]") -> None:
    """Run a command of an operator on a database that fits; a refusal becomes its message."""
    from sqlalchemy.ext.asyncio import AsyncEngine

    from adapters.postgres.schema import require_schema
    from domain.errors import Refusal
    from entrypoints.limits import COMMANDING

    async def on_database(container: "AsyncContainer") -> None:
        await require_schema(await container.get(AsyncEngine))
        await work(container)

    try:
        run_with(on_a_database(settings_for(command)), on_database, lambda _: COMMANDING)
    except Refusal as error:
        raise Refused(str(error)) from error
    except BrokenPipeError:
        # The reader has enough, as `head`. Python would complain at its end that it cannot flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def refusals() -> Iterator[None]:
    """Turn trouble that the user can mend into one message and exit code 1."""
    from adapters.postgres.schema import SchemaError
    from application.storage import StorageUnavailable
    from entrypoints.configuration.settings import SettingsError
    from entrypoints.development.embedded_postgres.server import EmbeddedPostgresError
    from entrypoints.listening import CannotListen
    from entrypoints.operations.backup import BackupFailed

    try:
        yield
    except BrokenPipeError:
        raise
    except (
        *(BackupFailed, CannotListen, EmbeddedPostgresError, OSError),
        *(SchemaError, SettingsError, StorageUnavailable),
    ) as error:
        raise Refused(str(error)) from error
