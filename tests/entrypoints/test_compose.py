"""The settings of docker-compose.yml are valid as they stand, and in production with those that the docs name."""

import re
from pathlib import Path
from string import ascii_letters

import pytest
import yaml

from entrypoints.configuration.setting_sources import SECRETS
from entrypoints.configuration.settings import ALL, read_settings
from entrypoints.operations.doctor import check_settings

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
PASSED_ON = re.compile(r"^  ([A-Z0-9_]+): (.*)$", re.MULTILINE)
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+):-([^}]*)\}")
PRODUCTION = {
    "APP_ENV": "production",
    "POSTGRES_PASSWORD": "correct horse battery",
    "ADMIN_PASSWORD": "staple of another kind",
    "OFFERS_BASE_URL": "https://offers.test/api/v1",
    "OFFERS_REFRESH_TOKEN": "given-by-the-offers-service",
}
CONTAINERS_HAVE = {"HOST", "PORT", "SIMULATOR_PORT", "AGGREGATOR_DATA_DIR"}
"""Settings with one value in the image: ports are published, and the embedded database is not in it."""


def environment(given: dict[str, str], secret: Path) -> dict[str, str]:
    """Return the environment of the API's container, with the file of its volume in place of the path there."""
    block = COMPOSE.read_text().partition("x-environment:")[2].partition("\nservices:")[0]
    passed_on = {
        name: VARIABLE.sub(lambda found: given.get(found[1]) or found[2], value)
        for name, value in PASSED_ON.findall(block)
    }
    assert passed_on["JWT_SECRET_FILE"] == "/signing/secret"
    return passed_on | {"JWT_SECRET_FILE": str(secret)}


@pytest.mark.parametrize("given", [{}, PRODUCTION], ids=["development", "production"])
def test_the_settings_of_compose_are_valid(given: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{ascii_letters}\n")
    passed_on = environment(given, secret)
    given_as_files = {name for name in SECRETS if f"{name}_FILE" in passed_on}
    assert {*ALL} - {*passed_on} - given_as_files == CONTAINERS_HAVE
    assert set(passed_on) <= {*ALL, *(f"{name}_FILE" for name in SECRETS), "PGPASSWORD"}
    settings = read_settings(passed_on)
    assert settings.app_env == given.get("APP_ENV", "development")
    assert settings.jwt_secret == secret.read_text().strip()


@pytest.mark.parametrize("name", ["worker", "migrate"])
def test_only_the_api_has_what_logins_need_and_the_doctor_misses_nothing_elsewhere(name: str) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    in_api, elsewhere = (services[each]["environment"] for each in ("api", name))
    assert {variable for variable in in_api if variable not in elsewhere} == {
        *("ADMIN_USERNAME", "ADMIN_PASSWORD", "ADMIN_PASSWORD_HASH"),
        *("JWT_SECRET_FILE", "JWT_SECRETS_ACCEPTED", "JWT_LIFETIME"),
    }
    given = {
        variable: VARIABLE.sub(lambda found: PRODUCTION.get(found[1]) or found[2], str(value))
        for variable, value in elsewhere.items()
    }
    assert check_settings(given)[1] == []
