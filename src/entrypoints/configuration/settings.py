"""The settings, read from the environment once; a mistake names the variable, never its value."""

import secrets
import sys
from collections.abc import Collection, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from application.webhooks.targets import TargetPolicy
from domain.prices.retention import Retention
from entrypoints.configuration.allowed_hosts import LOOPBACK
from entrypoints.configuration.database_url import parse_dsn
from entrypoints.configuration.setting_sources import given_by
from entrypoints.configuration.setting_validators import comma_separated, malformed
from entrypoints.configuration.unsafe_settings import (
    SECRET_BYTES,
    unsafe_hash,
    unsafe_password,
    unsafe_secret,
    unsafe_upstream,
)

SIMULATED_REFRESH_TOKEN = "simulated-refresh-token"  # noqa: S105 - the stand-in's, which guards nothing
DEFAULT_PASSWORD = "admin"  # noqa: S105 - for local runs only, production refuses it
DATABASE_CONNECTIONS = 12
LONGEST_LIFETIME = 3_600
"""Seconds: nothing but a change of the password ends a token earlier."""
_KEPT = Retention()

Port = Annotated[int, Meta(ge=0, le=65_535)]
Days = Annotated[int, Meta(ge=1, le=36_500)]


class SettingsError(Exception):
    """The environment does not make valid settings; the text lists every mistake."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """The settings of operators; docs/operations.md explains each."""

    database_url: str | None = None
    database_pooler: Literal["none", "transaction"] = "none"
    database_direct_url: str | None = None
    database_read_url: str | None = None
    database_read_max_lag: Annotated[float, Meta(ge=0.1, le=3_600)] = 5.0
    database_connections: Annotated[int, Meta(ge=4, le=1_000)] = DATABASE_CONNECTIONS
    host: str = "127.0.0.1"
    port: Port = 8080
    root_path: str = ""
    keep_alive_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 75
    drain_seconds: Annotated[float, Meta(ge=0, le=300)] = 0.0
    offers_base_url: str | None = None
    offers_refresh_token: str = SIMULATED_REFRESH_TOKEN
    offers_ca_file: str | None = None
    offers_proxy: str | None = None
    offers_allow_http: bool = False
    offers_refresh_interval: Annotated[float, Meta(ge=0.001, le=86_400 * 365)] = 60.0
    offers_concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 64
    offers_rate_limit: Annotated[float, Meta(ge=0.01, le=100_000)] | None = None
    admin_username: Annotated[str, Meta(min_length=1, max_length=255)] = "admin"
    admin_password: Annotated[str, Meta(min_length=1, max_length=1_024)] = DEFAULT_PASSWORD
    admin_password_hash: str | None = None
    jwt_secret: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES))
    jwt_secrets_accepted: str = ""
    jwt_lifetime: Annotated[int, Meta(ge=1, le=86_400)] = 300
    app_env: Literal["development", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = msgspec.field(
        default_factory=lambda: "console" if sys.stderr.isatty() else "json"
    )
    trusted_proxies: str = ""
    cors_origins: str = ""
    allowed_hosts: str = ""
    metrics_port: Port | None = None
    otel_exporter_otlp_endpoint: str | None = None
    simulator_port: Port = 8090
    aggregator_data_dir: Annotated[str, Meta(min_length=1)] = ".aggregator"
    history_offer_days: Days = _KEPT.offer_days
    history_step_days: Annotated[int, Meta(ge=7, le=36_500)] = _KEPT.step_days
    history_5m_days: Days = _KEPT.five_minute_days
    history_hourly_days: Days = _KEPT.hourly_days
    audit_days: Days = 365
    events_days: Days = 30
    events_streams: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    webhooks_allow_private: bool | None = None

    def __repr__(self) -> str:
        """Show no value: most of them are secrets or hold one."""
        return "Settings(…)"

    @property
    def dsn(self) -> str:
        """The database's URL as the drivers take it."""
        if self.database_url is None:
            raise SettingsError("DATABASE_URL is not set; only `aggregator up` brings a database of its own.")
        return parse_dsn(self.database_url).url

    @property
    def read_dsn(self) -> str | None:
        """The standby's URL as the driver takes it."""
        return None if self.database_read_url is None else parse_dsn(self.database_read_url).url

    @property
    def pooled(self) -> bool:
        """Whether the database's URL leads through a pooler of transactions."""
        return self.database_pooler == "transaction"

    @property
    def direct_dsn(self) -> str:
        """The way to the database past a pooler, which is the usual one unless another is set."""
        return self.dsn if self.database_direct_url is None else parse_dsn(self.database_direct_url).url

    @property
    def ignored_database_parameters(self) -> tuple[str, ...]:
        """Parameters of the database's URLs that change nothing here."""
        urls = (self.database_url, self.database_direct_url)
        return tuple(dict.fromkeys(name for url in urls if url is not None for name in parse_dsn(url).ignored))

    @property
    def data_dir(self) -> Path:
        """The folder of the embedded PostgreSQL's data."""
        return Path(self.aggregator_data_dir)

    @property
    def upstream(self) -> str:
        """The URL of the Offers service; the simulator's unless it is set."""
        return (self.offers_base_url or f"http://127.0.0.1:{self.simulator_port}/api/v1").rstrip("/")

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks whose X-Forwarded-For counts."""
        return comma_separated(self.trusted_proxies)

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages browsers let call the API."""
        return frozenset(comma_separated(self.cors_origins))

    @property
    def accepted_secrets(self) -> list[str]:
        """Secrets that tokens may be signed with besides `jwt_secret`, while it is being replaced."""
        return comma_separated(self.jwt_secrets_accepted)

    @property
    def has_default_credentials(self) -> bool:
        """Whether the admin's password is the documented one."""
        return self.admin_password_hash is None and self.admin_password == DEFAULT_PASSWORD

    @property
    def hosts(self) -> frozenset[str] | None:
        """Names that requests may have in Host, without ports; None for any.

        In development a page of another site could otherwise reach this service, by a name that leads to the loopback.
        """
        given = frozenset(host.lower() for host in comma_separated(self.allowed_hosts))
        if self.app_env == "production":
            return given or None
        return given | LOOPBACK | {self.host.lower()}

    @property
    def refresh_interval(self) -> timedelta:
        """Between two observations of a product."""
        return timedelta(seconds=self.offers_refresh_interval)

    @property
    def audit_kept(self) -> timedelta:
        """How long the records of the audit log are kept at least."""
        return timedelta(days=self.audit_days)

    @property
    def events_kept(self) -> timedelta:
        """How long the events of the log are kept at least."""
        return timedelta(days=self.events_days)

    @property
    def webhook_targets(self) -> TargetPolicy:
        """The addresses that webhooks may call."""
        development = self.app_env == "development"
        private = development if self.webhooks_allow_private is None else self.webhooks_allow_private
        return TargetPolicy(allow_private=private, allow_http=development)

    @property
    def retention(self) -> Retention:
        """How long history is kept."""
        return Retention(
            self.history_offer_days, self.history_step_days, self.history_5m_days, self.history_hourly_days
        )


