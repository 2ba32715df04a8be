"""In production nothing starts with what serves local runs only, and everything that is wrong is said at once."""

import pytest

from entrypoints.settings import SettingsError, read_settings

GOOD = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgres://u:p@host/db",
    "OFFERS_BASE_URL": "https://offers.test/api/v1",
    "OFFERS_REFRESH_TOKEN": "refresh-token",
    "JWT_SECRET": "k" * 32,
    "ADMIN_PASSWORD": "a" * 12,
}
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"


def mistakes(environment: dict[str, str]) -> list[str]:
    """Return the variables that are named, one for each line."""
    with pytest.raises(SettingsError) as refused:
        read_settings(environment)
    return [line.partition(":")[0] for line in str(refused.value).splitlines()]


def test_with_everything_set_it_starts() -> None:
    assert read_settings(GOOD).app_env == "production"


def test_nothing_set_is_everything_wrong() -> None:
    assert mistakes({"APP_ENV": "production"}) == [
        "DATABASE_URL",
        "OFFERS_BASE_URL",
        "OFFERS_REFRESH_TOKEN",
        "ADMIN_PASSWORD",
        "JWT_SECRET",
    ]


@pytest.mark.parametrize("variable", sorted(GOOD.keys() - {"APP_ENV"}))
@pytest.mark.parametrize("unset", [True, False])
def test_each_is_needed_and_empty_is_not_enough(variable: str, unset: bool) -> None:
    environment = GOOD | {variable: ""}
    if unset:
        del environment[variable]
    assert mistakes(environment) == [variable]


def test_a_signing_key_needs_32_bytes_not_characters() -> None:
    assert mistakes(GOOD | {"JWT_SECRET": "k" * 31}) == ["JWT_SECRET"]
    assert read_settings(GOOD | {"JWT_SECRET": "ä" * 16}).jwt_secret == "ä" * 16


def test_accepted_secrets_need_32_bytes_each() -> None:
    assert mistakes(GOOD | {"JWT_SECRETS_ACCEPTED": f"{'k' * 32},{'k' * 31}"}) == ["JWT_SECRETS_ACCEPTED"]
    assert len(read_settings(GOOD | {"JWT_SECRETS_ACCEPTED": f"{'k' * 32},{'ä' * 16}"}).accepted_secrets) == 2


@pytest.mark.parametrize("password", ["admin", "a" * 11, "ä" * 11])
def test_a_password_needs_12_characters(password: str) -> None:
    assert mistakes(GOOD | {"ADMIN_PASSWORD": password}) == ["ADMIN_PASSWORD"]


@pytest.mark.parametrize("password", ["", "admin", "short"])
def test_a_hash_stands_in_for_the_password(password: str) -> None:
    assert read_settings(GOOD | {"ADMIN_PASSWORD": password, "ADMIN_PASSWORD_HASH": HASH}).admin_password_hash == HASH


def test_what_is_wrong_anywhere_and_what_is_wrong_in_production_are_named_together() -> None:
    environment = GOOD | {
        "PORT": "x",
        "JWT_SECRET": "short",
        "DATABASE_URL": "mysql://h/d",
        "ADMIN_PASSWORD": "a" * 1_025,
    }
    assert mistakes(environment) == ["DATABASE_URL", "PORT", "ADMIN_PASSWORD", "JWT_SECRET"]


def test_no_value_is_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(GOOD | {"JWT_SECRET": "geheim", "ADMIN_PASSWORD": "geheim"})
    assert "geheim" not in str(refused.value)


def test_development_minds_none_of_this() -> None:
    assert read_settings({"JWT_SECRET": "short", "ADMIN_PASSWORD": "short"}).app_env == "development"
