"""What customers see of a product: its offers, the best of them, and how old all that is."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api_client.api import INTERVAL, MISSING, Api, parameters, problem_of
from domain.offer import Offer

CHEAP = Offer(UUID("10000000-0000-0000-0000-000000000001"), 900, 3)
DEAR = Offer(UUID("10000000-0000-0000-0000-000000000002"), 1_200, 50)
SOLD_OUT = Offer(UUID("10000000-0000-0000-0000-000000000003"), 100, 0)
NOON, A_MINUTE_LATER = "2026-03-14T12:00:00Z", "2026-03-14T12:01:00Z"


async def observed(api: Api, *offers: Offer) -> UUID:
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, *offers)
    return id


async def test_a_product_shows_its_offers_in_stock_cheapest_first_and_the_best_of_them(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await observed(api, DEAR, SOLD_OUT, CHEAP)
    answer = await customer.get(f"/products/{id}")
    assert answer.status_code == 200
    cheap = {"id": str(CHEAP.id), "price": 900, "items_in_stock": 3}
    since = {"first_seen_at": NOON, "changed_at": NOON}
    assert answer.json() == {
        "id": str(id),
        "name": "Kettle",
        "description": "Boils",
        "created_at": NOON,
        "updated_at": NOON,
        "revision": 2,
        "registration": {"state": "registered", "since": NOON, "detail": None},
        "best_offer": cheap,
        "offers_in_stock": 2,
        "observed_at": NOON,
        "stale": False,
        "offers": [cheap | since, {"id": str(DEAR.id), "price": 1200, "items_in_stock": 50} | since],
    }
    listed = (await customer.get("/products")).json()["items"]
    shown = {name: value for name, value in answer.json().items() if name != "offers"}
    assert listed == [shown | {"change": None}]


async def test_sold_out_offers_are_shown_on_demand(api: Api, customer: httpx.AsyncClient) -> None:
    id = await observed(api, SOLD_OUT, CHEAP)
    product = (await customer.get(f"/products/{id}?in_stock=any")).json()
    offers = (await customer.get(f"/products/{id}/offers?in_stock=any")).json()
    assert [(offer["id"], offer["items_in_stock"]) for offer in product["offers"]] == [
        (str(CHEAP.id), 3),
        (str(SOLD_OUT.id), 0),
    ]
    assert offers["items"] == product["offers"]
    assert product["offers_in_stock"] == 1


async def test_the_offers_alone_tell_when_they_were_observed(api: Api, customer: httpx.AsyncClient) -> None:
    id = await observed(api, CHEAP, SOLD_OUT)
    answer = (await customer.get(f"/products/{id}/offers")).json()
    assert [offer["id"] for offer in answer["items"]] == [str(CHEAP.id)]
    assert answer | {"items": []} == {"items": [], "observed_at": NOON, "stale": False}


async def test_what_was_never_observed_is_null(api: Api, customer: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    product = (await customer.get(f"/products/{id}")).json()
    assert (product["best_offer"], product["observed_at"], product["offers"]) == (None, None, [])
    assert (await customer.get(f"/products/{id}/offers")).json() == {"items": [], "observed_at": None, "stale": False}


async def test_a_product_that_nobody_offers_has_no_best_offer(api: Api, customer: httpx.AsyncClient) -> None:
    id = await observed(api, SOLD_OUT)
    product = (await customer.get(f"/products/{id}")).json()
    assert (product["best_offer"], product["offers_in_stock"], product["observed_at"]) == (None, 0, NOON)


async def test_an_observation_goes_stale_and_a_new_one_mends_that(api: Api, customer: httpx.AsyncClient) -> None:
    id = await observed(api, CHEAP)
    path, tags = f"/products/{id}", []
    for minutes, stale in ((0, False), (10, True)):
        api.outside.clock.advance(timedelta(minutes=minutes))
        answer = await customer.get(path)
        assert answer.json()["stale"] is stale
        assert (await customer.get(f"{path}/offers")).json()["stale"] is stale
        tags.append(answer.headers["ETag"])
    await api.outside.observe(id, CHEAP)
    answer = await customer.get(path)
    assert answer.json()["stale"] is False
    assert len({*tags, answer.headers["ETag"]}) == 3


async def test_an_observation_changes_the_tag_but_not_the_revision(api: Api, customer: httpx.AsyncClient) -> None:
    id = await observed(api, CHEAP)
    before = await customer.get(f"/products/{id}")
    api.outside.clock.advance(INTERVAL)
    await api.outside.observe(id, CHEAP)
    after = await customer.get(f"/products/{id}")
    assert after.json()["observed_at"] == A_MINUTE_LATER
    tags = [answer.headers["ETag"].strip('"').split(".") for answer in (before, after)]
    assert [tag[0] for tag in tags] == [str(after.json()["revision"]) for _ in tags]
    assert tags[0][1] != tags[1][1]


@pytest.mark.parametrize("path", ["", "/offers"])
@pytest.mark.parametrize("wrong", ["all", "true", "", "ANY", "any&in_stock=all"])
async def test_in_stock_is_any_or_not_there(api: Api, customer: httpx.AsyncClient, path: str, wrong: str) -> None:
    id = await observed(api, CHEAP)
    answer = await customer.get(f"/products/{id}{path}?in_stock={wrong}")
    assert parameters(problem_of(answer, 422, "validation-error")) == ["in_stock"]


@pytest.mark.parametrize("path", ["", "/offers", "/synchronisation"])
async def test_a_product_that_is_not_there_is_not_found(api: Api, path: str) -> None:
    problem = problem_of(await api.http.get(f"/products/{MISSING}{path}"), 404, "product-not-found")
    assert str(MISSING) in problem["detail"]


@pytest.mark.parametrize("id", ["7", "no-uuid", f"{MISSING}0", "%00"])
async def test_what_is_no_id_leads_nowhere(customer: httpx.AsyncClient, id: str) -> None:
    problem_of(await customer.get(f"/products/{id}"), 404, "not-found")


@pytest.mark.parametrize("query", ["query=drill", "Q=drill", "limit=5&page=2", "catalogue=x"])
async def test_a_parameter_that_the_list_does_not_have_is_refused(customer: httpx.AsyncClient, query: str) -> None:
    problem_of(await customer.get(f"/products?{query}"), 422, "validation-error")
