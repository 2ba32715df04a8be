"""The probes: alive at once, ready as long as the database can serve."""

import asyncio

import httpx
import pytest

from api_client.api import Api, Outside, serving
from application.storage import StorageUnavailable
from application.synchronisation.access_token.store import TokenState
from entrypoints.readiness import Dependencies, Readiness

READY = {"status": "ok", "database": "ok", "migrations": "ok", "queue": "ok", "offers_service": "ok", "clock": "ok"}


async def test_it_lives_whatever_is_away(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.storage.away = api.outside.queue.away = True
    answer = await customer.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_everything_is_there(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, READY)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_without_the_database_it_is_not_ready(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.storage.away = True
    answer = await customer.get("/health/ready")
    assert answer.status_code == 503
    away = {"status": "unavailable", "database": "unavailable", "migrations": "unavailable"}
    assert answer.json() == READY | away | {"offers_service": "unavailable", "clock": "unavailable"}
    assert answer.headers["Cache-Control"] == "no-store"


async def test_with_an_old_database_it_is_not_ready(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.migrations = "outdated"
    answer = await customer.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, READY | {"status": "unavailable", "migrations": "outdated"})


async def test_without_the_queue_it_is_ready(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.queue.away = True
    answer = await customer.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, READY | {"queue": "unavailable"})


@pytest.mark.parametrize("access", TokenState)
async def test_whatever_the_offers_service_does_it_is_ready(
    api: Api, customer: httpx.AsyncClient, access: TokenState
) -> None:
    api.outside.access = access
    answer = await customer.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, READY | {"offers_service": access.value})


async def test_many_who_ask_at_once_share_what_is_asked_of_the_dependencies() -> None:
    class CountingOutside(Outside):
        asked = 0

        async def schema_state(self) -> str:
            self.asked += 1
            return await super().schema_state()

    outside = CountingOutside()
    async with serving(outside) as api:
        answers = await asyncio.gather(*(api.http.get("/health/ready") for _ in range(100)))
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, READY)] * 100
    assert outside.asked < 5


async def test_a_dependency_that_never_answers_is_unavailable() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def fine() -> str:
        return "ok"

    found = await Dependencies(fine, fine, never, fine, patience=0.01).check()
    assert found == Readiness("ok", "ok", "ok", "ok", "unavailable", "ok")


async def test_a_clock_that_differs_is_shown_and_serving_goes_on(api: Api, customer: httpx.AsyncClient) -> None:
    api.outside.clocks = "differs"
    answer = await customer.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, READY | {"clock": "differs"})


async def test_all_are_asked_at_once() -> None:
    """Each waits for the three others to have been asked."""
    together = asyncio.Barrier(4)

    async def fine() -> str:
        await together.wait()
        return "ok"

    async def access() -> str:
        await together.wait()
        raise StorageUnavailable

    assert (await Dependencies(fine, fine, access, fine, patience=10).check()).offers_service == "unavailable"
    assert together.n_waiting == 0
