"""What the log says while no collector listens."""

import socket

import pytest
import structlog

from adapters.tracing import export
from adapters.tracing.limits import TraceLimits
from api_client.api import SETTINGS
from entrypoints.configuration.settings import read_settings
from entrypoints.logs import configure_logs

SECRET = "hunter2"


def test_it_is_one_line_without_the_collectors_url(
    logs_as_before: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs(read_settings(SETTINGS | {"LOG_FORMAT": "json"}))
    monkeypatch.setattr(export, "log", structlog.get_logger(export.__name__))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        exporter = export.otlp_exporter(f"http://{SECRET}:{SECRET}@127.0.0.1:{port}/{SECRET}", TraceLimits(send=0.1))
        for _ in range(3):
            exporter.export([])
    (line,) = capfd.readouterr().err.splitlines()
    assert "the collector takes no spans" in line
    assert SECRET not in line
