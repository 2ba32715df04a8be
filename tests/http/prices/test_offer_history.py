"""GET /products/{id}/offers/{offer_id}: one offer's life, and its prices as far as they are kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, ONLY_OFFER, SOLD_OUT_KEPT, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from fakes.offers_gateway import observed
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


async def test_prices_are_shown_from_the_midnight_35_days_before_today_s_on(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, 3 * DAY), (900, 2 * DAY), (800, 31 * DAY), (700, HOUR), interval=35 * DAY)
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["from"]) == (shown(NOON), shown(MIDNIGHT + DAY))
    assert found["points"] == points(
        (12 * HOUR, 1000, "in_stock"),
        (3 * DAY, 900, "in_stock"),
        (5 * DAY, 800, "in_stock"),
        (36 * DAY, 700, "in_stock"),
    )


async def test_of_an_offer_that_was_sold_out_for_long_its_prices_are_left_and_then_nothing(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), (None, 2 * DAY))
    assert await InMemoryCataloguePurge(api.outside.storage).purge_sold_out(SOLD_OUT_KEPT, 100) == 1
    found = await ask(customer, path(id))
    gone = shown(NOON + 2 * HOUR)
    assert (found["price"], found["items_in_stock"], found["first_seen_at"]) == (900, 0, shown(NOON))
    assert (found["changed_at"], found["sold_out_at"], found["from"]) == (gone, gone, shown(NOON))
    assert found["points"] == points(
        (0 * HOUR, 1000, "in_stock"), (HOUR, 900, "in_stock"), (2 * HOUR, None, "out_of_stock")
    )
    api.outside.clock.now = MIDNIGHT + 36 * DAY
    problem_of(await customer.get(path(id)), 404, "offer-not-found")


async def test_an_offer_that_comes_back_after_its_row_was_purged_is_no_new_offer(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((900, DAY), (None, 2 * DAY))
    assert await InMemoryCataloguePurge(api.outside.storage).purge_sold_out(SOLD_OUT_KEPT, 100) == 1
    await api.outside.observe_prices(id, (950, HOUR))
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["from"]) == (shown(NOON), shown(NOON))
    assert found["points"] == points(
        (0 * DAY, 900, "in_stock"), (DAY, None, "out_of_stock"), (3 * DAY, 950, "in_stock")
    )


async def test_it_is_null_when_an_offer_was_first_seen_if_its_prices_go_back_to_where_the_record_begins(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((900, 34 * DAY), (None, 2 * DAY), interval=35 * DAY)
    assert await InMemoryCataloguePurge(api.outside.storage).purge_sold_out(SOLD_OUT_KEPT, 100) == 1
    await api.outside.observe_prices(id, (950, HOUR))
    found = await ask(customer, path(id))
    assert (found["first_seen_at"], found["from"]) == (None, shown(MIDNIGHT + DAY))


async def test_an_offer_whose_row_stays_unreadable_is_unknown_after_three_intervals(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    dearer = Offer(OTHER.id, 1_100, 1)
    unreadable = replace(observed(dearer), unreadable=frozenset({ONLY_OFFER}), refused=1)
    for answer in [observed(dearer, Offer(ONLY_OFFER, 900, 5)), *[unreadable] * 5, observed(dearer)]:
        await api.outside.observe_answer(id, answer, MINUTE)
        api.outside.clock.advance(MINUTE)
        if answer is unreadable:
            synchronisation = (await api.http.get(f"/products/{id}/synchronisation")).json()
            listed = (await api.http.get("/products?attention=true")).json()["items"]
            assert (synchronisation["refused_rows"], [each["id"] for each in listed]) == (1, [str(id)])
            shows = await ask(customer, path(id))
            stock = 5 if api.outside.clock.now <= NOON + 3 * MINUTE else None
            assert (shows["price"], shows["items_in_stock"], shows["sold_out_at"]) == (900, stock, None)
    assert (await ask(customer, path(id)))["points"] == points(
        (0 * MINUTE, 900, "in_stock"), (3 * MINUTE, None, "unknown"), (6 * MINUTE, None, "out_of_stock")
    )
    shop = (await customer.get(f"/products/{id}?in_stock=any")).json()
    assert (shop["best_offer"]["price"], shop["offers_in_stock"], shop["stale"]) == (1_100, 1, False)
    history = f"/products/{id}/price-history"
    best = await ask(customer, history, NOON, NOON + 7 * MINUTE, interval="raw")
    assert best["series"][0]["points"] == points((0 * MINUTE, 900, "in_stock"), (3 * MINUTE, 1_100, "in_stock"))
    buckets = await ask(customer, history, NOON, NOON + 7 * MINUTE, interval="1h", series="offers")
    shares = {series["offer_id"]: series["points"][0]["coverage"] for series in buckets["series"]}
    assert shares == {str(ONLY_OFFER): 0.5714, str(OTHER.id): 1.0}
    listed = (await customer.get("/products?sort=price")).json()["items"]
    assert [each["best_offer"]["price"] for each in listed] == [1_100]


async def test_a_refused_row_without_an_id_makes_absent_offers_unknown_after_three_intervals(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    dearer = Offer(OTHER.id, 1_100, 1)
    hidden = replace(observed(dearer), complete=False, refused=1)
    for answer in (observed(dearer, Offer(ONLY_OFFER, 900, 5)), *[hidden] * 4):
        await api.outside.observe_answer(id, answer, MINUTE)
        api.outside.clock.advance(MINUTE)
    shop = (await customer.get(f"/products/{id}?in_stock=any")).json()
    assert [offer["price"] for offer in shop["offers"]] == [1_100]
    assert (await ask(customer, path(id)))["points"][-1] == points((3 * MINUTE, None, "unknown"))[0]


async def test_of_an_unconfirmed_offer_nothing_is_known_once_its_trust_ends_whatever_follows(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    unreadable = replace(observed(Offer(OTHER.id, 1_100, 1)), unreadable=frozenset({ONLY_OFFER}), refused=1)
    for answer, passing in (
        (observed(Offer(ONLY_OFFER, 900, 5)), MINUTE),
        (unreadable, MINUTE),
        (unreadable, 3 * MINUTE),  # upstream is away
        (observed(Offer(ONLY_OFFER, 900, 5)), MINUTE),
    ):
        await api.outside.observe_answer(id, answer, MINUTE)
        api.outside.clock.advance(passing)
    expected = points((0 * MINUTE, 900, "in_stock"), (3 * MINUTE, None, "unknown"), (5 * MINUTE, 900, "in_stock"))
    assert (await ask(customer, path(id)))["points"] == expected
    best = await ask(customer, f"/products/{id}/price-history", NOON, NOON + 6 * MINUTE, interval="raw")
    assert best["series"][0]["points"] == expected


async def test_with_unknown_offers_alone_the_best_price_is_unknown_and_not_out_of_stock(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    sold_out = Offer(OTHER.id, 1_100, 0)
    unreadable = replace(observed(sold_out), unreadable=frozenset({ONLY_OFFER}), refused=1)
    for answer in (observed(sold_out, Offer(ONLY_OFFER, 900, 5)), *[unreadable] * 5):
        await api.outside.observe_answer(id, answer, MINUTE)
        api.outside.clock.advance(MINUTE)
    best = await ask(customer, f"/products/{id}/price-history", NOON, NOON + 6 * MINUTE, interval="raw")
    assert best["series"][0]["points"] == points((0 * MINUTE, 900, "in_stock"), (3 * MINUTE, None, "unknown"))
    shop = (await customer.get(f"/products/{id}")).json()
    assert (shop["best_offer"], shop["offers_in_stock"], shop["stale"]) == (None, 0, True)


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
