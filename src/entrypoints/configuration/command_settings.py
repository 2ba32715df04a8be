"""The settings that each command uses. It reads no others, so a mistake in another's does not keep it from starting."""

from entrypoints.configuration.setting_sources import SECRETS
from entrypoints.configuration.settings import ALL

_LOGS = ("APP_ENV", "LOG_LEVEL", "LOG_FORMAT")
_DATABASE = ("DATABASE_URL", "DATABASE_POOLER")
_SESSIONS = ("DATABASE_DIRECT_URL",)
_STANDBY = ("DATABASE_READ_URL", "DATABASE_READ_MAX_LAG")
_POOL = ("DATABASE_CONNECTIONS",)
_LISTENER = ("HOST", "METRICS_PORT")
_HISTORY = tuple(name for name in ALL if name.startswith("HISTORY_"))
_LOGS_KEPT = ("AUDIT_DAYS", "EVENTS_DAYS")
_TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT",)
_EMBEDDED = ("AGGREGATOR_DATA_DIR",)
_SIMULATOR = ("SIMULATOR_PORT",)
_OFFERS = (
    *("OFFERS_BASE_URL", "OFFERS_REFRESH_TOKEN", "OFFERS_REFRESH_INTERVAL"),
    *("OFFERS_ALLOW_HTTP", "OFFERS_CA_FILE", "OFFERS_PROXY"),
)
_WEBHOOKS = ("WEBHOOKS_ALLOW_PRIVATE",)
_CALLS = ("OFFERS_CONCURRENCY", "OFFERS_RATE_LIMIT")
_SERVER = (
    *("PORT", "ALLOWED_HOSTS", "ROOT_PATH", "KEEP_ALIVE_SECONDS", "DRAIN_SECONDS", "TRUSTED_PROXIES", "CORS_ORIGINS"),
    "EVENTS_STREAMS",
    *(name for name in ALL if name.startswith(("ADMIN_", "JWT_"))),
)

API_ONLY = frozenset(_SERVER)
"""Settings that no other command uses."""

USED_BY: dict[str, frozenset[str]] = {
    "up": frozenset(ALL),
    "api": frozenset(
        (
            *_LOGS,
            *_DATABASE,
            *_SESSIONS,
            *_STANDBY,
            *_POOL,
            *_LISTENER,
            *_HISTORY,
            *_OFFERS,
            *_SERVER,
            *_SIMULATOR,
            *_WEBHOOKS,
            *_TRACES,
        )
    ),
    "doctor": frozenset((*_LOGS, *_DATABASE, *_SESSIONS, *_STANDBY, *_HISTORY, *_OFFERS, *_SIMULATOR, *_EMBEDDED)),
    "worker": frozenset(
        (
            *_LOGS,
            *_DATABASE,
            *_SESSIONS,
            *_POOL,
            *_LISTENER,
            *_HISTORY,
            *_LOGS_KEPT,
            *_OFFERS,
            *_CALLS,
            *_SIMULATOR,
            *_WEBHOOKS,
            *_TRACES,
        )
    ),
    "migrate": frozenset((*_LOGS, *_DATABASE, *_SESSIONS, *_HISTORY, *_LOGS_KEPT)),
    "backup": frozenset((*_LOGS, *_DATABASE, *_SESSIONS, *_EMBEDDED)),
    "restore": frozenset((*_LOGS, *_DATABASE, *_SESSIONS, *_HISTORY, *_LOGS_KEPT)),
    "keys": frozenset((*_LOGS, *_DATABASE, *_EMBEDDED)),
    "audit": frozenset((*_LOGS, *_DATABASE, *_EMBEDDED)),
    "seed": frozenset((*_LOGS, *_DATABASE, *_SESSIONS, *_HISTORY, *_EMBEDDED)),
    "offers-simulator": frozenset((*_SIMULATOR, "OFFERS_REFRESH_TOKEN", "ALLOWED_HOSTS")),
}


def help_on_settings(command: str) -> str:
    """Return the end of a command's help: its settings by name, and where each is explained."""
    names = ", ".join(f"{name}[_FILE]" if name in SECRETS else name for name in ALL if name in USED_BY[command])
    return f"Settings, from the environment: {names}. docs/operations.md explains them all."
