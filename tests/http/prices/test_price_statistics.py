"""GET /products/{id}/price-statistics: weighted by the time for which prices were in force, and by no other time."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, Api, ask, shown
from fakes.storage import NOON

SECOND, MINUTE, NO_TIME = timedelta(seconds=1), timedelta(minutes=1), timedelta(0)
WEEK = 7 * DAY

Prices = list[tuple[int | None, timedelta]]


def path(product_id: UUID) -> str:
    return f"/products/{product_id}/price-statistics"


async def statistics(api: Api, customer: httpx.AsyncClient, prices: Prices, interval: timedelta = DAY) -> Any:
    """Return the statistics of a product's whole life with these prices."""
    product_id = await api.create_observed(*prices, interval=interval)
    return await ask(customer, path(product_id), NOON)


async def test_everything_is_weighted_by_time_and_unknown_time_has_no_weight(
    api: Api, customer: httpx.AsyncClient
) -> None:
    # In stock 2 h at 1000, 1 h at 800, 3 h at 1200 and 2 h at 900; 1 h sold out; 1 h unknown.
    prices: Prices = [(1000, 2 * HOUR), (800, HOUR), (None, HOUR), (1200, 4 * HOUR), (900, 2 * HOUR)]
    assert await statistics(api, customer, prices, interval=HOUR) == {
        "from": shown(NOON),
        "to": shown(NOON + 10 * HOUR),
        "current": 900,
        "average": (2 * 1000 + 1 * 800 + 3 * 1200 + 2 * 900) / 8,
        "median": 1000,
        "p25": 900,
        "p75": 1200,
        "min": {"price": 800, "at": shown(NOON + 2 * HOUR)},
        "max": {"price": 1200, "at": shown(NOON + 4 * HOUR)},
        "percentile": (2 + 3) / 8,
        "out_of_stock_share": 0.1111,
        "coverage": 0.9,
        "verdict": None,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("at_1000", "at_1001", "average", "percentile"),
    [(1, 2, 1000.67, 0.6667), (2, 1, 1000.33, 0.3333), (7, 1, 1000.12, 0.125), (5, 3, 1000.38, 0.375)],
)
async def test_an_average_has_two_decimals_a_half_becomes_even_and_a_share_has_four(
    api: Api, customer: httpx.AsyncClient, at_1000: int, at_1001: int, average: float, percentile: float
) -> None:
    found = await statistics(api, customer, [(1001, at_1001 * HOUR), (1000, at_1000 * HOUR)])
    assert (found["average"], found["percentile"]) == (average, percentile)


@pytest.mark.parametrize(
    ("prices", "quartiles"),
    [
        ([(800, 2 * HOUR), (900, 2 * HOUR), (1000, 2 * HOUR), (1100, 2 * HOUR)], (800, 900, 1000)),
        ([(1100, 2 * HOUR), (1000, 2 * HOUR), (900, 2 * HOUR), (800, 2 * HOUR)], (800, 900, 1000)),
        ([(800, 2 * HOUR - SECOND), (900, 2 * HOUR), (1000, 2 * HOUR), (1100, 2 * HOUR + SECOND)], (900, 1000, 1100)),
        ([(800, HOUR), (1000, 3 * HOUR), (800, HOUR), (None, 10 * HOUR), (900, 3 * HOUR)], (800, 900, 1000)),
        ([(800, HOUR), (5000, SECOND)], (800, 800, 800)),
        ([(0, HOUR), (None, HOUR)], (0, 0, 0)),
    ],
)
async def test_a_quantile_is_the_smallest_price_whose_cumulative_time_reaches_it(
    api: Api, customer: httpx.AsyncClient, prices: Prices, quartiles: tuple[int, int, int]
) -> None:
    found = await statistics(api, customer, prices)
    assert (found["p25"], found["median"], found["p75"]) == quartiles


@pytest.mark.parametrize(
    ("last", "percentile"), [(1100, 0.0), (1000, 0.2), (900, 0.4), (800, 0.6), (700, 0.8), (950, 0.4), (None, None)]
)
async def test_the_percentile_is_the_share_of_the_time_at_higher_prices(
    api: Api, customer: httpx.AsyncClient, last: int | None, percentile: float | None
) -> None:
    prices: Prices = [(price, HOUR) for price in (1100, 1000, 900, 800, last)]
    found = await statistics(api, customer, prices)
    assert (found["current"], found["percentile"]) == (last, percentile)


