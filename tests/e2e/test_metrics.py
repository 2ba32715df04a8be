"""The metrics of the real processes: `up` gives each of them a port of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.clients import free_port
from e2e.one_machine import OneMachine
from e2e.processes import Processes, eventually
from waiting import PATIENCE

METRICS = re.compile(r"Metrics +(http://\S+)/metrics  \((\w+)\)")


@pytest.fixture
def machine(processes: Processes, tmp_path: Path) -> Iterator[OneMachine]:
    machine = OneMachine(processes, tmp_path / "data", port=free_port(), simulator_port=free_port())
    machine.environment["METRICS_PORT"] = str(free_port())
    yield machine
    processes.end()
    machine.close()


def test_worker_and_api_show_their_metrics_side_by_side_and_end_cleanly(machine: OneMachine) -> None:
    machine.up()
    api = machine.ready()
    urls = {part: url for url, part in METRICS.findall(machine.running.output())}
    assert urls.keys() == {"worker", "api"}
    assert urls["worker"].endswith(":" + machine.environment["METRICS_PORT"])
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:

        def shown(part: str) -> str:
            return client.get(f"{urls[part]}/metrics").text

        api.create("Kettle")
        eventually(lambda: api.observed(1))
        eventually(lambda: 'products_processed_total{outcome="observed",work="refresh"}' in shown("worker"))
        assert 'aggregator_http_requests_total{method="POST",route="/products",status="201"} 1.0' in shown("api")
        assert 'aggregator_upstream_calls_total{call="register",status="201"} 1.0' in shown("worker")
        assert "aggregator_refresh_lag_seconds " in shown("worker")
        assert "aggregator_refresh_lag_seconds " not in shown("api")
        assert [client.get(f"{url}/health/live").status_code for url in urls.values()] == [200, 200]
    machine.ends_cleanly()
