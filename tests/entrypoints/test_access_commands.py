"""`aggregator keys` and `aggregator audit`, straight on the database."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.ext.asyncio import AsyncEngine

from application.access.key_text import digest_of, is_well_formed
from entrypoints.cli import main
from entrypoints.operations import access_commands
from storages.storage import on_postgres

pytestmark = pytest.mark.usefixtures("logs_as_before", "database")

Run = Callable[..., "asyncio.Future[Result]"]


@pytest.fixture
def run(dsn: str) -> Run:
    """Give what runs a command; in a thread, because it has an event loop of its own."""

    def invoke(*arguments: str) -> "asyncio.Future[Result]":
        environment = {"DATABASE_URL": dsn, "APP_ENV": "", "LOG_FORMAT": "json"}
        invoked = asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)
        return asyncio.ensure_future(invoked)

    return invoke


async def test_an_operator_makes_lists_and_revokes_a_key(run: Run, engine: AsyncEngine) -> None:
    expires = "2099-01-01T00:00:00+01:00"
    made = await run("keys", "create", "Import \x1b[2J", "--scope", "audit:read", "--expires", expires)
    assert made.exit_code == 0, made.output
    key = made.stdout.removesuffix("\n")
    assert is_well_formed(key)
    found = await on_postgres(engine).keys.in_force(digest_of(key))
    assert found is not None
    listed = await run("keys", "list")
    assert re.fullmatch(
        rf'{found.id}  {key[:12]}  audit:read  expires 2098-12-31T23:00:00Z  never used  "Import \\u001b\[2J"\n',
        listed.stdout,
    ), listed.stdout
    revoked = await run("keys", "revoke", str(found.id))
    assert (revoked.exit_code, revoked.stdout) == (0, "")
    assert await on_postgres(engine).keys.in_force(digest_of(key)) is None
    assert "revoked 20" in (await run("keys", "list")).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("create", " ", "--scope", "audit:read"), 1, "blank"),
        (("create", "Import"), 2, "--scope"),
        (("create", "Import", "--scope", "products"), 2, "catalogue:write"),
        (("create", "Import", "--scope", "audit:read", "--expires", "2026-01-01"), 2, "zone"),
        (("create", "Import", "--scope", "audit:read", "--expires", "soon"), 2, "zone"),
        (("create", "Import", "--scope", "audit:read", "--expires", "2020-01-01T00:00:00Z"), 1, "future"),
        (("revoke", str(uuid4())), 1, "There is no key"),
        (("revoke", "7"), 2, "UUID"),
    ],
)
async def test_a_refusal_is_one_line_and_nothing_on_standard_output(
    run: Run, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    refused = await run("keys", *arguments)
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_the_audit_log_is_exported_newest_first_page_by_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_commands, "RECORDS_AT_ONCE", 2)
    for number in range(3):
        assert (await run("keys", "create", f"Key {number}", "--scope", "audit:read")).exit_code == 0
    exported = await run("audit", "export")
    assert exported.exit_code == 0
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [record["after"]["name"] for record in records] == ["Key 2", "Key 1", "Key 0"]
    assert {(record["actor"]["id"], record["address"], record["request_id"]) for record in records} == {
        ("operator", None, None)
    }


async def test_a_reader_that_has_enough_ends_the_export_quietly(run: Run, dsn: str) -> None:
    assert (await run("keys", "create", "Key", "--scope", "audit:read")).exit_code == 0
    command = [sys.executable, "-m", "entrypoints.cli", "audit", "export"]
    reads, writes = os.pipe()
    os.close(reads)
    exporting = await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"DATABASE_URL": dsn, "APP_ENV": ""}, stdout=writes, stderr=asyncio.subprocess.PIPE
    )
    os.close(writes)
    _, complaints = await exporting.communicate()
    assert (exporting.returncode, complaints) == (0, b"")


async def test_without_a_database_the_refusal_says_where_one_would_be(tmp_path: Path) -> None:
    environment = {"AGGREGATOR_DATA_DIR": str(tmp_path), "DATABASE_URL": "", "APP_ENV": ""}
    refused = await asyncio.to_thread(CliRunner().invoke, main, ["keys", "list"], env=environment)
    assert refused.exit_code == 1
    assert "run `aggregator up`" in refused.stderr
