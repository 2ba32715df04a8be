"""The alert rules: each fault that an operator can mend fires its alert and no other, and a calm hour fires none.

Runs where promtool is installed, which comes with Prometheus.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PROMTOOL = shutil.which("promtool")
RULES = Path(__file__).parents[2] / "docker" / "monitoring" / "rules.yml"
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="NOT RUN: promtool is not installed")

WORKER, API = 'instance="w",job="worker"', 'instance="a",job="api"'
MINUTES, CALM = 90, 30
"""Minutes of each series; a fault begins after the calm ones."""


def series(name: str, labels: str, **more: str) -> str:
    written = [labels, *(f"{key}={json.dumps(value)}" for key, value in more.items())]
    return f"{name}{{{','.join(written)}}}"


UP, API_UP = series("up", WORKER), series("up", API)
TICK = series("aggregator_last_tick_timestamp_seconds", WORKER)
CLOCK, API_CLOCK = (series("aggregator_clock_difference_seconds", of) for of in (WORKER, API))
REFUSED, ANOTHER = (
    series("aggregator_token_renewals_total", WORKER, outcome=outcome) for outcome in ("refused", "another_is_valid")
)
EXPIRY = series("aggregator_token_expiry_timestamp_seconds", WORKER)
OPEN = series("aggregator_breaker_state", WORKER, work="refresh", state="open")
LAG, JOBS = series("aggregator_refresh_lag_seconds", WORKER), series("aggregator_waiting_jobs", WORKER)
MALFORMED, INTERNAL = (
    series("aggregator_product_failures_total", WORKER, work="refresh", reason=reason)
    for reason in ("answer_refused", "internal")
)
ROWS = series("aggregator_offer_rows_refused_total", WORKER)
REJECTED = series("aggregator_products", WORKER, registration="rejected")
HOUSEKEEPING = series("aggregator_last_housekeeping_timestamp_seconds", WORKER)
BROKEN_OFF = series("aggregator_batches_given_up_total", WORKER, work="refresh", reason="internal")
GIVEN_UP, BEHIND = (
    series("aggregator_webhook_given_up_total", WORKER),
    series("aggregator_webhook_behind_seconds", WORKER),
)
FAILED = series("aggregator_http_requests_total", API, method="GET", route="/products", status="500")
TURNED_AWAY = series("aggregator_http_requests_total", API, method="GET", route="turned away", status="503")
WAITERS = series("aggregator_database_waiters", API)
STANDBY = series("aggregator_standby_used", API)
READ_ONLY, OUTDATED = (series("aggregator_database_state", WORKER, state=state) for state in ("read_only", "outdated"))
NO_EVENT_DAY = series("aggregator_missing_partitions", WORKER, log="events")
DISK = series("aggregator_database_disk_free_ratio", WORKER)
OPENED, ALLOWED = (
    series("aggregator_database_server_connections", WORKER, state=state) for state in ("open", "allowed")
)
OLDEST_WRITE = series("aggregator_database_oldest_write_seconds", WORKER)
BLOATED = series("aggregator_database_bloated_tables", WORKER)
ROLL_UP = series("aggregator_history_roll_up_age_seconds", WORKER)
PENDING = series("aggregator_products", WORKER, registration="pending")
REGISTERED = series("aggregator_products_processed_total", WORKER, work="registrations", outcome="registered")

EVERY_MINUTE = f"0+60x{MINUTES}"
STOPPED = f"0+60x{CALM} {CALM * 60}x{MINUTES - CALM}"
CALM_SERIES: dict[str, str] = {
    **dict.fromkeys((UP, API_UP, STANDBY), f"1x{MINUTES}"),
    **dict.fromkeys((TICK, HOUSEKEEPING), EVERY_MINUTE),
    EXPIRY: f"300+60x{MINUTES}",
    # The API holds no token.
    series("aggregator_token_expiry_timestamp_seconds", API): f"0x{MINUTES}",
    **dict.fromkeys((CLOCK, API_CLOCK, REFUSED, ANOTHER, OPEN, LAG, MALFORMED, INTERNAL), f"0x{MINUTES}"),
    **dict.fromkeys((GIVEN_UP, BEHIND), f"0x{MINUTES}"),
    **dict.fromkeys((ROWS, BROKEN_OFF, FAILED, TURNED_AWAY, WAITERS), f"0x{MINUTES}"),
    JOBS: f"3x{MINUTES}",
    **dict.fromkeys((READ_ONLY, OUTDATED, NO_EVENT_DAY, BLOATED), f"0x{MINUTES}"),
    DISK: f"0.5x{MINUTES}",
    ALLOWED: f"97x{MINUTES}",
    OPENED: f"40x{MINUTES}",
    OLDEST_WRITE: f"2x{MINUTES}",
    # Just before midnight the oldest day that has not ended is yesterday's.
    ROLL_UP: f"90000x{MINUTES}",
    PENDING: f"2x{MINUTES}",
    REGISTERED: f"0+5x{MINUTES}",
    REJECTED: f"1x{MINUTES}",
}


def then(value: str, before: str = "0") -> str:
    """Return the values of a series that is calm at first, and then something else."""
    return f"{before}x{CALM} {value}x{MINUTES - CALM}"


NOT_READ = then("0", "1")
GROWS, IS_OPEN, NO_TOKEN = then("0+60"), then("1"), f"300+60x{CALM} {CALM * 60 + 300}x{MINUTES - CALM}"
NONE_REGISTERED = {REGISTERED: f"0+5x{CALM} {CALM * 5}x{MINUTES - CALM}"}
GONE = {name: f"{values.split('x')[0]}x{CALM} stale" for name, values in CALM_SERIES.items() if WORKER in name}
FAULTS: Mapping[str, Mapping[str, str]] = {
    "ApiDown": {API_UP: then("0", "1")},
    "NoWorker": {**GONE, UP: then("0", "1")},
    "DatabaseAway": {
        **NONE_REGISTERED,
        **dict.fromkeys((TICK, HOUSEKEEPING), STOPPED),
        EXPIRY: NO_TOKEN,
        WAITERS: then("5"),
        STANDBY: NOT_READ,
    },
    "ClockDiffers": {**NONE_REGISTERED, CLOCK: then("90"), HOUSEKEEPING: STOPPED, LAG: GROWS},
    "RefreshTokenRefused": {**NONE_REGISTERED, REFUSED: then("0+1"), EXPIRY: NO_TOKEN, LAG: GROWS},
    "AnotherTokenIsValid": {**NONE_REGISTERED, ANOTHER: then("0+4"), EXPIRY: NO_TOKEN, LAG: GROWS},
    "NoAccessToken": {**NONE_REGISTERED, EXPIRY: NO_TOKEN, LAG: GROWS},
    "OffersServiceInTrouble": {**NONE_REGISTERED, OPEN: IS_OPEN, LAG: GROWS},
    "WorkersBehind": {LAG: GROWS, JOBS: then("40")},
    "AnswersRefused": {MALFORMED: then("0+3")},
    "OfferRowsRefused": {ROWS: then("0+3")},
    "ProductsNeedAnAdmin": {REJECTED: then("4", "1")},
    "HousekeepingOverdue": {HOUSEKEEPING: STOPPED},
    "DatabaseReadOnly": {
        **NONE_REGISTERED,
        READ_ONLY: then("1"),
        LAG: GROWS,
        EXPIRY: NO_TOKEN,
        HOUSEKEEPING: STOPPED,
        STANDBY: NOT_READ,
    },
    "SchemaDoesNotFit": {OUTDATED: then("1")},
    "PartitionsMissing": {NO_EVENT_DAY: then("1")},
    "DiskNearlyFull": {DISK: then("0.05", "0.5")},
    "ServerConnectionsNearlyGone": {OPENED: then("90", "40")},
    "LongTransaction": {OLDEST_WRITE: then("120+60", "2")},
    "TablesBloated": {BLOATED: then("1")},
    "HistoryNotRolledUp": {ROLL_UP: then("180000", "90000")},
    "RegistrationsWait": NONE_REGISTERED,
    "WebhookGivenUp": {GIVEN_UP: f"0x{CALM} 1x{MINUTES - CALM}"},
    "WebhooksBehind": {BEHIND: then("0+60")},
    "Defect": {INTERNAL: then("0+1")},
    "ServerErrors": {FAILED: then("0+5")},
    "RequestsTurnedAway": {TURNED_AWAY: then("0+600")},
    "ConnectionsAllTaken": {WAITERS: then("2")},
    "StandbyNotRead": {STANDBY: NOT_READ},
}


def alerts() -> list[str]:
    return [line.split()[-1] for line in RULES.read_text().splitlines() if line.strip().startswith("- alert:")]


def fired(tmp_path: Path, given: Mapping[str, str], minute: int) -> "subprocess.CompletedProcess[str]":
    """Let promtool expect that no alert fires: it fails then, and names those that do."""
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in given.items()],
        "alert_rule_test": [{"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": []} for alert in alerts()],
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)


def test_the_rules_are_valid() -> None:
    assert PROMTOOL is not None
    subprocess.run([PROMTOOL, "check", "rules", str(RULES)], check=True, capture_output=True)
    assert set(FAULTS) == set(alerts())


@pytest.mark.parametrize("minute", [35, 60, 89])
def test_a_calm_hour_fires_nothing(tmp_path: Path, minute: int) -> None:
    ended = fired(tmp_path, CALM_SERIES, minute)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fires_its_alert_and_no_other(tmp_path: Path, fault: str) -> None:
    fires_alone(tmp_path, fault, FAULTS[fault])


def test_a_read_only_database_is_one_fault_where_it_stops_the_tick_too(tmp_path: Path) -> None:
    fires_alone(tmp_path, "DatabaseReadOnly", {**FAULTS["DatabaseReadOnly"], TICK: STOPPED})


def test_an_api_whose_address_is_gone_is_down_too(tmp_path: Path) -> None:
    gone = {name: f"{values.split('x')[0]}x{CALM} stale" for name, values in CALM_SERIES.items() if API in name}
    fires_alone(tmp_path, "ApiDown", gone)


def fires_alone(tmp_path: Path, alert: str, fault: Mapping[str, str]) -> None:
    ended = fired(tmp_path, {**CALM_SERIES, **fault}, 80)
    assert re.findall(r"alertname: (\w+)", ended.stderr + ended.stdout) == [alert], ended.stderr + ended.stdout
