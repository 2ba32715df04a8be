"""The settings: defaults, the value of each variable, and mistakes that are named without the value."""

import ssl
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest
from argon2 import PasswordHasher

from entrypoints.configuration.command_settings import USED_BY
from entrypoints.configuration.setting_sources import service_links
from entrypoints.configuration.settings import ALL, Settings, SettingsError, read_settings

SECRET = "geheim"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x", salt=bytes(16))
DEFAULTS = {
    "database_url": None,
    "host": "127.0.0.1",
    "port": 8080,
    "offers_base_url": None,
    "offers_refresh_interval": 60.0,
    "offers_concurrency": 64,
    "admin_username": "admin",
    "admin_password": "admin",
    "admin_password_hash": None,
    "jwt_lifetime": 300,
    "app_env": "development",
    "log_level": "INFO",
    "trusted_proxies": "",
    "cors_origins": "",
    "jwt_secrets_accepted": "",
    "metrics_port": None,
    "simulator_port": 8090,
    "aggregator_data_dir": ".aggregator",
    "history_offer_days": 35,
    "history_step_days": 35,
}


def test_nothing_has_to_be_set() -> None:
    settings = read_settings({})
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS


def test_what_is_empty_is_not_set() -> None:
    settings = read_settings(dict.fromkeys((name.upper() for name in DEFAULTS), ""))
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS


def test_what_is_none_of_ours_is_left_alone() -> None:
    assert read_settings({"PATH": "/bin", "port": "1", "PORT_": "x"}).port == 8080


