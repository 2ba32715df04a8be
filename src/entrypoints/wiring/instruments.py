"""The wrappers of requests and calls while traces are on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dishka import Provider

from entrypoints.configuration.settings import Settings, SettingsError


def _unchanged(inner: Any) -> Any:
    return inner


@dataclass(frozen=True, slots=True)
class Instruments:
    """Applied once, at the start; without traces they change nothing."""

    request: Callable[[Any], Any] = _unchanged
    """Takes and returns the ASGI application."""
    call: Callable[[Any], Any] = _unchanged
    """Takes and returns the transport to the Offers service."""


def instrumenting(settings: Settings) -> tuple[Provider, ...]:
    """Return the provider of traces, if the settings name a collector.

    Raises:
        SettingsError: the libraries for traces are not installed.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return ()
    try:
        from entrypoints.tracing import make_tracing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `traces` is not installed: "
            "install it (pip install '.[traces]'), or unset the variable."
        ) from error
    return (make_tracing(),)
