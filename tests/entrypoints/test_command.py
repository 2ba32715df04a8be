"""The `aggregator` command: its help, and that what a user can mend is one line and no traceback."""

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main

COMMANDS = ("up", "api", "worker", "migrate", "offers-simulator", "seed")


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


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate"])
def test_wrong_settings_are_told_and_nothing_starts(command: str) -> None:
    result = run(command, PORT="geheim", DATABASE_URL="geheim")
    assert result.exit_code == 1
    assert "DATABASE_URL: " in result.stderr
    assert "PORT: " in result.stderr
    assert "geheim" not in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_production_with_nothing_set_does_not_start(command: str) -> None:
    result = run(command, APP_ENV="production")
    assert result.exit_code == 1
    assert result.stderr.count("must be set in production") == 4
