"""Traces are off, and cost nothing, until a collector is named."""

import json
import os
import subprocess
import sys

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from entrypoints.configuration.settings import SettingsError, read_settings

MAKE = """
import asyncio, json, os, sys
from entrypoints.container import make_container
from entrypoints.wiring.instruments import Instruments, instrumenting
from entrypoints.configuration.settings import read_settings
from application.catalogue.catalogue_reader import CatalogueReader
from application.synchronisation.offers_gateway import OffersGateway
from application.synchronisation.refresh import RefreshDueProducts
from application.unit_of_work import BeginWork

async def make():
    settings = read_settings(os.environ)
    container = make_container(settings, *instrumenting(settings))
    if sys.argv[1] == "api":
        from entrypoints.http.app import create_app
        made = [(await create_app(container)).asgi_handler, await container.get(CatalogueReader)]
    else:
        from entrypoints.worker.jobs import make_worker
        await make_worker(container)
        gateway = await container.get(OffersGateway)
        transport = getattr(getattr(gateway, "_client", gateway), "_transport", None)
        made = [gateway, transport, await container.get(RefreshDueProducts)]
    made.append(await container.get(BeginWork))
    print(json.dumps([type(each).__name__ for each in made]))
    # At each start Litestar looks for its own plugin, and so reads a file of constants.
    ours = [name for name in sys.modules if name.startswith("opentelemetry.") and ".semconv" not in name]
    print(json.dumps(sorted(ours)))
    await container.close()

asyncio.run(make())
"""
WITHOUT = "import sys; sys.modules['opentelemetry'] = None; sys.argv = ['aggregator', 'api']; "


def made_by(command: str, **environment: str) -> tuple[list[str], list[str]]:
    """Return the classes that a process has put together, and the modules of OpenTelemetry that it has imported."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    program = [sys.executable, "-c", MAKE, command]
    run = subprocess.run(program, env=clean | environment, timeout=120, capture_output=True, text=True, check=True)
    made, modules = map(json.loads, run.stdout.splitlines()[-2:])
    return made, modules


@pytest.mark.parametrize(
    ("command", "bare"),
    [
        ("api", ["RequestFrame", "SqlAlchemyCatalogueReader", "BeginSqlAlchemyWork"]),
        ("worker", ["HttpxOffersGateway", "AiohttpTransport", "RefreshDueProducts", "BeginSqlAlchemyWork"]),
    ],
)
def test_while_off_nothing_is_imported_or_wrapped(command: str, bare: list[str], dsn: str, engine: AsyncEngine) -> None:
    assert made_by(command, DATABASE_URL=dsn) == (bare, [])


def test_while_on_everything_is_wrapped(dsn: str, engine: AsyncEngine) -> None:
    made, modules = made_by("api", DATABASE_URL=dsn, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert made[0] == "TracedRequests"
    assert "SqlAlchemyCatalogueReader" not in made
    assert modules


def test_without_the_extra_the_command_says_in_one_line_what_to_install() -> None:
    program = [sys.executable, "-c", WITHOUT + "from entrypoints.cli import main; main()"]
    environment = os.environ | {
        "DATABASE_URL": "postgresql:///nobody?host=/nonexistent",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    run = subprocess.run(program, env=environment, timeout=120, capture_output=True, text=True)
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line
    assert "`traces`" in line


@pytest.mark.parametrize("value", ["collector:4318", "grpc://collector:4317", "http://collector/?a=b"])
def test_what_is_no_url_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT: must be") as refused:
        read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": value})
    assert value not in str(refused.value)
