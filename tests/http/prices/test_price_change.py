"""GET /products/{id}/price-change: the price in force at the end of a period against the one at its start."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, Api, ask, parameters, problem_of, shown
from fakes.storage import NOON

MINUTE, NO_TIME = timedelta(minutes=1), timedelta(0)
TEN_MINUTES = 10 * MINUTE
"""As an interval: an observation is trusted for half an hour."""


def path(product_id: UUID) -> str:
    return f"/products/{product_id}/price-change"


def numbers(answer: dict[str, Any]) -> tuple[Any, ...]:
    return (answer["change"], answer["change_percent"], answer["direction"], answer["reason"])


async def test_a_fall_of_one_percent_an_hour_for_a_day_is_a_fifth(api: Api, customer: httpx.AsyncClient) -> None:
    prices = [(round(100_000 * 0.99**hour), HOUR) for hour in range(24)]
    id = await api.create_observed(*prices, (round(100_000 * 0.99**24), NO_TIME))
    assert await ask(customer, path(id), period="P1D") == {
        "from": {"at": shown(NOON), "price": 100_000},
        "to": {"at": shown(NOON + DAY), "price": 78_568},
        "change": -21_432,
        "change_percent": -21.43,
        "direction": "down",
        "reason": None,
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1000, 1001, (1, 0.1, "up", None)),
        (3000, 2999, (-1, -0.03, "down", None)),
        (1000, 1000, (0, 0.0, "flat", None)),
        (1000, 0, (-1000, -100.0, "down", None)),
        (0, 1000, (1000, None, "up", "zero-baseline")),
        (0, 0, (0, None, "flat", "zero-baseline")),
        (20_000, 20_001, (1, 0.0, "up", None)),
        (20_000, 20_003, (3, 0.02, "up", None)),
        (20_000, 19_995, (-5, -0.02, "down", None)),
        (None, 1000, (None, None, None, "out-of-stock")),
        (1000, None, (None, None, None, "out-of-stock")),
    ],
)
async def test_the_prices_at_both_ends_are_compared(
    api: Api, customer: httpx.AsyncClient, before: int | None, after: int | None, expected: tuple[Any, ...]
) -> None:
    id = await api.create_observed((before, HOUR), (7, HOUR), (after, NO_TIME))
    answer = await ask(customer, path(id), period="PT2H")
    assert numbers(answer) == expected
    assert [type(number) for number in numbers(answer)] == [type(number) for number in expected]
    assert (answer["from"]["price"], answer["to"]["price"]) == (before, after)


@pytest.mark.parametrize("start", [NOON - HOUR, NOON - timedelta(microseconds=1)])
async def test_what_began_after_the_start_is_not_enough(api: Api, customer: httpx.AsyncClient, start: datetime) -> None:
    id = await api.create_observed()
    assert numbers(await ask(customer, path(id))) == (None, None, None, "insufficient-history")
    await api.outside.observe_prices(id, (1000, HOUR), (900, NO_TIME))
    answer = await ask(customer, path(id), start)
    assert numbers(answer) == (None, None, None, "insufficient-history")
    assert (answer["from"]["price"], answer["to"]["price"]) == (None, 900)


@pytest.mark.parametrize(
    ("start", "end", "prices", "reason"),
    [
        (29 * MINUTE, 60 * MINUTE, (1000, 900), None),
        (30 * MINUTE, 60 * MINUTE, (None, 900), "unknown"),
        (0 * MINUTE, 59 * MINUTE, (1000, None), "unknown"),
        (0 * MINUTE, 90 * MINUTE, (1000, None), "unknown"),
        (40 * MINUTE, 50 * MINUTE, (None, None), "unknown"),
    ],
)
async def test_in_an_outage_the_price_is_unknown(
    api: Api,
    customer: httpx.AsyncClient,
    start: timedelta,
    end: timedelta,
    prices: tuple[int | None, int | None],
    reason: str | None,
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), interval=TEN_MINUTES)
    answer = await ask(customer, path(id), NOON + start, NOON + end)
    assert ((answer["from"]["price"], answer["to"]["price"]), answer["reason"]) == (prices, reason)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (-MINUTE, 10 * MINUTE, "insufficient-history"),
        (-MINUTE, 40 * MINUTE, "insufficient-history"),
        (10 * MINUTE, 40 * MINUTE, "out-of-stock"),
        (40 * MINUTE, 70 * MINUTE, "unknown"),
    ],
)
async def test_without_a_price_at_either_end_the_reason_is_that_of_the_start(
    api: Api, customer: httpx.AsyncClient, start: timedelta, end: timedelta, reason: str
) -> None:
    id = await api.create_observed((None, HOUR), (None, HOUR), interval=TEN_MINUTES)
    assert numbers(await ask(customer, path(id), NOON + start, NOON + end)) == (None, None, None, reason)


@pytest.mark.parametrize(
    ("period", "length"),
    [
        ("P7D", 7 * DAY),
        ("PT36H", 36 * HOUR),
        ("P1W", 7 * DAY),
        ("P2W", 14 * DAY),
        ("P1DT12H", 36 * HOUR),
        ("PT90M", 90 * MINUTE),
        ("PT1H30M15S", 90 * MINUTE + timedelta(seconds=15)),
        ("PT0.5S", timedelta(seconds=0.5)),
    ],
)
async def test_a_period_ends_now(api: Api, customer: httpx.AsyncClient, period: str, length: timedelta) -> None:
    id = await api.create_observed((1000, HOUR))
    now = NOON + HOUR
    answer = await ask(customer, path(id), period=period)
    assert (answer["from"]["at"], answer["to"]["at"]) == (shown(now - length), shown(now))


async def test_the_period_is_seven_days_by_default(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 3 * DAY), (900, 3 * DAY), (950, 3 * DAY), (800, NO_TIME))
    answer = await ask(customer, path(id))
    assert (answer["from"]["at"], numbers(answer)) == (shown(NOON + 2 * DAY), (-200, -20.0, "down", None))
    assert answer == await ask(customer, path(id), period="P7D")


@pytest.mark.parametrize(
    "period",
    [
        *("P1M", "P1Y", "P0D", "P0W", "PT0S", "-P1D", "-P1W", "7D", "", "P", "PT", "P7", "seven days", "P1W1D"),
        *("P\u0663W", "PT1H P1D", "P999999999D", "P999999999W", f"P{'9' * 5000}W", f"P{'9' * 5000}D"),
    ],
)
async def test_what_is_no_period_of_time_is_refused(api: Api, customer: httpx.AsyncClient, period: str) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await customer.get(path(id), params={"period": period})
    assert parameters(problem_of(answer, 422, "validation-error")) == ["period"]


@pytest.mark.parametrize("end", ["from", "to"])
async def test_a_period_is_instead_of_from_and_to(api: Api, customer: httpx.AsyncClient, end: str) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await customer.get(path(id), params={"period": "P7D", end: shown(NOON + MINUTE)})
    assert parameters(problem_of(answer, 422, "validation-error")) == ["period"]


async def test_from_and_to_are_any_two_times_of_the_past(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), (1200, HOUR), (100, NO_TIME))
    answer = await ask(customer, path(id), NOON + 30 * MINUTE, NOON + 2 * HOUR)
    assert numbers(answer) == (200, 20.0, "up", None)
    assert (answer["from"]["at"], answer["to"]["at"]) == (shown(NOON + 30 * MINUTE), shown(NOON + 2 * HOUR))
    just_before = await ask(customer, path(id), NOON + 30 * MINUTE, NOON + 2 * HOUR - timedelta(microseconds=1))
    assert numbers(just_before) == (-100, -10.0, "down", None)
    cut = await ask(customer, path(id), NOON, NOON + DAY)
    assert (cut["to"], numbers(cut)) == ({"at": shown(NOON + 3 * HOUR), "price": 100}, (-900, -90.0, "down", None))


@pytest.mark.parametrize("name", ["price-change", "price-history", "price-statistics"])
@pytest.mark.parametrize("interval", [timedelta(seconds=1), DAY])
async def test_another_refresh_interval_moves_no_number_of_the_past(
    api: Api, customer: httpx.AsyncClient, name: str, interval: timedelta
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR), (None, 50 * MINUTE), interval=TEN_MINUTES)
    ends = [NOON + number * 20 * MINUTE for number in range(9)]
    windows = [(start, end) for start in ends for end in ends if start < end]
    before = [await ask(customer, f"/products/{id}/{name}", *window) for window in windows]
    await api.outside.observe_prices(id, (800, HOUR), (700, HOUR), interval=interval)
    assert [await ask(customer, f"/products/{id}/{name}", *window) for window in windows] == before


@pytest.mark.parametrize(
    ("days_later", "start", "end"),
    [(35, 7 * MINUTE, 97 * MINUTE), (36, 5 * MINUTE, 95 * MINUTE), (91, timedelta(0), HOUR)],
)
async def test_beyond_the_steps_the_ends_are_those_of_the_buckets_that_are_kept(
    api: Api, customer: httpx.AsyncClient, days_later: int, start: timedelta, end: timedelta
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR))
    api.outside.clock.advance(days_later * DAY)
    answer = await ask(customer, path(id), NOON + 7 * MINUTE, NOON + 97 * MINUTE)
    assert (answer["from"]["at"], answer["to"]["at"]) == (shown(NOON + start), shown(NOON + end))


async def test_within_one_kept_bucket_no_change_can_be_told(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR))
    api.outside.clock.advance(731 * DAY)
    answer = await ask(customer, path(id), NOON + 7 * MINUTE, NOON + 97 * MINUTE)
    assert (answer["change"], answer["direction"], answer["reason"]) == (None, None, "beyond-retention")
