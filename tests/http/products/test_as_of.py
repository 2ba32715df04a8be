"""`at` on products, their offers and the list: facts of a past time, texts of today."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, ONLY_OFFER, Api, problem_of, shown, walk
from domain.offer import Offer
from domain.prices.retention import Retention
from fakes.storage import NOON

MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
IMMUTABLE = "public, max-age=86400, immutable"
OTHER = UUID("20000000-0000-4000-8000-000000000000")


async def kettle(api: Api) -> UUID:
    """Create a product: at 100 with 3 items, at 90 with 2 after an hour, sold out after two, observed until then."""
    return await api.create_observed((100, HOUR), (90, HOUR), (None, HOUR))


async def test_a_product_is_shown_with_the_facts_of_then_and_the_texts_of_today(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await kettle(api)
    await api.http.patch(f"/products/{id}", json={"name": "Pot"})
    at = NOON + 90 * MINUTE
    answer = await customer.get(f"/products/{id}", params={"at": shown(at)})
    found, now = answer.json(), (await customer.get(f"/products/{id}")).json()
    texts = ("id", "name", "description", "created_at", "updated_at", "revision", "registration")
    assert found == {name: now[name] for name in texts} | {
        "best_offer": {"id": str(ONLY_OFFER), "price": 90, "items_in_stock": None},
        "offers_in_stock": 1,
        "observed_at": shown(NOON + HOUR),
        "stale": False,
        "as_of": shown(at),
        "offers": [
            {
                "id": str(ONLY_OFFER),
                "price": 90,
                "items_in_stock": None,
                "first_seen_at": shown(NOON),
                "changed_at": shown(NOON + HOUR),
            }
        ],
    }
    assert found["name"] == "Pot"
    offers = (await customer.get(f"/products/{id}/offers", params={"at": shown(at)})).json()
    names = ("observed_at", "stale", "as_of")
    assert offers == {"items": found["offers"]} | {name: found[name] for name in names}


async def test_an_offer_that_sold_out_in_the_day_before_has_no_items(api: Api, customer: httpx.AsyncClient) -> None:
    id = await kettle(api)
    for path, name in ((f"/products/{id}", "offers"), (f"/products/{id}/offers", "items")):
        query = {"at": shown(NOON + 2 * HOUR)}
        assert (await customer.get(path, params=query)).json()[name] == []
        (offer,) = (await customer.get(path, params=query | {"in_stock": "any"})).json()[name]
        assert (offer["price"], offer["items_in_stock"], offer["changed_at"]) == (90, 0, shown(NOON + 2 * HOUR))


async def test_a_past_before_the_first_observation_or_in_a_gap_is_unknown(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = UUID((await api.create())["id"])
    api.outside.clock.advance(HOUR)
    await api.outside.observe(id, Offer(ONLY_OFFER, 100, 3), interval=MINUTE)
    api.outside.clock.advance(HOUR)
    for at in (NOON, NOON + HOUR + 3 * MINUTE):
        found = (await customer.get(f"/products/{id}", params={"at": shown(at)})).json()
        assert (found["best_offer"], found["offers_in_stock"], found["offers"]) == (None, None, [])


async def test_a_past_that_cannot_change_is_immutable(api: Api, customer: httpx.AsyncClient) -> None:
    id = await kettle(api)
    for path in (f"/products/{id}", f"/products/{id}/offers", "/products"):
        for at, final in ((NOON + 2 * HOUR - MOMENT, True), (NOON + 2 * HOUR, False), (NOON + 3 * HOUR, False)):
            answer = await customer.get(path, params={"at": shown(at)})
            assert (answer.headers["Cache-Control"] == IMMUTABLE) is final, (path, at)
            tag = {"If-None-Match": answer.headers["ETag"]}
            again = await customer.get(path, params={"at": shown(at)}, headers=tag)
            assert (again.status_code, again.headers["Cache-Control"]) == (304, answer.headers["Cache-Control"])
            present = await customer.get(path, headers=tag)
            assert present.status_code == 200


async def test_times_of_any_zone_are_read_and_shown_in_utc(api: Api, customer: httpx.AsyncClient) -> None:
    id = await kettle(api)
    found = (await customer.get(f"/products/{id}", params={"at": "2026-03-14T14:30:00+01:00"})).json()
    assert (found["as_of"], found["best_offer"]["price"]) == (shown(NOON + 90 * MINUTE), 90)


@pytest.mark.parametrize("path", ["/products", "/products/{id}", "/products/{id}/offers"])
async def test_a_time_that_is_no_past_time_is_refused(api: Api, customer: httpx.AsyncClient, path: str) -> None:
    id = await kettle(api)
    for at in ("yesterday", "2026-03-14T12:00:00", "", "0001-01-01T00:00:00+01:00", shown(NOON + 3 * HOUR + MOMENT)):
        problem = problem_of(await customer.get(path.format(id=id), params={"at": at}), 422, "validation-error")
        assert [each["parameter"] for each in problem["errors"]] == ["at"]
    assert (await customer.get(path.format(id=id), params={"at": shown(NOON + 3 * HOUR)})).status_code == 200


@pytest.mark.parametrize("path", ["/products", "/products/{id}", "/products/{id}/offers"])
async def test_a_time_of_which_offers_are_no_longer_kept_is_refused(
    api: Api, customer: httpx.AsyncClient, path: str
) -> None:
    id = await kettle(api)
    since = Retention().offers_since(api.outside.clock())
    problem = problem_of(
        await customer.get(path.format(id=id), params={"at": shown(since - MOMENT)}), 422, "beyond-retention"
    )
    assert f"{since:%Y-%m-%dT%H:%M:%SZ}" in problem["detail"]
    api.outside.clock.advance(DAY)
    assert (await customer.get(path.format(id=id), params={"at": shown(NOON)})).status_code == 200


async def test_a_product_that_was_created_later_or_is_withdrawn_is_not_found(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await kettle(api)
    for suffix in ("", "/offers"):
        path = f"/products/{id}{suffix}"
        early = await customer.get(path, params={"at": shown(NOON - MOMENT)})
        problem_of(early, 404, "product-not-found")
        missing = await customer.get(f"/products/{MISSING}{suffix}", params={"at": shown(NOON)})
        problem_of(missing, 404, "product-not-found")
    await api.http.delete(f"/products/{id}")
    problem_of(await customer.get(f"/products/{id}", params={"at": shown(NOON)}), 404, "product-not-found")
    assert (await customer.get("/products", params={"at": shown(NOON)})).json()["items"] == []


async def test_a_list_is_filtered_and_sorted_by_the_prices_of_then(api: Api, customer: httpx.AsyncClient) -> None:
    for name, before, after in (("A", 10, 1), ("B", 20, 2), ("C", 30, None), ("D", None, 3)):
        id = UUID((await api.create(name))["id"])
        for price in (before, after):
            await api.outside.observe(id, *([Offer(OTHER, price, 1)] if price else []), interval=DAY)
            api.outside.clock.advance(MINUTE if price is before else -MINUTE)
    api.outside.clock.advance(HOUR)
    at, late = shown(NOON + MINUTE / 2), shown(NOON + MINUTE)
    for query, expected in (
        ({"sort": "-price", "at": at}, ["C", "B", "A", "D"]),
        ({"sort": "price", "at": late}, ["A", "B", "D", "C"]),
        ({"sort": "name", "min_price": "15", "at": at}, ["B", "C"]),
        ({"sort": "name", "max_price": "15", "at": at}, ["A"]),
        ({"sort": "name", "in_stock": "true", "at": late}, ["A", "B", "D"]),
        ({"sort": "name", "q": "c", "at": at}, ["C"]),
        ({"sort": "name", "registration": "pending", "at": at}, []),
    ):
        for limit in ("1", "2", "100"):
            assert await walk(customer, query | {"limit": limit}) == expected


async def test_a_cursor_belongs_to_its_time(api: Api, customer: httpx.AsyncClient) -> None:
    for name in ("A", "B"):
        await api.create(name)
    api.outside.clock.advance(HOUR)
    query = {"limit": "1", "at": shown(NOON)}
    page = (await customer.get("/products", params=query)).json()
    assert (page["as_of"], len(page["items"])) == (shown(NOON), 1)
    for query in ({"limit": "1"}, {"limit": "1", "at": shown(NOON + MINUTE)}):
        problem_of(await customer.get("/products", params=query | {"cursor": page["next"]}), 400, "cursor-mismatch")
    same = {"limit": "1", "at": "2026-03-14T13:00:00+01:00", "cursor": page["next"]}
    (other,) = (await customer.get("/products", params=same)).json()["items"]
    assert {other["name"], page["items"][0]["name"]} == {"A", "B"}


@pytest.mark.parametrize("parameter", [{"attention": "true"}, {"sort": "-change"}, {"period": "P1D"}])
async def test_what_is_known_of_the_present_only_is_refused(api: Api, parameter: dict[str, str]) -> None:
    answer = await api.http.get("/products", params=parameter | {"at": shown(NOON)})
    problem = problem_of(answer, 422, "validation-error")
    assert [each["parameter"] for each in problem["errors"]] == list(parameter)
