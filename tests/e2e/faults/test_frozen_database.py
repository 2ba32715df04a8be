"""Connections whose other end has frozen, while new ones work: half-open ones, or a network that forgets."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.processes import Processes, eventually
from e2e.system import System
from storages.silence import silent

SECONDS_TO_GO_ON = 120.0
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@contextmanager
def frozen(system: System) -> Iterator[None]:
    """Freeze all connections that there are."""
    pids = [pid for (pid,) in system.query(BACKENDS)]
    assert pids
    with silent(*pids):
        yield


def test_api_and_worker_go_on_with_new_connections_and_end_when_asked(system: System, processes: Processes) -> None:
    _, api, worker = system.start()
    with frozen(system):
        eventually(lambda: system.api.client.get("/health/ready").status_code == 200, within=SECONDS_TO_GO_ON)
        created = system.api.create("Created meanwhile")["id"]
        eventually(lambda: system.api.read(created)["observed_at"], within=SECONDS_TO_GO_ON)
    with frozen(system):
        for running in (api, worker):
            running.send(signal.SIGTERM)
        for running in (api, worker):
            assert running.exit_code() in (0, 1)
