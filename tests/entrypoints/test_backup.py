"""The refusals of `aggregator backup` and `restore`, which change nothing; for real: tests/e2e/upgrades/."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from entrypoints.operations.backup import BackupFailed, back_up, restore
from storages.databases import NewDatabase

FAKE = """#!/bin/sh
if [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) $MAJOR.9"; exit; fi
for argument; do
    case "$argument" in --file=*) file=${argument#--file=};; esac
done
printenv PGPASSWORD >"$file"
echo "$@" >>"$file"
"""


@pytest.fixture
async def in_use(new_database: NewDatabase) -> str:
    """Give a database with a table."""
    dsn = await new_database()
    execute(dsn, "CREATE TABLE product (id int)")
    return dsn


@pytest.fixture
def fake_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str) -> Callable[[], None]:
    """Give what makes a pg_dump of the server's version that writes its password and its arguments."""

    def make() -> None:
        with psycopg.connect(dsn) as connection:
            monkeypatch.setenv("MAJOR", str(connection.info.server_version // 10_000))
        program = tmp_path / "bin" / "pg_dump"
        program.parent.mkdir()
        program.write_text(FAKE)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return make


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def test_a_database_that_is_not_empty_is_refused(in_use: str, tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    back_up(in_use, dump)
    with pytest.raises(BackupFailed, match="not empty"):
        restore(in_use, dump)


async def test_a_file_that_is_no_dump_leaves_the_database_empty(new_database: NewDatabase, tmp_path: Path) -> None:
    dsn, file = await new_database(), tmp_path / "dump"
    file.write_text("no dump")
    for _ in range(2):
        with pytest.raises(BackupFailed, match="pg_restore failed"):
            restore(dsn, file)


async def test_a_dump_that_fails_leaves_the_earlier_file(in_use: str, tmp_path: Path) -> None:
    dump, role = tmp_path / "dump", f"visitor_{uuid4().hex}"
    dump.write_text("the earlier one")
    execute(in_use, f"CREATE ROLE {role} LOGIN")
    with pytest.raises(BackupFailed, match="permission denied"):
        back_up(in_use.replace("//aggregator@", f"//{role}@"), dump)
    assert contents(tmp_path) == {"dump": "the earlier one"}


async def test_only_the_owner_may_read_a_dump(in_use: str, tmp_path: Path) -> None:
    back_up(in_use, tmp_path / "dump")
    assert (tmp_path / "dump").stat().st_mode & 0o077 == 0


def test_the_password_is_no_argument(fake_dump: Callable[[], None], dsn: str, tmp_path: Path) -> None:
    fake_dump()
    back_up(dsn.replace("//aggregator@", "//aggregator:s3cret@"), tmp_path / "dump")
    password, arguments = (tmp_path / "dump").read_text().splitlines()
    assert password == "s3cret"  # pragma: allowlist secret
    assert "s3cret" not in arguments
    assert "dbname=aggregator" in arguments


def test_a_server_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="cannot be reached"):
        back_up(f"postgresql://aggregator@/aggregator?host={tmp_path}", tmp_path / "dump")
