"""GET /products/{id}/prior-price and the same of an offer: the lowest price before a reduction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, ONLY_OFFER, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from fakes.storage import NOON
from fakes.upkeep import InMemoryCataloguePurge

MICROSECOND, NO_TIME = timedelta(microseconds=1), timedelta(0)
OTHER = UUID("20000000-0000-4000-8000-000000000000")
Path = Callable[[UUID], str]


@pytest.fixture(params=["product", "offer"])
def path(request: pytest.FixtureRequest) -> Path:
    """Of a product with one offer both give the same numbers."""
    of_offer = f"/offers/{ONLY_OFFER}" if request.param == "offer" else ""
    return lambda product_id: f"/products/{product_id}{of_offer}/prior-price"


async def prior(customer: httpx.AsyncClient, path: str, at: datetime | None = None, days: int = 30) -> dict[str, Any]:
    moment = {} if at is None else {"at": shown(at)}
    return await ask(customer, path, None, None, days=str(days), **moment)


async def test_a_reduction_is_compared_with_the_lowest_price_of_the_thirty_days_before(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    id = await api.create_observed(
        (900, 2 * DAY), (1000, 20 * DAY), (950, DAY), (1000, 9 * DAY), (800, HOUR), interval=30 * DAY
    )
    cut = NOON + 32 * DAY
    assert await prior(customer, path(id), cut) == {
        "at": shown(cut),
        "window": {"from": shown(NOON + 2 * DAY), "to": shown(cut)},
        "price": 950,
        "reached_at": shown(NOON + 22 * DAY),
        "price_at": 800,
        "change_percent": -15.79,
        "coverage": 1.0,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("at", "price", "price_at", "reached"),
    [
        # Before the cut, at it, and when it is part of the time before.
        (32 * DAY - MICROSECOND, 900, 1000, NOON + 2 * DAY - MICROSECOND),
        (32 * DAY, 1000, 800, NOON + 2 * DAY),
        (32 * DAY + MICROSECOND, 800, 800, NOON + 32 * DAY),
    ],
)
async def test_both_edges_are_exact(
    api: Api,
    customer: httpx.AsyncClient,
    path: Path,
    at: timedelta,
    price: int,
    price_at: int,
    reached: datetime,
) -> None:
    """A price from before the window counts while it is in force in it; the one that begins at its end does not."""
    id = await api.create_observed((900, 2 * DAY), (1000, 30 * DAY), (800, HOUR), interval=30 * DAY)
    found = await prior(customer, path(id), NOON + at)
    assert (found["price"], found["price_at"], found["reached_at"]) == (price, price_at, shown(reached))


async def test_a_price_that_is_in_force_since_long_before_counts(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    id = await api.create_observed((900, 40 * DAY), (900, NO_TIME), interval=30 * DAY)
    found = await prior(customer, path(id))
    assert (found["at"], found["price"], found["reached_at"]) == (shown(NOON + 40 * DAY), 900, shown(NOON + 10 * DAY))
    assert (found["change_percent"], found["coverage"], found["reason"]) == (0.0, 1.0, None)


async def test_time_out_of_stock_and_unknown_carries_no_price_and_lowers_the_coverage(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    """Six hours at 900, sold out for six on the next day, six at 1000 on the third; unknown in between."""
    id = await api.create_observed((900, DAY), (None, DAY), (1000, 6 * HOUR), interval=2 * HOUR)
    found = await prior(customer, path(id), days=2)
    assert (found["price"], found["reached_at"], found["price_at"]) == (1000, shown(NOON + 2 * DAY), None)
    assert (found["coverage"], found["change_percent"], found["reason"]) == (0.125, None, "unknown")
    whole = await prior(customer, path(id), NOON + 2 * DAY + 5 * HOUR, days=3)
    assert (whole["price"], whole["price_at"], whole["reason"]) == (900, 1000, "shorter-history")


async def test_a_product_that_is_sold_out_at_the_moment_has_no_price_to_compare(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    id = await api.create_observed((900, 2 * DAY), (None, HOUR))
    found = await prior(customer, path(id), days=1)
    assert (found["price"], found["price_at"], found["change_percent"]) == (900, None, None)
    assert found["reason"] == "out-of-stock"


async def test_sold_out_all_the_time_there_is_no_prior_price(api: Api, customer: httpx.AsyncClient, path: Path) -> None:
    id = await api.create_observed((900, HOUR), (None, 3 * DAY), (800, NO_TIME), interval=2 * DAY)
    found = await prior(customer, path(id), days=1)
    assert (found["price"], found["reached_at"], found["price_at"], found["reason"]) == (
        None,
        None,
        800,
        "out-of-stock",
    )
    assert found["coverage"] == 0.0


async def test_a_history_shorter_than_the_window_says_so(api: Api, customer: httpx.AsyncClient, path: Path) -> None:
    id = await api.create_observed((900, 15 * DAY), (800, NO_TIME), interval=30 * DAY)
    found = await prior(customer, path(id))
    assert (found["price"], found["change_percent"], found["coverage"]) == (900, -11.11, 0.5)
    assert found["reason"] == "shorter-history"
    assert (await prior(customer, path(id), days=15))["reason"] is None


async def test_at_the_first_observation_nothing_is_known_of_before(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    id = await api.create_observed((900, NO_TIME))
    found = await prior(customer, path(id))
    assert (found["price"], found["price_at"], found["reason"]) == (None, 900, "insufficient-history")


async def test_of_nothing_there_is_no_percentage(api: Api, customer: httpx.AsyncClient, path: Path) -> None:
    id = await api.create_observed((0, 2 * DAY), (5, NO_TIME))
    found = await prior(customer, path(id), days=1)
    assert (found["price"], found["price_at"], found["change_percent"]) == (0, 5, None)
    assert found["reason"] == "zero-baseline"


async def test_beyond_what_is_kept_nothing_is_told(api: Api, customer: httpx.AsyncClient, path: Path) -> None:
    id = await api.create_observed((900, 40 * DAY), (900, NO_TIME), interval=30 * DAY)
    # Kept since the midnight 35 days before today's.
    assert (await prior(customer, path(id), NOON + 35 * DAY - 12 * HOUR))["reason"] is None
    found = await prior(customer, path(id), NOON + 35 * DAY - 12 * HOUR - MICROSECOND)
    assert [found[name] for name in ("price", "reached_at", "price_at", "change_percent", "coverage")] == [None] * 5
    assert found["reason"] == "beyond-retention"


async def test_of_a_history_that_is_shorter_than_what_is_kept_nothing_is_missing(
    api: Api, customer: httpx.AsyncClient, path: Path
) -> None:
    id = await api.create_observed((900, DAY), (800, DAY))
    found = await prior(customer, path(id), days=300)
    assert (found["price"], found["reason"]) == (800, "shorter-history")
    assert found["coverage"] == pytest.approx(2 / 300, abs=1e-4)


async def test_the_offer_is_compared_with_its_own_prices_and_the_product_with_all(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed()
    for own, others in ((1000, 700), (900, 2000)):
        await api.outside.observe(id, Offer(ONLY_OFFER, own, 1), Offer(OTHER, others, 1), interval=DAY)
        api.outside.clock.advance(2 * DAY)
    cut = NOON + 2 * DAY
    of_product = await prior(customer, f"/products/{id}/prior-price", cut, days=2)
    of_offer = await prior(customer, f"/products/{id}/offers/{ONLY_OFFER}/prior-price", cut, days=2)
    assert (of_product["price"], of_product["price_at"], of_product["change_percent"]) == (700, 900, 28.57)
    assert (of_offer["price"], of_offer["price_at"], of_offer["change_percent"]) == (1000, 900, -10.0)


async def test_an_offer_whose_row_is_gone_still_has_its_prices(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((900, DAY), (None, 2 * DAY))
    assert await InMemoryCataloguePurge(api.outside.storage).purge_sold_out(DAY, 100) == 1
    path = f"/products/{id}/offers/{ONLY_OFFER}/prior-price"
    found = await prior(customer, path, days=3)
    assert (found["price"], found["price_at"], found["reason"]) == (900, None, "out-of-stock")
    problem_of(await customer.get(path, params={"days": 1}), 404, "offer-not-found")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"days": "0"}, ["days"]),
        ({"days": "367"}, ["days"]),
        ({"days": "1.5"}, ["days"]),
        ({"at": "2026-03-14T12:00:00"}, ["at"]),
        ({"at": "now"}, ["at"]),
        ({"at": "0001-01-05T00:00:00Z"}, ["at"]),
        ({"at": shown(NOON + 2 * HOUR)}, ["at"]),
        ({"from": shown(NOON)}, ["from"]),
    ],
)
async def test_what_is_no_time_of_the_past_is_refused(
    api: Api, customer: httpx.AsyncClient, path: Path, query: dict[str, str], wrong: list[str]
) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await customer.get(path(id), params=query)
    assert parameters(problem_of(answer, 422, "validation-error")) == wrong


async def test_of_what_does_not_exist_there_is_no_price(api: Api, customer: httpx.AsyncClient, path: Path) -> None:
    problem_of(await customer.get(path(MISSING)), 404, "product-not-found")
    id = await api.create_observed((1000, HOUR))
    problem_of(await customer.get(f"/products/{id}/offers/{OTHER}/prior-price"), 404, "offer-not-found")
    await api.http.delete(f"/products/{id}")
    problem_of(await customer.get(path(id)), 404, "product-not-found")
