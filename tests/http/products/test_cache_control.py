"""Cache-Control: public reads may be kept until the next observation, a few seconds at most; nothing else may."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api_client.api import HOUR, INTERVAL, MISSING, ONLY_OFFER, Api, problem_of
from domain.offer import Offer

OFFER = Offer(ONLY_OFFER, 900, 3)
READS = ["/products/{id}", "/products", "/products/{id}/offers"]


@pytest.fixture
async def id(api: Api) -> UUID:
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, OFFER)
    return id


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    ("passed", "seconds"),
    [
        (timedelta(0), 5),
        (INTERVAL - timedelta(seconds=5), 5),
        (INTERVAL - timedelta(seconds=4), 4),
        (INTERVAL - timedelta(seconds=3.9), 3),
        (INTERVAL - timedelta(seconds=0.5), 0),
        (INTERVAL, 0),
        (HOUR, 0),
    ],
)
async def test_a_read_may_be_kept_until_the_next_observation_but_five_seconds_at_most(
    api: Api, customer: httpx.AsyncClient, id: UUID, path: str, passed: timedelta, seconds: int
) -> None:
    api.outside.clock.advance(passed)
    answer = await customer.get(path.format(id=id))
    assert answer.headers["Cache-Control"] == f"public, max-age={seconds}"
    again = await customer.get(path.format(id=id), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, answer.headers["Cache-Control"])


async def test_a_list_is_as_fresh_as_what_is_observed_next_on_it(
    api: Api, customer: httpx.AsyncClient, id: UUID
) -> None:
    api.outside.clock.advance(INTERVAL - timedelta(seconds=2))
    other = UUID((await api.create("Pan"))["id"])
    await api.outside.observe(other, OFFER)
    for query, seconds in (("", 2), ("?limit=1", 5)):
        answer = await customer.get(f"/products{query}")
        assert answer.headers["Cache-Control"] == f"public, max-age={seconds}"


@pytest.mark.parametrize("path", READS)
async def test_the_first_observation_may_come_at_any_moment(api: Api, customer: httpx.AsyncClient, path: str) -> None:
    id = (await api.create())["id"]
    assert (await customer.get(path.format(id=id))).headers["Cache-Control"] == "public, max-age=0"


@pytest.mark.parametrize("what", ["price-history", "price-change", "price-statistics", f"offers/{ONLY_OFFER}"])
async def test_prices_over_time_may_be_kept_for_five_seconds(customer: httpx.AsyncClient, id: UUID, what: str) -> None:
    answer = await customer.get(f"/products/{id}/{what}")
    assert answer.headers["Cache-Control"] == "public, max-age=5"


async def test_what_an_admin_is_answered_is_not_stored(api: Api, id: UUID) -> None:
    answers = [
        await api.http.post("/products", json={"name": "Pan", "description": ""}),
        await api.http.patch(f"/products/{id}", json={"name": "Pot"}),
        await api.http.get(f"/products/{id}/synchronisation"),
        await api.http.post(f"/products/{id}/register"),
        await api.http.delete(f"/products/{id}"),
        await api.log_in(),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 202, 204, 200]
    assert [answer.headers.get_list("Cache-Control") for answer in answers] == [["no-store"]] * len(answers)


async def test_a_problem_is_not_stored(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.get(f"/products/{MISSING}"), 404, "product-not-found")
