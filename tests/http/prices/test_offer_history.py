"""GET /products/{id}/offers/{offer_id}: one offer's life, and what it cost while that is remembered."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, ONLY_OFFER, SOLD_OUT_KEPT, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from fakes.storage import NOON
from fakes.upkeep import InMemoryCataloguePurge

MINUTE, NO_TIME = timedelta(minutes=1), timedelta(0)
MIDNIGHT = NOON - 12 * HOUR
OTHER = Offer(UUID("20000000-0000-4000-8000-000000000000"), 10, 1)


def path(product_id: UUID, offer_id: UUID = ONLY_OFFER) -> str:
    return f"/products/{product_id}/offers/{offer_id}"


def points(*expected: tuple[timedelta, int | None, str]) -> list[dict[str, Any]]:
    """Return points as they are shown, by the time that has passed since noon."""
    return [{"at": shown(NOON + passed), "price": price, "state": state} for passed, price, state in expected]


async def test_an_offer_shows_its_life_and_every_price_it_had(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (1000, HOUR), (900, HOUR))
    assert await ask(customer, path(id)) == {
        "id": str(ONLY_OFFER),
        "price": 900,
        "items_in_stock": 1,
        "first_seen_at": shown(NOON),
        "changed_at": shown(NOON + 2 * HOUR),
        "sold_out_at": None,
        "from": shown(NOON),
        "to": shown(NOON + 3 * HOUR),
        "points": points((0 * HOUR, 1000, "in_stock"), (2 * HOUR, 900, "in_stock")),
    }


async def test_an_offer_begins_when_it_was_first_seen_and_others_do_not_matter(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    for offers in ([OTHER], [OTHER, Offer(ONLY_OFFER, 1000, 5)], [Offer(ONLY_OFFER, 1000, 3)]):
        await api.outside.observe(id, *offers, interval=DAY)
        api.outside.clock.advance(HOUR)
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["from"], found["items_in_stock"]) == (shown(NOON + HOUR),) * 2 + (3,)
    assert found["points"] == points((HOUR, 1000, "in_stock"))


async def test_a_sold_out_offer_shows_its_last_price_and_when_it_was_gone(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, HOUR), (None, HOUR))
    found = await ask(customer, path(id))
    assert (found["price"], found["items_in_stock"]) == (1000, 0)
    assert (found["changed_at"], found["sold_out_at"]) == (shown(NOON + HOUR),) * 2
    assert found["points"] == points((0 * HOUR, 1000, "in_stock"), (HOUR, None, "out_of_stock"))


async def test_an_offer_may_come_back_in_stock(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (None, HOUR), (1000, HOUR))
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["changed_at"], found["sold_out_at"]) == (
        shown(NOON),
        shown(NOON + 2 * HOUR),
        None,
    )
    assert found["points"] == points(
        (0 * HOUR, 1000, "in_stock"), (HOUR, None, "out_of_stock"), (2 * HOUR, 1000, "in_stock")
    )


async def test_an_offer_that_was_never_in_stock_is_shown_too(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    await api.outside.observe(id, Offer(ONLY_OFFER, 1000, 0), interval=DAY)
    api.outside.clock.advance(HOUR)
    found = await ask(customer, path(id))
    assert (found["price"], found["items_in_stock"], found["sold_out_at"]) == (1000, 0, shown(NOON))
    assert found["points"] == points((0 * HOUR, None, "out_of_stock"))


async def test_an_offer_is_unknown_in_an_outage(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (1000, HOUR), interval=10 * MINUTE)
    assert (await ask(customer, path(id)))["points"] == points(
        (0 * MINUTE, 1000, "in_stock"),
        (30 * MINUTE, None, "unknown"),
        (60 * MINUTE, 1000, "in_stock"),
        (90 * MINUTE, None, "unknown"),
    )


async def test_an_offer_that_was_seen_only_now_has_no_prices_yet(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, NO_TIME))
    found = await ask(customer, path(id))
    assert (found["from"], found["to"], found["points"]) == (shown(NOON), shown(NOON), [])


async def test_prices_are_shown_from_the_seventh_midnight_before_today_on(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, 3 * DAY), (900, 2 * DAY), (800, 3 * DAY), (700, HOUR))
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["from"]) == (shown(NOON), shown(MIDNIGHT + DAY))
    assert found["points"] == points(
        (12 * HOUR, 1000, "in_stock"),
        (3 * DAY, 900, "in_stock"),
        (5 * DAY, 800, "in_stock"),
        (8 * DAY, 700, "in_stock"),
    )


async def test_of_an_offer_that_was_sold_out_for_long_its_prices_are_left_and_then_nothing(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), (None, 2 * DAY))
    assert await InMemoryCataloguePurge(api.outside.storage).purge_sold_out(SOLD_OUT_KEPT, 100) == 1
    found = await ask(customer, path(id))
    gone = shown(NOON + 2 * HOUR)
    assert (found["price"], found["items_in_stock"], found["first_seen_at"]) == (900, 0, None)
    assert (found["changed_at"], found["sold_out_at"], found["from"]) == (gone, gone, shown(NOON))
    assert found["points"] == points(
        (0 * HOUR, 1000, "in_stock"), (HOUR, 900, "in_stock"), (2 * HOUR, None, "out_of_stock")
    )
    api.outside.clock.now = MIDNIGHT + 8 * DAY
    problem_of(await customer.get(path(id)), 404, "offer-not-found")


@pytest.mark.parametrize("query", ["from=2026-03-14T11:00:00Z", "in_stock=any"])
async def test_the_offer_takes_no_parameters(api: Api, customer: httpx.AsyncClient, query: str) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await customer.get(f"{path(id)}?{query}")
    assert parameters(problem_of(answer, 422, "validation-error")) == [query.partition("=")[0]]


async def test_an_offer_of_another_product_is_not_found(api: Api, customer: httpx.AsyncClient) -> None:
    await api.create_observed((1000, HOUR))
    other = await api.create_observed((None, HOUR), name="Pan")
    problem = problem_of(await customer.get(path(other)), 404, "offer-not-found")
    assert str(ONLY_OFFER) in problem["detail"]


async def test_without_the_product_it_is_the_product_that_is_not_found(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    assert str(MISSING) in problem_of(await customer.get(path(MISSING)), 404, "product-not-found")["detail"]
    await api.http.delete(f"/products/{id}")
    problem_of(await customer.get(path(id)), 404, "product-not-found")


async def test_what_is_no_id_leads_nowhere(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    problem_of(await customer.get(f"/products/{id}/offers/best"), 404, "not-found")
