"""In production nothing starts with what serves local runs only, and everything that is wrong is said at once."""

import pytest

from entrypoints.configuration.settings import SettingsError, read_settings

GOOD = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgres://u:p@host/db",
    "OFFERS_BASE_URL": "https://offers.test/api/v1",
    "OFFERS_REFRESH_TOKEN": "refresh-token",
    "JWT_SECRET": "Zm9ydHktdHdvIHJhbmRvbSBieXRlcyE=",
    "ADMIN_PASSWORD": "four words of it",
}
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"


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
    assert mistakes(GOOD | {"JWT_SECRET": "abcdefghijklmnopqrstuvwxyz01234"}) == ["JWT_SECRET"]
    assert read_settings(GOOD | {"JWT_SECRET": "äöüßéèêàâîôûçñøå"}).app_env == "production"


def test_accepted_secrets_are_as_safe_as_the_signing_key() -> None:
    short, repeated = "abcdefghijklmnopqrstuvwxyz01234", "k" * 32
    for unsafe in (short, repeated):
        accepted = f"{GOOD['JWT_SECRET']},{unsafe}"
        assert mistakes(GOOD | {"JWT_SECRETS_ACCEPTED": accepted}) == ["JWT_SECRETS_ACCEPTED"]
    assert len(read_settings(GOOD | {"JWT_SECRETS_ACCEPTED": f"{GOOD['JWT_SECRET']},{short}5"}).accepted_secrets) == 2


@pytest.mark.parametrize(
    "secret", ["k" * 32, " " * 32, "change-me" * 4, "change-me" * 9 + "chan", "abc" + " " * 40, "0" * 64]
)
def test_a_signing_key_must_look_random(secret: str) -> None:
    assert mistakes(GOOD | {"JWT_SECRET": secret}) == ["JWT_SECRET"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OFFERS_REFRESH_TOKEN", "simulated-refresh-token"),
        ("OFFERS_BASE_URL", "http://offers.test/api/v1"),
        ("JWT_LIFETIME", "86400"),
        ("JWT_LIFETIME", "3601"),
        ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "::/1,8000::/1"),
        ("TRUSTED_PROXIES", "0.0.0.0/7"),
        ("TRUSTED_PROXIES", ",".join(f"{first}.0.0.0/8" for first in range(256))),
        ("ADMIN_PASSWORD_HASH", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"),
        ("ADMIN_PASSWORD_HASH", "$argon2id$v=19$m=4096,t=20,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"),
        ("ALLOWED_HOSTS", "https://shop.example"),
        ("ALLOWED_HOSTS", "shop.example:8080"),
    ],
)
def test_what_is_well_formed_but_unsafe_is_refused_by_name(variable: str, value: str) -> None:
    assert mistakes(GOOD | {variable: value}) == [variable]


def test_an_http_upstream_may_be_allowed() -> None:
    environment = GOOD | {"OFFERS_BASE_URL": "http://offers.internal/api/v1", "OFFERS_ALLOW_HTTP": "true"}
    assert read_settings(environment).upstream == "http://offers.internal/api/v1"


def test_private_networks_are_small_enough_to_be_trusted() -> None:
    networks = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,192.0.2.1"
    assert len(read_settings(GOOD | {"TRUSTED_PROXIES": networks}).proxies) == 5


@pytest.mark.parametrize("password", ["admin", "a" * 11, "ä" * 11, "a" * 20, "admin" * 3, "x" + " " * 20])
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
