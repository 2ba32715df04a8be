"""The spans of the real processes reach a collector, and one that hangs holds nothing up."""

from concurrent.futures import ThreadPoolExecutor

from e2e.collector import running_collector
from e2e.processes import Running, eventually
from e2e.system import System


def test_spans_reach_the_collector_and_when_that_hangs_work_and_stopping_go_on(system: System) -> None:
    with running_collector() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
            "OFFERS_REFRESH_INTERVAL": "0.2",
        }
        api, worker = (
            system.processes.aggregator(
                command, environment=system.environment | settings | {"OTEL_SERVICE_NAME": command}
            )
            for command in ("api", "worker")
        )
        system.start_simulator()
        eventually(system.api.lives)
        system.api.create("Kettle")
        eventually(lambda: "POST /products" in collector.names.get("api", ()))
        eventually(lambda: {"refresh_due_products", "OfferRepository.record"} <= collector.names.get("worker", set()))

        collector.hangs.set()
        eventually(lambda: system.api.all() and collector.hanging == {"api", "worker"})
        toaster = system.api.create("Toaster")
        eventually(lambda: len(system.api.observed(2)) == 2)
        assert system.api.read(toaster["id"])["observed_at"]
        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(Running.ends_with, (worker, api))) == [0, 0]
