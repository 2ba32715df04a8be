"""The worker's line a minute: how many products there are, what became of them since the last line, and the lag."""

from collections import Counter
from collections.abc import Mapping

from structlog.testing import capture_logs

from adapters.metrics.metrics import Metrics
from application.storage import StorageUnavailable
from application.synchronisation.batch_report import BatchReport, Outcome
from domain.product import RegistrationState
from entrypoints.worker.status_line import StatusLine
from fakes.storage import NOON
from telemetry.metric_values import counted


class Told:
    """A census with the counts of a test."""

    def __init__(self, **counts: int) -> None:
        self.counts: dict[RegistrationState, int] | Exception = {
            RegistrationState(state): count for state, count in counts.items()
        }

    async def __call__(self) -> Mapping[RegistrationState, int]:
        if isinstance(self.counts, Exception):
            raise self.counts
        return self.counts


def working() -> Metrics:
    metrics = Metrics()
    metrics.working()
    return metrics


async def test_it_sums_up_what_was_done_since_the_last_line() -> None:
    metrics = working()
    status = StatusLine(Told(registered=30, pending=2, rejected=0), metrics)
    metrics.work.scheduled(1.26, 0, NOON)
    metrics.work.batch("registrations", BatchReport(Counter({Outcome.REGISTERED: 5})), 0.1)
    with capture_logs() as lines:
        await status.write()
        metrics.work.batch("refresh", BatchReport(Counter({Outcome.OBSERVED: 20, Outcome.FAILED: 1})), 0.1)
        metrics.work.batch("refresh", BatchReport(Counter({Outcome.OBSERVED: 10})), 0.1)
        await status.write()
    always = {"event": "status", "log_level": "info", "products": 32, "pending": 2, "lag_seconds": 1.3}
    assert lines == [always | {"registered": 5}, always | {"observed": 30, "failed": 1}]
    assert counted(metrics, "aggregator_products", registration="registered") == 30


async def test_without_the_database_it_tells_what_it_knows_and_the_numbers_stay() -> None:
    metrics, census = working(), Told(registered=30)
    status = StatusLine(census, metrics)
    with capture_logs() as lines:
        await status.write()
        census.counts = StorageUnavailable("away")
        await status.write()
    assert [line.get("products") for line in lines] == [30, None]
    assert counted(metrics, "aggregator_products", registration="registered") == 30


async def test_a_defect_is_logged_and_ends_nothing() -> None:
    census = Told()
    census.counts = ValueError("a defect")
    with capture_logs() as lines:
        await StatusLine(census, working()).write()
    assert [line["event"] for line in lines] == ["products not counted", "status"]