def test_every_start_has_a_signing_key_of_its_own_that_is_long_enough() -> None:
    keys = {read_settings({}).jwt_secret for _ in range(3)}
    assert len(keys) == 3
    assert all(len(key) >= 32 for key in keys)


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("HOST", "192.0.2.1", "192.0.2.1"),
        ("PORT", "0", 0),
        ("PORT", "65535", 65_535),
        ("OFFERS_BASE_URL", "https://offers.test/api/v1", "https://offers.test/api/v1"),
        ("OFFERS_REFRESH_TOKEN", "visible-ASCII!", "visible-ASCII!"),
        ("OFFERS_CA_FILE", certifi.where(), certifi.where()),
        ("OFFERS_PROXY", "http://proxy.test:3128", "http://proxy.test:3128"),
        ("OFFERS_PROXY", "https://user:p%40ss@proxy.test/", "https://user:p%40ss@proxy.test/"),
        ("OFFERS_REFRESH_INTERVAL", "1", 1.0),
        ("OFFERS_REFRESH_INTERVAL", "0.25", 0.25),
        ("OFFERS_REFRESH_INTERVAL", "86400", 86_400.0),
        ("OFFERS_CONCURRENCY", "1", 1),
        ("OFFERS_RATE_LIMIT", "2.5", 2.5),
        ("ADMIN_USERNAME", "grace", "grace"),
        ("ADMIN_PASSWORD", "12", "12"),
        ("ADMIN_PASSWORD_HASH", HASH, HASH),
        ("JWT_SECRET", "true", "true"),
        ("JWT_SECRETS_ACCEPTED", "one, two", "one, two"),
        ("JWT_LIFETIME", "60", 60),
        ("APP_ENV", "development", "development"),
        ("LOG_LEVEL", "DEBUG", "DEBUG"),
        ("LOG_FORMAT", "console", "console"),
        ("METRICS_PORT", "9000", 9000),
        ("TRUSTED_PROXIES", "192.0.2.1", "192.0.2.1"),
        ("CORS_ORIGINS", "https://shop.example", "https://shop.example"),
        ("SIMULATOR_PORT", "9001", 9001),
        ("AGGREGATOR_DATA_DIR", "/var/lib/aggregator", "/var/lib/aggregator"),
        ("HISTORY_OFFER_DAYS", "1", 1),
        ("HISTORY_STEP_DAYS", "365", 365),
    ],
)
def test_a_variable_becomes_its_value(variable: str, text: str, value: object) -> None:
    assert getattr(read_settings({variable: text}), variable.lower()) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", SECRET),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@host/db"),
        ("DATABASE_DIRECT_URL", f"mysql://u:{SECRET}@host/db"),
        ("DATABASE_POOLER", "statement"),
        ("DATABASE_URL", SECRET),
        ("DATABASE_URL", f"postgres://u:%ter{SECRET}@host/db"),
        ("DATABASE_URL", f"postgres://u:{SECRET}/{SECRET}@host/db"),
        ("DATABASE_URL", f"postgres:{SECRET}"),
        ("DATABASE_URL", f"postgres://u:p@[{SECRET}]/db"),
        ("DATABASE_URL", f"postgres://u:{SECRET}\u2100@host/db"),
        ("OFFERS_BASE_URL", SECRET),
        ("OFFERS_BASE_URL", f"ftp://{SECRET}"),
        ("OFFERS_BASE_URL", f"http:///{SECRET}"),
        ("OFFERS_BASE_URL", f"http://u:{SECRET}@[bad/"),
        ("OFFERS_BASE_URL", f"http://host:{SECRET}/"),
        ("OFFERS_BASE_URL", f"http://host/api?key={SECRET}"),
        ("OFFERS_BASE_URL", f"http://host/api#{SECRET}"),
        ("OFFERS_BASE_URL", f"http://{SECRET * 11}.test/"),
        ("OFFERS_CA_FILE", f"/nowhere/{SECRET}"),
        ("OFFERS_CA_FILE", __file__),
        ("OFFERS_CA_FILE", "/"),
        ("OFFERS_PROXY", SECRET),
        ("OFFERS_PROXY", f"proxy.test:3128/{SECRET}"),
        ("OFFERS_PROXY", f"socks5://u:{SECRET}@proxy.test"),
        ("OFFERS_PROXY", f"http://u:{SECRET}@proxy.test/path"),
        ("OFFERS_PROXY", f"http://u:{SECRET}@proxy.test:x"),
        ("OFFERS_PROXY", f"http://a%3Ab:{SECRET}@proxy.test"),
        ("OFFERS_PROXY", f"http://u:{SECRET}%E2%82%AC@proxy.test"),
        ("OFFERS_RATE_LIMIT", "0"),
        ("OFFERS_RATE_LIMIT", SECRET),
        ("OFFERS_REFRESH_TOKEN", f"{SECRET} with spaces"),
        ("OFFERS_REFRESH_TOKEN", f"{SECRET}\n"),
        ("OFFERS_REFRESH_INTERVAL", "0"),
        ("OFFERS_REFRESH_INTERVAL", "-1"),
        ("OFFERS_REFRESH_INTERVAL", "nan"),
        ("OFFERS_REFRESH_INTERVAL", "inf"),
        ("OFFERS_REFRESH_INTERVAL", SECRET),
        ("OFFERS_CONCURRENCY", "0"),
        ("ADMIN_USERNAME", SECRET * 100),
        ("ADMIN_PASSWORD", SECRET * 200),
        ("ADMIN_PASSWORD_HASH", SECRET),
        ("ADMIN_PASSWORD_HASH", f"$argon2id${SECRET}"),
        ("ADMIN_PASSWORD_HASH", HASH.replace("argon2id", "argon2i")),
        ("JWT_SECRET", f"{SECRET}\udcff"),
        ("JWT_LIFETIME", "0"),
        ("JWT_SECRETS_ACCEPTED", f"{SECRET},"),
        ("JWT_SECRETS_ACCEPTED", ",".join([SECRET] * 9)),
        ("APP_ENV", SECRET),
        ("LOG_LEVEL", SECRET),
        ("LOG_FORMAT", SECRET),
        ("METRICS_PORT", SECRET),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*"),
        ("CORS_ORIGINS", "https://*.shop.example"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", SECRET),
        ("CORS_ORIGINS", f"https://{SECRET}/"),
        ("CORS_ORIGINS", f"https://u:{SECRET}@shop.example"),
        ("CORS_ORIGINS", "https://Shop.example"),
        ("CORS_ORIGINS", "https://shop.example:443"),
        ("CORS_ORIGINS", "http://shop.example:80"),
        ("CORS_ORIGINS", "https://shop.example:99999"),
        ("CORS_ORIGINS", "ftp://shop.example"),
        ("CORS_ORIGINS", "https://shop.example,"),
        ("CORS_ORIGINS", f"https://shop.example,{SECRET}"),
        ("TRUSTED_PROXIES", SECRET),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "192.0.2.1,"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "192.0.2.1;192.0.2.2"),
        ("TRUSTED_PROXIES", "192.0.2.1,0.0.0.0/0"),
        ("TRUSTED_PROXIES", "::/0"),
        ("TRUSTED_PROXIES", f"192.0.2.1,{SECRET}"),
        ("SIMULATOR_PORT", SECRET),
        ("HISTORY_OFFER_DAYS", "0"),
        ("HISTORY_STEP_DAYS", SECRET),
    ],
)
def test_a_mistake_is_named_without_its_value(variable: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({variable: text})
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{variable}: ")
    assert line.endswith(".")
    assert SECRET not in line
    assert text not in line.removeprefix(variable)[:-1].split()


def test_all_mistakes_are_named_at_once() -> None:
    wrong = {"PORT": SECRET, "LOG_LEVEL": SECRET, "DATABASE_URL": SECRET, "ADMIN_PASSWORD_HASH": SECRET}
    with pytest.raises(SettingsError) as refused:
        read_settings(wrong | {"HOST": "sound"})
    lines = str(refused.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == wrong.keys()
    assert len(lines) == len(wrong)
    assert SECRET not in str(refused.value)


def test_no_value_is_shown() -> None:
    settings = read_settings(
        {"ADMIN_PASSWORD": SECRET, "JWT_SECRET": SECRET, "DATABASE_URL": f"postgres://:{SECRET}@h/d"}
    )
    assert SECRET not in f"{settings!r} {settings!s} {settings} {[settings]}"


@pytest.mark.parametrize(
    ("given", "dsn"),
    [
        ("postgres://u:p@host:5433/db", "postgresql://u:p@host:5433/db"),
        ("postgresql://u:p@host/db", "postgresql://u:p@host/db"),
        ("postgresql+asyncpg://u:p@host/db", "postgresql://u:p@host/db"),
        ("postgres:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql"),
        ("postgresql+asyncpg://?host=/run/pg&sslmode=require", "postgresql://?host=/run/pg&sslmode=require"),
        ("postgres://u:p%40ss@host/db?sslmode=require", "postgresql://u:p%40ss@host/db?sslmode=require"),
        (
            "postgres://u@h1,h2:5433/db?target_session_attrs=read-write",
            "postgresql://u@h1,h2:5433/db?target_session_attrs=read-write",
        ),
        ("postgres://u@[::1]:5432,h2/db", "postgresql://u@[::1]:5432,h2/db"),
        ("postgres://u@h/db?options=-csearch_path%3Dx", "postgresql://u@h/db?options=-csearch_path%3Dx"),
        ("postgres://u@h/db?sslrootcert=/a%20b", "postgresql://u@h/db?sslrootcert=/a%20b"),
        (
            "postgres://u@h/db?sslmode=verify-full&sslrootcert=/a",
            "postgresql://u@h/db?sslmode=verify-full&sslrootcert=/a",
        ),
    ],
)
def test_the_database_may_be_written_in_several_ways(given: str, dsn: str) -> None:
    assert read_settings({"DATABASE_URL": given}).dsn == dsn


IGNORED = (
    "channel_binding=prefer",
    "connect_timeout=10",
    "keepalives=1",
    "keepalives_idle=5",
    "keepalives_interval=5",
    "keepalives_count=5",
    "tcp_user_timeout=5",
    "gssencmode=prefer",
    "client_encoding=utf8",
)


@pytest.mark.parametrize("parameter", IGNORED)
def test_a_parameter_that_changes_nothing_here_is_left_out_and_named(parameter: str) -> None:
    for given, left in ((parameter, ""), (f"{parameter}&sslmode=require", "?sslmode=require")):
        settings = read_settings({"DATABASE_URL": f"postgres://u@h/db?{given}"})
        assert settings.dsn == f"postgresql://u@h/db{left}"
        assert settings.ignored_database_parameters == (parameter.partition("=")[0],)


@pytest.mark.parametrize(
    "parameters", ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=require&sslrootcert=system"]
)
def test_the_authorities_of_the_system_are_trusted_unless_there_is_a_file(parameters: str) -> None:
    dsn = read_settings({"DATABASE_URL": f"postgres://u@h/db?{parameters}"}).dsn
    ssl.create_default_context(cafile=parse_qs(urlsplit(dsn).query)["sslrootcert"][0])


@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        ("channel_binding=require", "channel_binding=require"),
        ("gssencmode=require", "gssencmode=require"),
        ("sslcertmode=require", "sslcertmode=require"),
        ("hostaddr=192.0.2.1", "hostaddr"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("requirepeer=postgres", "requirepeer"),
        ("replication=database", "replication"),
        ("pgbouncer=true", "pgbouncer"),
        (f"sslmode={SECRET}", "sslmode"),
        (f"target_session_attrs={SECRET}", "target_session_attrs"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(parameter: str, named: str) -> None:
    with pytest.raises(SettingsError, match=rf"^DATABASE_URL: has .*{named}") as refused:
        read_settings({"DATABASE_URL": f"postgres://u@h/db?{parameter}"})
    assert SECRET not in str(refused.value)


def test_a_password_with_a_question_mark_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"DATABASE_URL": f"postgres://u:p?{SECRET}=x@host/db"})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("connections", ["3", "0", "-1", "1001", "many"])
def test_a_process_needs_four_connections(connections: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_CONNECTIONS: "):
        read_settings({"DATABASE_CONNECTIONS": connections})


def test_without_a_database_it_is_said_who_brings_one() -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*aggregator up"):
        _ = read_settings({}).dsn


def test_the_offers_service_is_the_simulator_unless_it_is_set() -> None:
    assert read_settings({"SIMULATOR_PORT": "9"}).upstream == "http://127.0.0.1:9/api/v1"
    assert read_settings({"OFFERS_BASE_URL": "https://offers.test/v2/"}).upstream == "https://offers.test/v2"


def test_proxies_are_addresses_and_networks_none_unless_set() -> None:
    assert read_settings({}).proxies == []
    given = "192.0.2.1, 10.0.0.0/8,2001:db8::/32,::1"
    assert read_settings({"TRUSTED_PROXIES": given}).proxies == ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "::1"]


def test_origins_are_listed_exactly_and_none_unless_set() -> None:
    assert read_settings({}).origins == set()
    given = "https://shop.example, http://localhost:3000,http://[::1]:80000"
    with pytest.raises(SettingsError):
        read_settings({"CORS_ORIGINS": given})
    given = given.replace("80000", "8000")
    assert read_settings({"CORS_ORIGINS": given}).origins == {
        "https://shop.example",
        "http://localhost:3000",
        "http://[::1]:8000",
    }


def test_intervals_and_folders_have_their_types() -> None:
    settings: Settings = read_settings({"OFFERS_REFRESH_INTERVAL": "1.5", "AGGREGATOR_DATA_DIR": "here"})
    assert settings.refresh_interval == timedelta(seconds=1.5)
    assert settings.data_dir == Path("here")


@pytest.mark.parametrize("link", ["tcp://10.0.0.7:8090", "udp://10.0.0.7:53", "sctp://[fd00::7]:9"])
@pytest.mark.parametrize("variable", [name for name in ALL if name.endswith("PORT")])
def test_the_address_of_a_service_is_no_port_and_no_mistake(variable: str, link: str) -> None:
    """Kubernetes sets SIMULATOR_PORT beside a service called `simulator`."""
    assert getattr(read_settings({variable: link}), variable.lower()) == getattr(read_settings({}), variable.lower())
    assert service_links({variable: link}, ALL) == [variable]


@pytest.mark.parametrize("text", ["tcp://", "tcp:10.0.0.7", "http://10.0.0.7:80", "tcp://10.0.0.7:80 x"])
def test_what_is_no_link_to_a_service_is_a_mistake(text: str) -> None:
    with pytest.raises(SettingsError):
        read_settings({"SIMULATOR_PORT": text})


def test_a_url_is_never_taken_for_a_link_to_a_service() -> None:
    with pytest.raises(SettingsError):
        read_settings({"DATABASE_URL": "tcp://10.0.0.7:5432"})


def test_offers_are_kept_no_longer_than_steps_unless_that_is_asked_for() -> None:
    settings = read_settings({"HISTORY_STEP_DAYS": "14"})
    assert (settings.history_offer_days, settings.history_step_days) == (14, 14)


@pytest.mark.parametrize("command", ["api", "worker", "migrate", "seed", "doctor"])
def test_behind_a_pooler_of_transactions_there_must_be_a_way_past_it(command: str) -> None:
    pooled = {"DATABASE_URL": "postgres://u@pooler/db", "DATABASE_POOLER": "transaction"}
    with pytest.raises(SettingsError, match=r"^DATABASE_DIRECT_URL: must be set beside DATABASE_POOLER=transaction"):
        read_settings(pooled, USED_BY[command])
    settings = read_settings(pooled | {"DATABASE_DIRECT_URL": "postgres://u@server/db"}, USED_BY[command])
    assert (settings.dsn, settings.direct_dsn) == ("postgresql://u@pooler/db", "postgresql://u@server/db")


@pytest.mark.parametrize("command", ["keys", "audit"])
def test_a_command_without_a_queue_needs_no_way_past_the_pooler(command: str) -> None:
    assert read_settings({"DATABASE_POOLER": "transaction"}, USED_BY[command]).pooled


def test_without_a_pooler_there_is_one_way_to_the_database() -> None:
    settings = read_settings({"DATABASE_URL": "postgres://u@server/db"})
    assert (settings.pooled, settings.direct_dsn) == (False, settings.dsn)


def test_a_wrong_way_past_the_pooler_is_one_mistake() -> None:
    wrong = {"DATABASE_POOLER": "transaction", "DATABASE_DIRECT_URL": "mysql://u@host/db"}
    with pytest.raises(SettingsError, match=r"^DATABASE_DIRECT_URL: must be a postgres://.*\.$"):
        read_settings(wrong)