async def test_extremes_tell_when_they_were_reached_last(api: Api, customer: httpx.AsyncClient) -> None:
    found = await statistics(api, customer, [(price, HOUR) for price in (800, 1000, 800, 1000, 900)])
    assert found["min"] == {"price": 800, "at": shown(NOON + 2 * HOUR)}
    assert found["max"] == {"price": 1000, "at": shown(NOON + 3 * HOUR)}


async def test_a_price_is_not_reached_again_while_it_stays_but_after_a_gap_it_is(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((800, HOUR), (800, 14 * HOUR))
    assert (await ask(customer, path(id), NOON))["min"] == {"price": 800, "at": shown(NOON)}
    inside = NOON + 2 * HOUR
    assert (await ask(customer, path(id), inside))["min"] == {"price": 800, "at": shown(inside)}
    id = await api.create_observed((800, 4 * HOUR), (800, HOUR), interval=HOUR, name="Pan")
    reached = NOON + 19 * HOUR
    assert (await ask(customer, path(id), NOON))["max"] == {"price": 800, "at": shown(reached)}


@pytest.mark.parametrize(
    ("share", "prices"), [(0.0, [(7, DAY)]), (0.25, [(7, 3 * HOUR), (None, HOUR)]), (1.0, [(None, DAY)])]
)
async def test_the_out_of_stock_share_is_of_the_known_time(
    api: Api, customer: httpx.AsyncClient, share: float, prices: Prices
) -> None:
    id = await api.create_observed(*prices)
    found = await ask(customer, path(id), NOON - DAY)
    assert found["out_of_stock_share"] == share


async def test_of_a_product_that_was_never_observed_nothing_is_known(api: Api, customer: httpx.AsyncClient) -> None:
    found = await ask(customer, path(await api.create_observed()))
    window = {"from": shown(NOON - WEEK), "to": shown(NOON)}
    assert found == dict.fromkeys(found) | window | {"coverage": 0.0}


async def test_the_window_is_the_last_seven_days_by_default(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((500, 2 * DAY), (1000, 2 * DAY), (1100, 2 * DAY), (1200, 3 * DAY))
    found = await ask(customer, path(id))
    assert (found["from"], found["min"]) == (shown(NOON + 2 * DAY), {"price": 1000, "at": shown(NOON + 2 * DAY)})
    cut = await ask(customer, path(id), NOON, NOON + 100 * DAY)
    assert (cut["to"], cut["coverage"]) == (shown(NOON + 9 * DAY), 1.0)


async def test_the_current_price_is_that_at_the_end_of_the_window(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), (800, HOUR))
    found = await ask(customer, path(id), NOON, NOON + 90 * SECOND * 60)
    assert (found["current"], found["percentile"]) == (900, 0.6667)


@pytest.mark.parametrize(
    ("last", "verdict"),
    [(999, "low"), (1000, "typical"), (1100, "typical"), (1200, "typical"), (1201, "high"), (None, None)],
)
async def test_a_verdict_compares_the_current_price_with_the_quartiles(
    api: Api, customer: httpx.AsyncClient, last: int | None, verdict: str | None
) -> None:
    found = await statistics(api, customer, [(1000, 3 * DAY), (1200, 3 * DAY), (last, DAY)])
    assert (found["current"], found["verdict"]) == (last, verdict)


async def test_there_is_no_verdict_under_seven_days(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 3 * DAY), (1200, 3 * DAY), (999, DAY))
    assert (await ask(customer, path(id), NOON))["verdict"] == "low"
    shorter = await ask(customer, path(id), NOON + SECOND)
    assert (shorter["verdict"], shorter["reason"]) == (None, None)
    assert (shorter["p25"], shorter["coverage"]) == (1000, 1.0)


async def test_there_is_no_verdict_if_less_than_four_fifths_are_known(api: Api, customer: httpx.AsyncClient) -> None:
    # Each price is known for three days.
    id = await api.create_observed((1000, 4 * DAY), (1100, 4 * DAY), (1000, 2 * DAY))
    found = await ask(customer, path(id), NOON)
    assert (found["coverage"], found["verdict"]) == (0.8, "typical")
    less = await ask(customer, path(id), NOON - SECOND)
    assert (less["coverage"], less["verdict"]) == (0.8, None)


