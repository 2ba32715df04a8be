"""`aggregator doctor`: the settings, then everything that the service needs, and one line for each finding."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import click
import msgspec
import structlog

from application.diagnosis.diagnose import Diagnose
from application.diagnosis.finding import CHECKED, Check, Finding, Severity, broken, warning
from entrypoints.configuration.command_settings import API_ONLY, USED_BY
from entrypoints.configuration.setting_sources import given_by
from entrypoints.configuration.settings import Settings, SettingsError, read_settings
from entrypoints.container import make_container
from entrypoints.last_resort import exit_within
from entrypoints.limits import DIAGNOSING

WARNINGS, BROKEN = 1, 2
"""Exit codes; 0 if there are no findings."""

NO_DATABASE = broken(
    Check.DATABASE,
    "There is no database to look at.",
    "Without DATABASE_URL only `aggregator up` has one, and it does not run here.",
    "Set DATABASE_URL, or run `aggregator up` in another terminal.",
)


_CORRECT = "Correct it: docs/operations.md explains each setting."


class _Report(msgspec.Struct, frozen=True):
    status: str
    findings: Sequence[Finding]


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Write the findings to standard output, and return the exit code."""
    severities = {finding.severity for finding in findings}
    code = BROKEN if Severity.BROKEN in severities else WARNINGS if severities else 0
    if as_json:
        status = ("ok", Severity.WARNING.value, Severity.BROKEN.value)[code]
        click.echo(msgspec.json.encode(_Report(status, findings)).decode())
        return code
    for finding in findings:
        where = f"{finding.severity.upper():7}  {finding.check}:"
        click.echo(f"{where} {finding.problem} {finding.effect} {finding.remedy}")
    if not findings:
        click.echo(f"Everything is well: settings, {CHECKED}.")
    return code


def check_settings(environment: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, None if they cannot be used, and the findings about them.

    The API's own settings are checked if they are set. Its required ones must be set only if one of its credentials
    is set: a worker's environment may hold other settings of the API, but not its credentials.
    """
    try:
        settings = read_settings(environment, USED_BY["doctor"])
    except SettingsError as error:
        effect = "Commands that use it refuse to start."
        return None, [broken(Check.SETTINGS, mistake, effect, _CORRECT) for mistake in str(error).splitlines()]
    given = given_by(environment, sorted(API_ONLY))
    names = frozenset(given.variables)
    of_api = any(name.startswith(("ADMIN_", "JWT_")) for name in names)
    try:
        read_settings(environment, USED_BY["api"] if of_api else USED_BY["doctor"] | names)
    except SettingsError as error:
        effect = "The API refuses to start with it."
        return settings, [warning(Check.SETTINGS, mistake, effect, _CORRECT) for mistake in str(error).splitlines()]
    return settings, []


def diagnose(settings: Settings, database_url: str) -> list[Finding]:
    """Run the checks on a database; the process ends by itself if something holds it."""
    settings = msgspec.structs.replace(settings, database_url=database_url)
    # Findings stand in for log lines.
    structlog.configure(processors=[_drop])
    exit_within(DIAGNOSING.stop_by_force, lambda _: _give_up())

    async def diagnosed() -> list[Finding]:
        container = make_container(settings, limits=DIAGNOSING)
        try:
            return await (await container.get(Diagnose))()
        finally:
            await container.close()

    return asyncio.run(diagnosed())


def _give_up() -> None:
    click.echo("BROKEN   doctor: The checks did not end in time. Nothing is known. Run it again, or on another host.")
    end(BROKEN)


def end(code: int) -> None:
    """End the process with this code at once: a thread may still resolve a name, and exiting would wait for it."""
    sys.stdout.flush()
    os._exit(code)


def _drop(*_: object) -> str:
    raise structlog.DropEvent
