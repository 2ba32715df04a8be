"""Webhooks with real processes: an API, workers that are killed or have a wrong clock, and receivers in trouble."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.processes import eventually
from e2e.system import System
from e2e.webhook_receivers import Receiver

CREATED = "product.created"
CLOCK_AHEAD = Path(__file__).with_name("clock_ahead.py")
THIRTY_SECONDS = str(30 / 86_400)
HALF_OF_THEM = 15
LEASED = "SELECT count(*) FROM webhook WHERE lease_until > now()"
END_LEASES = "UPDATE webhook SET lease_until = now() WHERE lease_id IS NOT NULL RETURNING id"
PUT_OFF = "UPDATE webhook_waiting SET next_attempt_at = now() + interval '1 hour' RETURNING event_id"
LET_RETRY = "UPDATE webhook_waiting SET next_attempt_at = now() RETURNING event_id"


@pytest.fixture(scope="module")
def running(new_system: Callable[[], System]) -> System:
    """Give a system whose API and worker run; the worker has no Offers service, which webhooks do not need."""
    system = new_system()
    system.start_workers(3600)
    system.start_api()
    return system


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    both = Receiver(), Receiver()
    yield both
    for receiver in both:
        receiver.open.set()
        receiver.stop()


@pytest.fixture
def hook(running: System) -> Iterator[Callable[[Receiver], dict[str, Any]]]:
    """Give what makes a webhook, which ends with the test."""
    made: list[str] = []

    def make(receiver: Receiver) -> dict[str, Any]:
        created: dict[str, Any] = call(running, "POST", "", {"url": receiver.url, "types": [CREATED]})
        made.append(created["id"])
        return created

    yield make
    for id in made:
        call(running, "DELETE", f"/{id}")


def call(system: System, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = system.api.client.request(method, f"/webhooks{path}", json=body, headers=system.api.as_admin)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def outcomes(system: System, webhook: dict[str, Any]) -> list[tuple[str, str]]:
    page = call(system, "GET", f"/{webhook['id']}/deliveries")
    return [(each["event_id"], each["outcome"]) for each in reversed(page["items"])]


def test_events_arrive_signed_through_a_rotation_a_ping_and_a_replay(
    running: System, hook: Callable[..., dict[str, Any]], receivers: tuple[Receiver, Receiver]
) -> None:
    receiver, _ = receivers
    webhook = hook(receiver)
    product = running.api.create("Kettle")
    eventually(lambda: receiver.taken)
    receiver.verify(webhook["secret"])
    (taken,) = receiver.taken
    assert (taken.type, taken.data["name"]) == (CREATED, product["name"])
    assert taken.headers["webhook-id"] == taken.id

    secret = call(running, "POST", f"/{webhook['id']}/rotate")["secret"]
    ping = call(running, "POST", f"/{webhook['id']}/ping")["event_id"]
    eventually(lambda: receiver.ids() == [taken.id, ping])
    for each in (secret, webhook["secret"]):
        receiver.verify(each)
    call(running, "POST", f"/{webhook['id']}/replay", {"after": webhook["position"]})
    eventually(lambda: receiver.ids() == [taken.id, ping, taken.id])
    eventually(lambda: len(outcomes(running, webhook)) == 3)
    running.assert_no_secrets()
    for _, log in running.processes.all_output():
        assert "whsec_" not in log


def test_a_slow_receiver_delays_no_other_and_one_that_was_down_catches_up(
    running: System, hook: Callable[..., dict[str, Any]], receivers: tuple[Receiver, Receiver]
) -> None:
    slow, fast = receivers
    slow.open.clear()
    of_slow, of_fast = hook(slow), hook(fast)
    for number in range(3):
        running.api.create(f"While one is slow {number}")
        eventually(lambda number=number: len(fast.ids(CREATED)) == number + 1)  # type: ignore[misc]
        eventually(lambda: slow.taken)
    assert len(outcomes(running, of_fast)) >= 2
    assert outcomes(running, of_slow) == []
    slow.open.set()
    eventually(lambda: set(slow.ids(CREATED)) == set(fast.ids(CREATED)))

    fast.stop()
    before = len(fast.taken)
    running.api.create("While one is down")
    eventually(lambda: any(outcome == "failed" for _, outcome in outcomes(running, of_fast)))
    running.query(PUT_OFF)
    assert call(running, "GET", f"/{of_fast['id']}")["failures"] >= 1
    fast.start()
    new = running.api.create("After it was down")
    eventually(lambda: [each.data["name"] for each in fast.taken[before:]] == [new["name"]])
    running.query(LET_RETRY)
    eventually(lambda: len(fast.taken) == before + 2)
    eventually(lambda: call(running, "GET", f"/{of_fast['id']}")["waiting"] == 0)


def test_fault_42_a_killed_worker_sends_again_with_the_same_id_and_a_wrong_clock_is_not_asked(
    running: System, hook: Callable[..., dict[str, Any]], receivers: tuple[Receiver, Receiver]
) -> None:
    receiver, _ = receivers
    receiver.open.clear()
    webhook = hook(receiver)
    running.api.create("Sent twice")
    eventually(lambda: receiver.taken)
    assert running.number(LEASED) == 1
    worker = next(each for each in running.processes._all if each.name == "worker" and each.alive)
    worker.send(signal.SIGKILL)
    worker.process.wait()
    assert outcomes(running, webhook) == []

    receiver.open.set()
    command = [sys.executable, str(CLOCK_AHEAD), THIRTY_SECONDS, "worker"]
    other = running.processes.start("worker", *command, environment=running.environment)
    eventually(lambda: any(other.events("worker started")))
    assert len(receiver.taken) == 1
    running.query(END_LEASES)
    eventually(lambda: len(receiver.taken) == 2)
    assert int(receiver.taken[1].headers["webhook-timestamp"]) < time.time() + HALF_OF_THEM
    assert len(set(receiver.ids())) == 1
    eventually(lambda: outcomes(running, webhook) == [(receiver.ids()[0], "delivered")])
    assert other.ends_with() == 0