ALL = tuple(field.encode_name for field in msgspec.structs.fields(Settings))


def read_settings(environment: Mapping[str, str], used: Collection[str] = ALL) -> Settings:
    """Read and check the settings that are used; the others have their defaults.

    Raises:
        SettingsError: its text names every wrong variable and its required form.
    """
    known = [name for name in ALL if name in used]
    given = given_by(environment, known)
    mistakes = given.mistakes
    mistakes |= {name: mistake for name, value in given.values.items() if (mistake := _mistake(name, value))}
    sound = {name: value for name, value in given.values.items() if name not in mistakes}
    settings = msgspec.convert(sound, Settings, strict=False)
    if settings.app_env == "production":
        unsafe = {name: mistake for name, mistake in _unsafe(settings, given.values).items() if name in used}
        mistakes = unsafe | mistakes
    if "HISTORY_OFFER_DAYS" not in given.values and settings.history_offer_days > settings.history_step_days:
        settings = msgspec.structs.replace(settings, history_offer_days=settings.history_step_days)
    # Each detail is computed from the one before, and the steps record when offers were unknown: no default may be
    # less.
    for finer, coarser in pairwise(name for name in known if name.startswith("HISTORY_")):
        days = getattr(settings, finer.lower())
        if getattr(settings, coarser.lower()) < days:
            if coarser in given.values:
                mistakes[coarser] = f"must not be less than {finer}"
            settings = msgspec.structs.replace(settings, **{coarser.lower(): days})
    if settings.pooled and settings.database_direct_url is None and "DATABASE_DIRECT_URL" in used:
        wanted = "must be set beside DATABASE_POOLER=transaction: queue, housekeeping and migrations need sessions"
        mistakes = {"DATABASE_DIRECT_URL": wanted} | mistakes
    if mistakes:
        variables = {name: given.variables.get(name, name) for name in known}
        raise SettingsError("\n".join(f"{variables[name]}: {mistakes[name]}." for name in known if name in mistakes))
    return settings


def _mistake(name: str, value: str) -> str | None:
    try:
        msgspec.convert({name: value}, Settings, strict=False)
    except msgspec.ValidationError as error:
        wanted = str(error).partition(" - at ")[0]
        return "must be one of the documented values" if wanted.startswith("Invalid enum value") else wanted
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "must be UTF-8"
    return malformed(name, value)


def _unsafe(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    required = ("DATABASE_URL", "OFFERS_BASE_URL", "OFFERS_REFRESH_TOKEN", "JWT_SECRET")
    found = {
        "OFFERS_BASE_URL": unsafe_upstream(settings.upstream, allow_http=settings.offers_allow_http),
        "OFFERS_REFRESH_TOKEN": "must not be the simulator's"
        if settings.offers_refresh_token == SIMULATED_REFRESH_TOKEN
        else None,
        "ADMIN_PASSWORD": None if settings.admin_password_hash else unsafe_password(settings.admin_password),
        "ADMIN_PASSWORD_HASH": settings.admin_password_hash and unsafe_hash(settings.admin_password_hash),
        "JWT_SECRET": unsafe_secret(settings.jwt_secret),
        "JWT_SECRETS_ACCEPTED": next(filter(None, map(unsafe_secret, settings.accepted_secrets)), None),
        "JWT_LIFETIME": f"must be {LONGEST_LIFETIME} s at most in production"
        if settings.jwt_lifetime > LONGEST_LIFETIME
        else None,
    }
    mistakes = {name: mistake for name, mistake in found.items() if mistake}
    return mistakes | {name: "must be set in production" for name in required if name not in given}
