"""Structured logs on standard error, for our own lines and the libraries' alike."""

import json
import logging
import sys
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TextIO

import structlog
from structlog.typing import Processor

from adapters.queue_connections import TROUBLE
from application.storage import StorageUnavailable
from entrypoints.configuration.settings import Settings

LONGEST_TEXT = 4_000
# One for all lines: json.dumps would make a new one for each.
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=repr)


def configure_logs(settings: Settings) -> None:
    """Send every log line through structlog, as JSON or for a console; libraries are heard from warnings on."""
    chain: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _bounded,
    ]
    renderer: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
    ours: list[Processor] = [*chain, renderer]
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False)
        chain.append(_short)
        ours = [*chain, *([] if settings.log_level == "DEBUG" else [_calm]), renderer]
    # Our own lines, one for each request, take the short way: through the standard library they cost twice as much.
    structlog.configure(
        processors=ours,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=partial(_Writer, sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # SAQ warns at every stop that it cancels the jobs that run, which is what we ask of it. And while the database is
    # away, its upkeep and its pool fill the log with tracebacks; the worker's tick says it in one line.
    logging.getLogger("saq").setLevel(logging.ERROR)
    logging.getLogger("saq").addFilter(_no_connection_trouble)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # The same of a collector of traces: one line says it, and its URL may have a secret.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class _Writer(structlog.WriteLogger):
    """Writes lines of the module that it is named after."""

    def __init__(self, file: TextIO, name: str) -> None:
        super().__init__(file)
        self.name = name

    def msg(self, message: str) -> None:
        """Write a line; if standard error is closed, the work goes on."""
        with suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = error = err = exception = critical = fatal = failure = msg


def _to_json(event: structlog.typing.EventDict, **_: object) -> str:
    return _ENCODER.encode(event)


def _short(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Leave the fields for programs out of a terminal's line, so that it fits."""
    event["timestamp"] = datetime.fromisoformat(event["timestamp"]).astimezone().strftime("%H:%M:%S")
    event.pop("logger", None)
    event.pop("request_id", None)
    if event["event"] == "request" and "route" in event:
        event["event"] = f"{event.pop('method')} {event.pop('route')} {event.pop('status')}"
    return event


def _calm(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drop the lines of batches in which nothing failed: the worker's line a minute sums them up."""
    if event["event"] == "batch" and "errors" not in event:
        raise structlog.DropEvent
    return event


def _no_connection_trouble(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], (*TROUBLE, StorageUnavailable)))


def _bounded(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Cut texts that are too long for a log line, such as a traceback through many frames."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            # The error is at the end of a traceback.
            part = f"…{value[-LONGEST_TEXT:]}" if key == "exception" else f"{value[:LONGEST_TEXT]}…"
            event[key] = f"{part} ({len(value)} characters)"
    return event
