"""The `aggregator` command: its help, and one line without a traceback for mistakes that a user can mend."""

import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main
from entrypoints.configuration.command_settings import USED_BY
from entrypoints.configuration.setting_sources import SECRETS
from entrypoints.configuration.settings import ALL, read_settings

COMMANDS = ("up", "api", "worker", "migrate", "offers-simulator", "seed")
GROUPS = ("keys", "audit")
DEFAULTS = read_settings({})
NOWHERE = "postgresql:///nobody?host=/nonexistent"

pytestmark = pytest.mark.usefixtures("logs_as_before")


def run(*arguments: str, **environment: str) -> Result:
    known = dict.fromkeys(("DATABASE_URL", "APP_ENV", "PORT", "OFFERS_BASE_URL"), "")
    return CliRunner().invoke(main, arguments, env=known | environment)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_lists_every_command_with_what_it_does(option: str) -> None:
    result = run(option)
    assert result.exit_code == 0
    for command in COMMANDS + GROUPS:
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


@pytest.mark.parametrize("days", ["", "30", "0d", "-1d", "36d", "1.5d", "30 d", "P30D", "d", "9" * 5_000 + "d", "٣d"])
def test_a_history_that_cannot_be_kept_is_refused_with_what_can(days: str) -> None:
    result = run("seed", "--history", days)
    assert result.exit_code == 2
    assert "It must be a number of days from 1d to 35d" in " ".join(result.stderr.split())


def test_history_lasts_as_long_as_steps_are_kept() -> None:
    refused = run("seed", "--history", "15d", HISTORY_STEP_DAYS="14", DATABASE_URL=NOWHERE)
    assert "from 1d to 14d" in " ".join(refused.stderr.split())
    taken = run("seed", "--history", "14d", HISTORY_STEP_DAYS="14", DATABASE_URL=NOWHERE)
    assert (taken.exit_code, "reached" in taken.stderr) == (1, True)


def test_nothing_is_made_up_in_production() -> None:
    environment = {
        "APP_ENV": "production",
        "DATABASE_URL": NOWHERE,
        "OFFERS_BASE_URL": "https://offers.test/api/v1",
        "OFFERS_REFRESH_TOKEN": "refresh-token",
        "JWT_SECRET": "Zm9ydHktdHdvIHJhbmRvbSBieXRlcyE=",
        "ADMIN_PASSWORD": "four words of it",
    }
    for command in (["seed", "25"], ["seed", "25", "--history", "30d"], ["offers-simulator", "--port", "0"]):
        result = run(*command, **environment)
        assert result.exit_code == 1
        assert f"With APP_ENV=production there is no `{command[0]}`" in result.stderr


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate"])
def test_wrong_settings_are_told_and_nothing_starts(command: str) -> None:
    wrong = dict.fromkeys(("PORT", "DATABASE_URL", "JWT_SECRET", "ADMIN_PASSWORD"), "geheim")
    result = run(command, APP_ENV="production", OFFERS_REFRESH_TOKEN="geheim geheim", **wrong)
    assert result.exit_code == 1
    for variable in (*wrong, "OFFERS_REFRESH_TOKEN", "OFFERS_BASE_URL"):
        assert (f"{variable}: " in result.stderr) == (variable in USED_BY[command])
    assert "geheim" not in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(("command", "needed"), [("api", 4), ("worker", 3), ("migrate", 1)])
def test_production_with_nothing_set_does_not_start(command: str, needed: int) -> None:
    result = run(command, APP_ENV="production")
    assert result.exit_code == 1
    assert result.stderr.count("must be set in production") == needed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_names_each_setting_of_the_command_and_the_page_that_explains_it(command: str) -> None:
    told = run(command, "--help", ADMIN_PASSWORD="geheim", JWT_SECRET="geheim").output
    names = told.partition("Settings, from the environment:")[2]
    assert "docs/operations.md" in names
    assert {name.removesuffix("[_FILE]") for name in re.findall(r"[A-Z][A-Z0-9_]+(?:\[_FILE\])?", names)} == USED_BY[
        command
    ]
    assert "geheim" not in told


def test_each_setting_is_used_by_a_command_and_explained_on_the_page() -> None:
    assert frozenset().union(*(USED_BY[command] for command in COMMANDS if command != "up")) == set(ALL)
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert [name for name in (*ALL, *(f"{name}_FILE" for name in SECRETS)) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_in_a_setting_of_others_is_no_obstacle(command: str) -> None:
    """The wrong history ends `seed` before it needs a database, the wrong port all others."""
    others = {name: "\ud800" for name in ALL if name not in USED_BY[command]}
    settings = read_settings(others, USED_BY[command])
    assert all(
        getattr(settings, name.lower()) == getattr(DEFAULTS, name.lower()) for name in others if name != "JWT_SECRET"
    )


@pytest.mark.parametrize("command", ["migrate", "worker", "api"])
def test_a_link_to_a_service_ends_no_process(command: str) -> None:
    links = dict.fromkeys(("SIMULATOR_PORT", "METRICS_PORT"), "tcp://10.0.0.7:8090")
    result = run(command, DATABASE_URL=NOWHERE, LOG_FORMAT="json", **links)
    assert (result.exit_code, "reached" in result.stderr) == (1, True)
    warned = {name for name in links if f'"variable":"{name}"' in result.stderr}
    assert warned == links.keys() & USED_BY[command]
    assert "10.0.0.7" not in result.stderr


def test_a_busy_port_is_one_line_that_names_the_setting(dsn: str, engine: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        for command, setting in (("api", "PORT"), ("api", "METRICS_PORT"), ("worker", "METRICS_PORT")):
            free = {"PORT": "0"} if setting == "METRICS_PORT" else {}
            result = run(command, DATABASE_URL=dsn, LOG_LEVEL="ERROR", **free, **{setting: str(port)})
            assert result.exit_code == 1
            told = (
                f"Cannot listen on port {port} of 127.0.0.1: another program listens there. Set {setting} to another."
            )
            assert result.stderr == f"Error: {told}\n"
        result = run("offers-simulator", SIMULATOR_PORT=str(port))
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "Set --port or SIMULATOR_PORT to another" in result.stderr


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_an_address_that_is_not_ours_is_one_line_that_names_the_setting(dsn: str, engine: object, host: str) -> None:
    result = run("api", DATABASE_URL=dsn, LOG_LEVEL="ERROR", HOST=host, PORT="0")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: Cannot listen on {host}: ")
    assert result.stderr.endswith("Set HOST.\n")
    assert result.stderr.count("\n") == 1
