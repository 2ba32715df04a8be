"""`aggregator keys`, `audit`, `backup` and `restore`: an operator's commands, straight on the database."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.running import (
    Command,
    end_at_sigterm,
    on_a_database,
    refusals,
    run,
    run_on_database,
    settings_for,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from application.access.actor import Scope


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a dump of the database to FILE, while everything goes on."""
    end_at_sigterm(code=1)
    from entrypoints.operations.backup import back_up

    settings = on_a_database(settings_for("backup"))
    with refusals():
        back_up(settings.direct_dsn, file)
    click.echo(f"The dump is in {file}.", err=True)


@click.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill the empty database of DATABASE_URL from the dump in FILE, and bring it to this version."""
    end_at_sigterm(code=1)
    from entrypoints.limits import MIGRATING
    from entrypoints.operations.backup import restore as restore_database
    from entrypoints.operations.migration import run_migrations

    with refusals():
        restore_database(settings_for("restore").direct_dsn, file)
    run("restore", run_migrations, lambda _: MIGRATING)
    click.echo("The database is restored, and up to date.", err=True)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys, straight on the database."""


@keys.command("create", cls=Command)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="A scope of the key; may be repeated.")
@click.option("--expires", metavar="TIME", help="The end of its life, as 2027-11-26T00:00:00Z; never unless given.")
def create_key(name: str, scopes: tuple[str, ...], expires: str | None) -> None:
    """Make a key with this NAME, and write it to standard output, this once."""
    from entrypoints.operations import access_commands

    known, expires_at = _scopes(scopes), None if expires is None else _time(expires)
    run_on_database("keys", lambda container: access_commands.create_key(container, name, known, expires_at))


@keys.command("list", cls=Command)
def list_keys() -> None:
    """List the keys: id, beginning, scopes, end, last use and name."""
    from entrypoints.operations import access_commands

    run_on_database("keys", access_commands.list_keys)


@keys.command("revoke", cls=Command)
@click.argument("key_id", type=click.UUID)
def revoke_key(key_id: "UUID") -> None:
    """Revoke the key with this id."""
    from entrypoints.operations import access_commands

    run_on_database("keys", lambda container: access_commands.revoke_key(container, key_id))


@click.group()
def audit() -> None:
    """Read the audit log, straight from the database."""


@audit.command("export", cls=Command)
def export_audit() -> None:
    """Write all records to standard output, newest first, each a line of JSON."""
    from entrypoints.operations import access_commands

    run_on_database("audit", access_commands.export_audit)


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
