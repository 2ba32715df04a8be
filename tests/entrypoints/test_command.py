"""The `aggregator` command: its help, and that what a user can mend is one line and no traceback."""

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main

COMMANDS = ("up", "api", "worker", "migrate", "offers-simulator", "seed")
NOWHERE = "postgresql:///nobody?host=/nonexistent"

pytestmark = pytest.mark.usefixtures("logs_as_before")


def run(*arguments: str, **environment: str) -> Result:
    known = dict.fromkeys(("DATABASE_URL", "APP_ENV", "PORT", "OFFERS_BASE_URL"), "")
    return CliRunner().invoke(main, arguments, env=known | environment)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_lists_every_command_with_what_it_does(option: str) -> None:
    result = run(option)
    assert result.exit_code == 0
    for command in COMMANDS:
        (line,) = [line.split() for line in result.output.splitlines() if line.split()[:1] == [command]]
        assert len(line) > 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    assert result.stderr == ""


def test_there_is_a_version() -> None:
    assert "version" in run("--version").output


def test_an_unknown_command_is_refused() -> None:
    result = run("nope")
    assert result.exit_code == 2
    assert "No such command" in result.stderr


@pytest.mark.parametrize("count", ["0", "-1", "many", "1000001"])
def test_a_count_that_makes_no_sense_is_refused(count: str) -> None:
    assert run("seed", "--", count).exit_code == 2


def test_seeding_nothing_is_refused() -> None:
    result = run("seed")
    assert result.exit_code == 2
    assert "Give a COUNT, --history, or both" in result.stderr


@pytest.mark.parametrize("days", ["", "30", "0d", "-1d", "31d", "1.5d", "30 d", "P30D", "d", "9" * 5_000 + "d", "٣d"])
def test_a_history_that_cannot_be_kept_is_refused_with_what_can(days: str) -> None:
    result = run("seed", "--history", days)
    assert result.exit_code == 2
    assert "It must be a number of days from 1d to 30d" in " ".join(result.stderr.split())


def test_history_lasts_as_long_as_steps_are_kept() -> None:
    refused = run("seed", "--history", "15d", HISTORY_STEP_DAYS="14", DATABASE_URL=NOWHERE)
    assert "from 1d to 14d" in " ".join(refused.stderr.split())
    taken = run("seed", "--history", "14d", HISTORY_STEP_DAYS="14", DATABASE_URL=NOWHERE)
    assert (taken.exit_code, "reached" in taken.stderr) == (1, True)


def test_no_history_is_made_up_in_production() -> None:
    environment = {
        "APP_ENV": "production",
        "DATABASE_URL": NOWHERE,
        "OFFERS_BASE_URL": "https://offers.test/api/v1",
        "OFFERS_REFRESH_TOKEN": "refresh-token",
        "JWT_SECRET": "k" * 32,
        "ADMIN_PASSWORD": "a" * 12,
    }
    result = run("seed", "25", "--history", "30d", **environment)
    assert result.exit_code == 1
    assert "With APP_ENV=production there is no `seed --history`" in result.stderr


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate"])
def test_wrong_settings_are_told_and_nothing_starts(command: str) -> None:
    wrong = dict.fromkeys(("PORT", "DATABASE_URL", "JWT_SECRET", "ADMIN_PASSWORD"), "geheim")
    result = run(command, APP_ENV="production", OFFERS_REFRESH_TOKEN="geheim geheim", **wrong)
    assert result.exit_code == 1
    for variable in (*wrong, "OFFERS_REFRESH_TOKEN", "OFFERS_BASE_URL"):
        assert f"{variable}: " in result.stderr
    assert "geheim" not in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_production_with_nothing_set_does_not_start(command: str) -> None:
    result = run(command, APP_ENV="production")
    assert result.exit_code == 1
    assert result.stderr.count("must be set in production") == 4
