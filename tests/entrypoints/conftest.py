"""What configuring logs changes is the process's, so tests of it clean up."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from adapters.postgres import new_connection
from entrypoints.http.auth import credentials
from entrypoints.http.middleware import request_frame
from entrypoints.http.problems import mapping

OURS = ("entrypoints", "adapters", "application")


@pytest.fixture
def logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo the configuration of logs in the process; loggers of modules keep the first one."""
    for module in (new_connection, request_frame, mapping, credentials):
        monkeypatch.setattr(module, "log", structlog.get_logger(module.__name__))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
