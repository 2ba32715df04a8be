"""The event log when processes are killed, transactions stay open, clusters change and clocks are wrong."""

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from e2e.clients import Api, Json, free_port
from e2e.faults.customers import customers
from e2e.faults.event_listener import listening
from e2e.ledger import assert_sound
from e2e.processes import Processes, Running, eventually
from e2e.system import System, migrate
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from waiting import PATIENCE

CLOCK_AHEAD = Path(__file__).parents[1] / "clock_ahead.py"
THIRTY_SECONDS = str(30 / 86_400)
FEW = 5


@dataclass
class Plant:
    """A simulator and an API on a PostgreSQL that keeps its commits through every kill."""

    folder: Path
    server: EmbeddedPostgres
    system: System
    api: Running
    metrics: str

    def kill_database(self) -> None:
        """End all its processes at once, so that nothing more is written to disk."""
        postmaster = int((self.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):  # it may have ended by itself, for the postmaster is gone
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.server.running())


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    server = EmbeddedPostgres(folder / "postgres")
    system = System(server.start(), Processes(folder))
    # So that what no commit writes to disk is not there when the server is killed.
    with psycopg.connect(system.dsn, autocommit=True) as connection:
        for setting in ("wal_writer_delay = '10s'", "autovacuum = off"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    metrics = free_port()
    migrate(system.dsn)
    system.start_simulator()
    api = system.processes.aggregator("api", environment=system.environment | {"METRICS_PORT": str(metrics)})
    eventually(system.api.lives)
    yield Plant(folder, server, system, api, f"http://127.0.0.1:{metrics}/metrics")
    system.close()
    server.stop()


def pull(api: Api, **query: Any) -> Json:
    """Return a page of events."""
    answer = api.client.get("/events", params=query, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


def all_events(api: Api, after: str = "0-0-0") -> list[Json]:
    """Return the events that are kept, from the oldest to the last."""
    events: list[Json] = []
    page: Json = {"next": after, "caught_up": False}
    while not page["caught_up"]:
        page = pull(api, limit=50, after=page["next"])
        events += page["items"]
    return events


def created(events: list[Json]) -> Counter[str]:
    """Count the creations of each product."""
    return Counter(event["subject"] for event in events if event["type"] == "product.created")


def subjects(events: list[Json]) -> list[str]:
    return [event["subject"] for event in events]


def test_fault_27_an_open_writing_transaction_withholds_events_which_is_shown_and_loses_none(plant: Plant) -> None:
    api, url = plant.system.api, str(plant.system.api.client.base_url)
    start = pull(api, after="latest")["next"]
    with listening(url) as listener, psycopg.connect(plant.system.dsn) as open_for_long:
        eventually(lambda: listener.last)
        open_for_long.execute("SELECT pg_current_xact_id()")
        withheld = api.create("Withheld")["id"]
        eventually(lambda: _metric(plant, "aggregator_event_feed_withheld_seconds") > 0)
        page = pull(api, after=start)
        assert (page["items"], page["caught_up"]) == ([], True)
        assert not listener.ids
        open_for_long.commit()
        eventually(lambda: listener.ids)
        assert subjects(pull(api, after=page["next"])["items"]) == [withheld]
        eventually(lambda: _metric(plant, "aggregator_event_feed_withheld_seconds") == 0)


def _metric(plant: Plant, name: str) -> float:
    answer = httpx.get(plant.metrics, trust_env=False, timeout=PATIENCE)
    [value] = re.findall(rf"^{name} (.+)$", answer.text, re.MULTILINE)
    return float(value)


def test_fault_28_after_a_dump_and_a_restore_elsewhere_an_old_cursor_goes_on(
    plant: Plant, processes: Processes, tmp_path: Path
) -> None:
    api = plant.system.api
    first = [api.create(name)["id"] for name in ("Before the cursor", "Behind it")]
    cursor = all_events(api)[-2]["id"]
    dump = tmp_path / "aggregator.dump"
    with EmbeddedPostgres(tmp_path / "fresh", ephemeral=True) as fresh:
        for command, dsn in (("backup", plant.system.dsn), ("restore", fresh)):
            running = processes.aggregator(command, str(dump), environment={"DATABASE_URL": dsn})
            assert running.exit_code() == 0, running.output()
        elsewhere = System(fresh, processes)
        elsewhere.start_api()
        assert all_events(elsewhere.api) == all_events(api)
        last = elsewhere.api.create("After the restore")["id"]
        eventually(lambda: subjects(pull(elsewhere.api, after=cursor)["items"]) == [first[-1], last])
        assert elsewhere.api.client.get("/events", params={"after": cursor}).status_code == 200
        elsewhere.close()


def test_fault_33_a_crashed_server_that_gives_transaction_ids_anew_hides_no_event(plant: Plant) -> None:
    api, url = plant.system.api, str(plant.system.api.client.base_url)
    with listening(url) as listener:
        eventually(lambda: listener.last)
        with psycopg.connect(plant.system.dsn) as connection:
            for _ in range(FEW):
                connection.execute("SELECT pg_current_xact_id()")
                connection.rollback()
        cursor = pull(api, after="latest")["next"]
        plant.kill_database()
        plant.server.start()
        eventually(lambda: api.client.get("/health/ready").status_code == 200)
        created = api.create("After the crash")["id"]
        eventually(lambda: created in listener.subjects)
        assert subjects(pull(api, after=cursor)["items"]) == [created]


def test_fault_32_a_worker_whose_clock_is_30_seconds_ahead_leaves_the_order_as_it_was(plant: Plant) -> None:
    system = plant.system
    product_id = system.api.create("Kettle")["id"]
    system.simulator.dictate([product_id], 1000)
    command = (sys.executable, str(CLOCK_AHEAD), THIRTY_SECONDS, "worker")
    environment = system.environment | {"OFFERS_REFRESH_INTERVAL": "1"}
    for price in (1000, 900, 800):
        system.simulator.dictate([product_id], price)
        if price == 900:
            [worker] = system.start_workers(1)
        else:
            worker = system.processes.start("ahead", *command, environment=environment)
        eventually(lambda: (system.api.read(product_id)["best_offer"] or {}).get("price") == price)  # noqa: B023
        assert worker.ends_with() == 0
    query = {"product_id": product_id, "type": "price.changed"}
    eventually(lambda: len(pull(system.api, **query)["items"]) >= 3)
    steps = [event["data"] for event in pull(system.api, **query)["items"]]
    prices = [(step["previous"] and step["previous"]["price"], step["current"]["price"]) for step in steps]
    assert prices[-3:] == [(prices[-3][0], 1000), (1000, 900), (900, 800)]
    assert pull(system.api, product_id=product_id)["items"][0]["type"] == "product.created"


def test_fault_29_all_killed_with_a_stream_and_a_poll_open_every_change_is_told_once(plant: Plant) -> None:
    system = plant.system
    [worker] = system.start_workers(1)
    with listening(str(system.api.client.base_url)) as listener, ThreadPoolExecutor(1) as waiting:
        eventually(lambda: listener.last)
        start = listener.last
        with customers(system.api) as answers:

            def goes_on() -> None:
                had, heard = len(answers.created), len(listener.ids)
                eventually(lambda: len(answers.created) >= had + FEW and len(listener.ids) >= heard + FEW)

            goes_on()
            latest = pull(system.api, after="latest")["next"]
            polled = waiting.submit(pull, system.api, after=latest, wait=25, product_id=str(uuid4()))
            plant.api.process.kill()
            plant.api.process.wait()
            with pytest.raises(httpx.TransportError):
                polled.result()
            system.start_api()
            goes_on()
            worker.process.kill()
            system.start_workers(1)
            goes_on()
            plant.kill_database()
            plant.server.start()
            goes_on()
        # An open transaction, such as a batch's, withholds the last of them for a while.
        eventually(lambda: answers.created <= created(all_events(system.api)).keys())
        told = created(all_events(system.api))
        assert {product_id: told[product_id] for product_id in answers.created} == dict.fromkeys(answers.created, 1)
        assert max(told.values()) == 1
        since = [event["id"] for event in all_events(system.api, start)]
        eventually(lambda: set(since) <= set(listener.ids))
    assert listener.connected >= 2
    assert_sound(system)