async def test_time_out_of_stock_is_known_time(api: Api, customer: httpx.AsyncClient) -> None:
    found = await statistics(api, customer, [(1000, DAY), (None, 3 * DAY), (None, 2 * DAY), (900, DAY)])
    assert (found["coverage"], found["out_of_stock_share"], found["verdict"]) == (1.0, 0.7143, "typical")


@pytest.mark.parametrize(
    ("days_later", "start", "end"), [(36, 5 * MINUTE, 4 * HOUR - 5 * MINUTE), (91, HOUR, 3 * HOUR)]
)
async def test_beyond_the_steps_only_the_sums_of_buckets_within_the_window_are_left(
    api: Api, customer: httpx.AsyncClient, days_later: int, start: timedelta, end: timedelta
) -> None:
    id = await api.create_observed((1000, 2 * HOUR), (800, 2 * HOUR), (725, 8 * HOUR))
    api.outside.clock.advance(days_later * DAY)
    found = await ask(customer, path(id), NOON + SECOND, NOON + 4 * HOUR - SECOND)
    assert (found["from"], found["to"]) == (shown(NOON + start), shown(NOON + end))
    assert (found["average"], found["reason"]) == (900.0, "beyond-retention")
    assert found["max"] == {"price": 1000, "at": shown(NOON + start)}
    assert found["current"] == 800
    assert [found[name] for name in ("median", "p25", "p75", "percentile", "verdict")] == [None] * 5


async def test_a_price_from_after_the_window_is_never_its_lowest(api: Api, customer: httpx.AsyncClient) -> None:
    """A promotion begins at 14:50; the lowest price before it is asked for when only hours are kept."""
    id = await api.create_observed((1000, 2 * HOUR + 50 * MINUTE), (500, 9 * HOUR))
    api.outside.clock.advance(100 * DAY)
    found = await ask(customer, path(id), NOON, NOON + 2 * HOUR + 50 * MINUTE)
    assert (found["to"], found["min"]["price"], found["current"]) == (shown(NOON + 2 * HOUR), 1000, 1000)


async def test_a_window_within_one_kept_bucket_says_that_nothing_can_be_told(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, 12 * HOUR))
    api.outside.clock.advance(731 * DAY)
    found = await ask(customer, path(id), NOON + SECOND, NOON + 4 * HOUR)
    assert (found["from"], found["to"]) == (shown(NOON + SECOND), shown(NOON + 4 * HOUR))
    assert [found[name] for name in ("average", "min", "max", "coverage", "current")] == [None, None, None, 0.0, None]
    assert found["reason"] == "beyond-retention"


async def test_a_window_that_only_begins_beyond_the_steps_is_summed_up_to_its_own_end(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, 2 * HOUR), (800, 2 * HOUR), interval=30 * DAY)
    api.outside.clock.advance(40 * DAY)
    end = NOON + 40 * DAY + SECOND
    found = await ask(customer, path(id), NOON + HOUR, end)
    assert (found["from"], found["to"]) == (shown(NOON + HOUR), shown(end))
    assert (found["average"], found["coverage"], found["reason"]) == (800.21, 1.0, "beyond-retention")
    assert found["min"] == {"price": 800, "at": shown(NOON + 2 * HOUR)}


async def test_on_the_day_that_is_kept_longest_all_numbers_are_there(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    api.outside.clock.now = NOON + 30 * DAY + 11 * HOUR
    found = await ask(customer, path(id), NOON - 12 * HOUR, NOON + HOUR)
    assert (found["median"], found["reason"]) == (1000, None)


async def test_prices_are_whole_numbers_and_what_was_divided_is_not(api: Api, customer: httpx.AsyncClient) -> None:
    found = await statistics(api, customer, [(1000, WEEK)], interval=WEEK)
    kinds = {name: type(value) for name, value in found.items()}
    assert [kinds[name] for name in ("current", "median", "p25", "p75")] == [int] * 4
    assert [kinds[name] for name in ("average", "percentile", "out_of_stock_share", "coverage")] == [float] * 4
    assert [type(found[name]["price"]) for name in ("min", "max")] == [int] * 2
