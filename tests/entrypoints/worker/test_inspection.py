"""The worker's look at the database: each fault that it sees is in the metrics, and none ends it."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.metrics.inspection_metrics import InspectionMetrics
from adapters.metrics.metrics import Metrics
from application.diagnosis.facts import DatabaseFacts, UpkeepFacts
from application.storage import StorageUnavailable
from entrypoints.worker.inspection import Inspection
from fakes.healthy_system import KEPT_UP, SERVER
from telemetry.metric_values import counted


class Seen:
    """A system with the facts of a test."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.state = "ok"
        self.database: DatabaseFacts | Exception = SERVER
        self.upkeep: UpkeepFacts | Exception = KEPT_UP
        self.inspection = Inspection(
            self._state, self._database, self._upkeep, InspectionMetrics(self.metrics.registry)
        )

    def shows(self, metric: str, **labels: str) -> float:
        return counted(self.metrics, metric, **labels)

    async def _state(self) -> str:
        return self.state

    async def _database(self) -> DatabaseFacts:
        if isinstance(self.database, Exception):
            raise self.database
        return self.database

    async def _upkeep(self) -> UpkeepFacts:
        if isinstance(self.upkeep, Exception):
            raise self.upkeep
        return self.upkeep


async def test_it_shows_what_a_doctor_would_say() -> None:
    seen = Seen()
    seen.database = replace(SERVER, oldest_write=timedelta(hours=1), bloated={"offer": 200_000}, disk_free=0.05)
    seen.upkeep = replace(KEPT_UP, missing_event_days=("event_20260101",), rolled_up=timedelta(days=3))
    await seen.inspection.look()
    assert seen.shows("aggregator_database_state", state="ok") == 1
    assert seen.shows("aggregator_database_server_connections", state="open") == SERVER.connections
    assert seen.shows("aggregator_database_server_connections", state="allowed") == SERVER.connections_allowed
    assert seen.shows("aggregator_database_oldest_write_seconds") == 3_600
    assert seen.shows("aggregator_database_bloated_tables") == 1
    assert seen.shows("aggregator_database_disk_free_ratio") == 0.05
    assert seen.shows("aggregator_history_roll_up_age_seconds") == 3 * 86_400
    missing = [seen.shows("aggregator_missing_partitions", log=log) for log in ("history", "events", "audit")]
    assert missing == [0, 1, 0]


async def test_a_disk_out_of_sight_is_no_number() -> None:
    seen = Seen()
    seen.database = replace(SERVER, disk_free=None)
    await seen.inspection.look()
    assert math.isnan(seen.shows("aggregator_database_disk_free_ratio"))


@pytest.mark.parametrize(
    ("state", "label"), [("read-only", "read_only"), ("outdated", "outdated"), ("incompatible", "incompatible")]
)
async def test_exactly_the_state_that_the_schema_is_in_is_shown(state: str, label: str) -> None:
    seen = Seen()
    await seen.inspection.look()
    seen.state = state
    if state != "read-only":
        seen.upkeep = ValueError("asked about tables that may be missing")
    await seen.inspection.look()
    labels = ("ok", "read_only", "outdated", "incompatible")
    assert [each for each in labels if seen.shows("aggregator_database_state", state=each)] == [label]


@pytest.mark.parametrize(
    ("error", "event"),
    [(StorageUnavailable("away"), "database not inspected"), (ValueError("a defect"), "inspection failed")],
)
async def test_where_it_cannot_look_the_numbers_stay_and_the_log_says_so(error: Any, event: str) -> None:
    seen = Seen()
    await seen.inspection.look()
    seen.database = error
    with capture_logs() as lines:
        await seen.inspection.look()
    assert [line["event"] for line in lines] == [event]
    assert seen.shows("aggregator_database_server_connections", state="open") == SERVER.connections
