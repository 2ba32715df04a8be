"""Log lines: JSON for machines, one for each request, never longer than a line may be."""

import io
import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from api_client.api import Outside, serving
from entrypoints.configuration.settings import read_settings
from entrypoints.http.auth.login import LoginRequest
from entrypoints.logs import LONGEST_TEXT, configure_logs

Lines = Callable[[], list[dict[str, Any]]]
OURS = ("entrypoints", "adapters", "application")


pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Log as JSON from now on, and read all that was logged."""
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", output)
        configure_logs(read_settings({"LOG_FORMAT": "json"}))
    return lambda: [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_time_level_and_origin(lines: Lines) -> None:
    structlog.get_logger("entrypoints.some").info("it happened", count=3, text="two\nlines")
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "it happened",
        "level": "info",
        "logger": "entrypoints.some",
        "count": 3,
        "text": "two\nlines",
    }


def test_an_error_carries_its_traceback_in_the_same_line(lines: Lines) -> None:
    structlog.get_logger("adapters.some").error("it failed", exc_info=ValueError("because"))
    (line,) = lines()
    assert line["exception"].splitlines()[-1] == "ValueError: because"


def test_what_is_too_long_is_cut_and_says_how_long_it_was(lines: Lines) -> None:
    log = structlog.get_logger("entrypoints.some")
    log.info("kept", text="x" * LONGEST_TEXT)
    log.info("cut", text="x" * 1_000_000)
    log.info("y" * 5_000)
    kept, cut, event = lines()
    assert kept["text"] == "x" * LONGEST_TEXT
    assert cut["text"] == "x" * LONGEST_TEXT + "… (1000000 characters)"
    assert event["event"] == "y" * LONGEST_TEXT + "… (5000 characters)"


def test_a_traceback_that_is_too_long_is_cut(lines: Lines) -> None:
    structlog.get_logger("entrypoints.some").error("it failed", exc_info=ValueError("x" * 1_000_000 + " because"))
    (line,) = lines()
    assert len(line["exception"]) < LONGEST_TEXT + 100
    assert "x because (" in line["exception"]


@pytest.mark.parametrize("error", [OSError(32, "Broken pipe"), ValueError("I/O operation on closed file")])
def test_where_nobody_can_read_the_log_work_goes_on(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Broken())
        configure_logs(read_settings({"LOG_FORMAT": "json"}))
    log = structlog.get_logger("entrypoints.some")
    for method in (log.info, log.warning, log.error, log.exception, log.critical):
        method("it happened")


def test_what_hides_its_secrets_is_shown_as_it_shows_itself(lines: Lines) -> None:
    structlog.get_logger("entrypoints.some").info("asked", request=LoginRequest("admin", "geheim"), text="\ud800")
    (line,) = lines()
    assert line["request"] == "LoginRequest(…)"


def test_libraries_are_heard_from_warnings_on_in_the_same_form(lines: Lines) -> None:
    logging.getLogger("some.library").info("nobody needs this")
    logging.getLogger("some.library").warning("but this: %s", "x" * 5_000)
    (line,) = lines()
    assert (line["level"], line["logger"]) == ("warning", "some.library")
    assert line["event"].endswith("… (5010 characters)")


@pytest.mark.parametrize(("level", "heard"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)])
def test_the_level_decides_what_of_ours_is_heard(level: str, heard: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"LOG_FORMAT": "json", "LOG_LEVEL": level}))
    for name in OURS:
        log = structlog.get_logger(f"{name}.some")
        for method in (log.debug, log.info, log.warning, log.error):
            method("it happened")
    assert len(capsys.readouterr().err.splitlines()) == heard * len(OURS)


def test_a_console_shows_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"LOG_FORMAT": "console"}))
    structlog.get_logger("entrypoints.some").info("it happened", count=3)
    shown = capsys.readouterr().err
    assert "it happened" in shown
    assert "count=3" in shown
    assert not shown.startswith("{")


def shown_on_a_console(capsys: pytest.CaptureFixture[str], level: str, event: str, **fields: Any) -> str:
    configure_logs(read_settings({"LOG_FORMAT": "console", "LOG_LEVEL": level}))
    structlog.get_logger("entrypoints.some").info(event, **fields)
    return capsys.readouterr().err


def test_a_request_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    request = {"method": "DELETE", "route": "/products/{product_id}/offers/{offer_id}/price-history", "status": 404}
    shown = shown_on_a_console(capsys, "INFO", "request", **request, milliseconds=1234.5, request_id="8f2d849e" * 4)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[info\] DELETE /products/\{product_id\}/offers/\{offer_id\}/price-history 404 +"
        r"milliseconds=1234.5\n",
        shown,
    )
    assert len(shown) < 120


def test_a_terminal_is_spared_the_batches_in_which_nothing_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_on_a_console(capsys, "INFO", "batch", observed=9) == ""
    assert "observed=9" in shown_on_a_console(capsys, "INFO", "batch", observed=9, errors={"timeout": 1})
    assert "observed=9" in shown_on_a_console(capsys, "DEBUG", "batch", observed=9)
    assert "products=9" in shown_on_a_console(capsys, "INFO", "status", products=9)


def test_a_library_is_heard_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"LOG_FORMAT": "console"}))
    logging.getLogger("some.library").warning("this")
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[warning\] this *\n", capsys.readouterr().err)


async def test_each_request_leaves_one_line_with_its_id_and_no_secret(lines: Lines) -> None:
    async with serving(Outside()) as api:
        for path in ("/products?limit=1", "/nope"):
            await api.http.get(path, headers={"X-Request-Id": "mine", "Cookie": "geheim"})
        await api.log_in("geheim")
    logged = lines()
    failed = logged.pop(2)
    assert (failed["event"], failed["address"], failed["reason"]) == ("login failed", "127.0.0.1", "wrong credentials")
    assert [(line["event"], line["route"], line["status"]) for line in logged] == [
        ("request", "/products", 200),
        ("request", "unknown", 404),
        ("request", "/login", 401),
    ]
    assert [line["request_id"] for line in logged][:2] == ["mine", "mine"]
    assert len(logged[2]["request_id"]) == 36
    assert "geheim" not in str(logged)
