"""GET /products/{id}/price-history: the prices in force, as steps or summed up, and unknown time."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from domain.prices.price import PriceState, PriceStep
from fakes.storage import NOON

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
TEN_MINUTES = 10 * MINUTE
"""As an interval: an observation is trusted for half an hour."""
FIRST, SECOND_OFFER = UUID("10000000-0000-0000-0000-000000000001"), UUID("20000000-0000-0000-0000-000000000002")

Point = tuple[timedelta, int | None, str]


def path(product_id: UUID) -> str:
    return f"/products/{product_id}/price-history"


def points(*expected: Point) -> list[dict[str, Any]]:
    """Return points as they are shown, by the time that has passed since noon."""
    return [{"at": shown(NOON + passed), "price": price, "state": state} for passed, price, state in expected]


async def raw(client: httpx.AsyncClient, product_id: UUID, start: timedelta, end: timedelta) -> list[dict[str, Any]]:
    """Return the points of a window, its ends counted from noon."""
    answer = await ask(client, path(product_id), NOON + start, NOON + end, interval="raw")
    (series,) = answer["series"]
    found: list[dict[str, Any]] = series["points"]
    return found


async def bucketed(
    client: httpx.AsyncClient, product_id: UUID, interval: str, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    answer = await ask(client, path(product_id), start, end, interval=interval)
    assert (answer["from"], answer["to"], answer["interval"]) == (shown(start), shown(end), interval)
    (series,) = answer["series"]
    found: list[dict[str, Any]] = series["points"]
    begins = [each["at"] for each in found]
    assert [(each.pop("from"), each.pop("to")) for each in found] == list(pairwise([*begins, shown(end)]))
    return found


def bucket(at: timedelta, *numbers: float | None) -> dict[str, Any]:
    names = ("open", "close", "min", "max", "average", "in_stock_share", "coverage")
    return {"at": shown(NOON + at), **dict(zip(names, numbers, strict=True))}


def times(buckets: list[dict[str, Any]]) -> list[str]:
    return [each["at"] for each in buckets]


async def test_raw_points_say_what_is_in_force_and_the_first_one_is_at_the_begin(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, HOUR), (1000, HOUR), (900, HOUR), (950, HOUR))
    start, end = NOON + 30 * MINUTE, NOON + 3 * HOUR
    assert await ask(customer, path(id), start, end, interval="raw") == {
        "from": shown(start),
        "to": shown(end),
        "interval": "raw",
        "series": [
            {"offer_id": None, "points": points((30 * MINUTE, 1000, "in_stock"), (2 * HOUR, 900, "in_stock"))},
        ],
        "reason": None,
    }


async def test_the_best_price_is_the_lowest_of_the_offers_in_stock(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    await api.outside.observe(id, Offer(FIRST, 1000, 1), Offer(SECOND_OFFER, 900, 1), interval=DAY)
    api.outside.clock.advance(HOUR)
    await api.outside.observe(id, Offer(FIRST, 1000, 1), Offer(SECOND_OFFER, 900, 0), interval=DAY)
    api.outside.clock.advance(HOUR)
    assert await raw(customer, id, 0 * HOUR, 2 * HOUR) == points((0 * HOUR, 900, "in_stock"), (HOUR, 1000, "in_stock"))


async def test_a_product_that_sells_out_is_out_of_stock_without_a_price(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (None, HOUR), (0, HOUR))
    assert await raw(customer, id, 0 * HOUR, 3 * HOUR) == points(
        (0 * HOUR, 1000, "in_stock"), (HOUR, None, "out_of_stock"), (2 * HOUR, 0, "in_stock")
    )


async def test_an_outage_is_unknown_from_three_intervals_after_the_last_observation(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, HOUR), (1000, HOUR), interval=TEN_MINUTES)
    assert await raw(customer, id, 0 * HOUR, 2 * HOUR) == points(
        (0 * MINUTE, 1000, "in_stock"),
        (30 * MINUTE, None, "unknown"),
        (60 * MINUTE, 1000, "in_stock"),
        (90 * MINUTE, None, "unknown"),
    )
    assert await raw(customer, id, 40 * MINUTE, 50 * MINUTE) == points((40 * MINUTE, None, "unknown"))


async def test_what_was_out_of_stock_is_unknown_in_an_outage_too(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((None, HOUR), interval=TEN_MINUTES)
    assert await raw(customer, id, 0 * HOUR, HOUR) == points(
        (0 * MINUTE, None, "out_of_stock"), (30 * MINUTE, None, "unknown")
    )


async def test_before_the_first_observation_all_is_unknown(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    assert await raw(customer, id, -HOUR, 0 * HOUR) == points((-HOUR, None, "unknown"))
    await api.outside.observe_prices(id, (1000, HOUR))
    assert await raw(customer, id, -HOUR, HOUR) == points((-HOUR, None, "unknown"), (0 * HOUR, 1000, "in_stock"))


async def test_nothing_happens_at_midnight(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 13 * HOUR), (900, HOUR))
    assert await raw(customer, id, 0 * HOUR, 14 * HOUR) == points(
        (0 * HOUR, 1000, "in_stock"), (13 * HOUR, 900, "in_stock")
    )


async def test_the_end_is_no_longer_in_the_window(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR))
    assert await raw(customer, id, 0 * HOUR, HOUR) == points((0 * HOUR, 1000, "in_stock"))


async def test_prices_are_whole_numbers_and_what_was_divided_is_not(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    (point,) = await raw(customer, id, 0 * HOUR, HOUR)
    assert type(point["price"]) is int
    (summed,) = await bucketed(customer, id, "1h", NOON, NOON + HOUR)
    kinds = {name: type(value) for name, value in summed.items() if name not in ("at", "from", "to")}
    whole = dict.fromkeys(("open", "close", "min", "max"), int)
    assert kinds == whole | dict.fromkeys(("average", "in_stock_share", "coverage"), float)


async def test_buckets_are_weighted_by_time_and_clipped_to_the_window(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 90 * MINUTE), (None, 30 * MINUTE), (800, 20 * MINUTE), (900, 100 * MINUTE))
    assert await bucketed(customer, id, "1h", NOON + 15 * MINUTE, NOON + 195 * MINUTE) == [
        bucket(15 * MINUTE, 1000, 1000, 1000, 1000, 1000.0, 1.0, 1.0),
        bucket(1 * HOUR, 1000, None, 1000, 1000, 1000.0, 0.5, 1.0),
        bucket(2 * HOUR, 800, 900, 800, 900, 866.67, 1.0, 1.0),
        bucket(3 * HOUR, 900, 900, 900, 900, 900.0, 1.0, 1.0),
    ]


async def test_a_bucket_tells_how_much_of_it_is_known(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 2 * HOUR), (900, 45 * MINUTE), interval=TEN_MINUTES)
    assert await bucketed(customer, id, "1h", NOON - HOUR, NOON + 165 * MINUTE) == [
        bucket(-1 * HOUR, None, None, None, None, None, None, 0.0),
        bucket(0 * HOUR, 1000, None, 1000, 1000, 1000.0, 1.0, 0.5),
        bucket(1 * HOUR, None, None, None, None, None, None, 0.0),
        bucket(2 * HOUR, 900, None, 900, 900, 900.0, 1.0, 0.6667),
    ]


@pytest.mark.parametrize(
    ("interval", "begins"),
    [
        ("5m", [NOON + 2 * MINUTE, NOON + 5 * MINUTE, NOON + 10 * MINUTE]),
        ("1h", [NOON + 2 * MINUTE, NOON + HOUR]),
        ("1d", [NOON + 2 * MINUTE, NOON + 12 * HOUR, NOON + 36 * HOUR]),
    ],
)
async def test_buckets_begin_where_their_width_divides_the_day(
    api: Api, customer: httpx.AsyncClient, interval: str, begins: list[datetime]
) -> None:
    id = await api.create_observed((1000, 2 * DAY))
    found = await bucketed(customer, id, interval, begins[0], begins[-1] + MINUTE)
    assert times(found) == [shown(begin) for begin in begins]


async def test_zooming_changes_neither_the_lowest_nor_the_highest_price(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR), (700, SECOND), (1300, SECOND), (1000, 20 * HOUR))
    end = api.outside.clock()
    steps = [point["price"] for point in await raw(customer, id, 0 * HOUR, end - NOON)]
    for interval in ("5m", "1h", "1d"):
        found = await bucketed(customer, id, interval, NOON, end)
        assert min(each["min"] for each in found) == min(steps) == 700
        assert max(each["max"] for each in found) == max(steps) == 1300


async def test_auto_gives_600_steps_and_sums_up_one_more(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed(*[(1000 + number % 2, 2 * MINUTE) for number in range(600)])
    whole = await ask(customer, path(id), NOON)
    assert (whole["interval"], len(whole["series"][0]["points"])) == ("raw", 600)
    await api.outside.observe_prices(id, (1000, MINUTE))
    summed = await ask(customer, path(id), NOON)
    assert (summed["interval"], len(summed["series"][0]["points"])) == ("5m", 241)


@pytest.mark.parametrize(
    ("length", "interval", "count"),
    [
        (48 * HOUR, "raw", 1),
        (48 * HOUR + SECOND, "5m", 577),
        (50 * HOUR, "5m", 600),
        (50 * HOUR + SECOND, "1h", 51),
        (7 * DAY, "1h", 168),
        (25 * DAY, "1h", 600),
        (25 * DAY + SECOND, "1d", 26),
        (599 * DAY + 12 * HOUR, "1d", 600),
    ],
)
async def test_auto_takes_the_finest_interval_of_at_most_600_points(
    api: Api, customer: httpx.AsyncClient, length: timedelta, interval: str, count: int
) -> None:
    id = await api.create_observed()
    found = await ask(customer, path(id), NOON - length)
    assert (found["interval"], len(found["series"][0]["points"])) == (interval, count)
    assert found == await ask(customer, path(id), NOON - length, interval="auto")


async def test_auto_gives_weeks_beyond_600_days(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    weeks = await ask(customer, path(id), NOON - 600 * DAY)
    assert (weeks["interval"], len(weeks["series"][0]["points"])) == ("1w", 86)
    assert len((await ask(customer, path(id), NOON - 600 * DAY, interval="1d"))["series"][0]["points"]) == 601


@pytest.mark.parametrize(("days_later", "interval"), [(36, "5m"), (91, "1h"), (731, "1d")])
async def test_auto_takes_what_is_still_kept(
    api: Api, customer: httpx.AsyncClient, days_later: int, interval: str
) -> None:
    id = await api.create_observed((1000, HOUR))
    api.outside.clock.advance(days_later * DAY)
    found = await ask(customer, path(id), NOON, NOON + HOUR)
    assert (found["interval"], found["reason"]) == (interval, None)
    assert max(each["max"] or 0 for each in found["series"][0]["points"]) == 1000


async def test_every_offer_of_the_window_has_a_series_of_its_own(api: Api, customer: httpx.AsyncClient) -> None:
    id, observe, advance = await api.create_observed(), api.outside.observe, api.outside.clock.advance
    await observe(id, Offer(FIRST, 1000, 5), interval=DAY)
    advance(HOUR)
    await observe(id, Offer(SECOND_OFFER, 900, 1), Offer(FIRST, 1000, 4), interval=DAY)
    advance(HOUR)
    await observe(id, Offer(SECOND_OFFER, 900, 0), Offer(FIRST, 1100, 4), interval=DAY)
    advance(HOUR)
    first = points((0 * HOUR, 1000, "in_stock"), (2 * HOUR, 1100, "in_stock"))
    second = points((0 * HOUR, None, "out_of_stock"), (HOUR, 900, "in_stock"), (2 * HOUR, None, "out_of_stock"))
    found = await ask(customer, path(id), NOON, interval="raw", series="offers")
    assert found["series"] == [
        {"offer_id": str(FIRST), "points": first},
        {"offer_id": str(SECOND_OFFER), "points": second},
    ]
    assert found == await ask(customer, path(id), NOON, series="offers")
    before = await ask(customer, path(id), NOON, NOON + HOUR, interval="raw", series="offers")
    assert [each["offer_id"] for each in before["series"]] == [str(FIRST)]
    assert (await ask(customer, path(id), NOON, interval="raw", series="best"))["series"][0]["offer_id"] is None


async def test_an_offer_that_outlasts_an_outage_is_unknown_in_it(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    for _ in range(2):
        await api.outside.observe(id, Offer(FIRST, 1000, 5), interval=TEN_MINUTES)
        api.outside.clock.advance(HOUR)
    found = await ask(customer, path(id), NOON - HOUR, interval="raw", series="offers")
    expected = points(
        (-HOUR, None, "unknown"),
        (0 * MINUTE, 1000, "in_stock"),
        (30 * MINUTE, None, "unknown"),
        (60 * MINUTE, 1000, "in_stock"),
        (90 * MINUTE, None, "unknown"),
    )
    assert found["series"] == [{"offer_id": str(FIRST), "points": expected}]


async def test_offers_are_summed_up_where_they_were_in_stock(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    offers = {FIRST: Offer(FIRST, 1000, 5), SECOND_OFFER: Offer(SECOND_OFFER, 900, 5)}
    for seen, passing in [((FIRST,), 90 * MINUTE), ((SECOND_OFFER,), 30 * MINUTE), ((), 60 * MINUTE)]:
        await api.outside.observe(id, *[offers[each] for each in seen], interval=TEN_MINUTES)
        api.outside.clock.advance(passing)
    found = await ask(customer, path(id), NOON, interval="1h", series="offers")
    assert found["series"] == [
        {
            "offer_id": str(id),
            "points": [{**of_hour, "from": shown(NOON + begin), "to": shown(NOON + begin + HOUR)}],
        }
        for id, begin, of_hour in (
            (FIRST, 0 * HOUR, bucket(0 * HOUR, 1000, None, 1000, 1000, 1000.0, 1.0, 0.5)),
            (SECOND_OFFER, HOUR, bucket(1 * HOUR, None, 900, 900, 900, 900.0, 1.0, 0.5)),
        )
    ]


async def test_a_product_without_offers_has_no_series_of_them(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((None, HOUR))
    for interval in ("auto", "raw", "1h"):
        assert (await ask(customer, path(id), NOON, interval=interval, series="offers"))["series"] == []


async def test_the_window_is_the_last_seven_days_by_default(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    found = await ask(customer, path(id))
    now = NOON + HOUR
    assert (found["from"], found["to"], found["interval"]) == (shown(now - 7 * DAY), shown(now), "1h")
    ended = await ask(customer, path(id), end=NOON - DAY)
    assert (ended["from"], ended["to"]) == (shown(NOON - 8 * DAY), shown(NOON - DAY))


async def test_what_is_still_to_come_is_cut_off(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    now = NOON + HOUR
    found = await ask(customer, path(id), now - 48 * HOUR, now + DAY, interval="raw")
    assert (found["from"], found["to"]) == (shown(now - 48 * HOUR), shown(now))
    buckets = (await ask(customer, path(id), NOON, now + DAY, interval="1h"))["series"][0]["points"]
    assert times(buckets) == [shown(NOON)]


async def test_a_time_may_have_any_zone_and_is_shown_in_utc(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await customer.get(path(id), params={"from": "2026-03-14T17:45:00.5+05:45", "interval": "raw"})
    assert answer.json()["from"] == "2026-03-14T12:00:00.500000Z"


async def test_raw_is_for_48_hours(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    assert len(await raw(customer, id, -48 * HOUR, 0 * HOUR)) == 1
    for series in ("best", "offers"):
        window = {"from": shown(NOON - 48 * HOUR - SECOND), "interval": "raw", "series": series}
        problem_of(await customer.get(path(id), params=window), 422, "window-too-large")


async def test_an_answer_has_at_most_30_000_steps(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    moments = [NOON + number * SECOND for number in range(30_002)]
    for price, (start, end) in enumerate(pairwise(moments)):
        api.outside.storage.rows.steps.append((id, PriceStep(PriceState.IN_STOCK, price, start, end)))
    api.outside.clock.advance(DAY)
    assert len(await raw(customer, id, 0 * HOUR, 30_000 * SECOND)) == 30_000
    window = {"from": shown(NOON), "to": shown(NOON + 30_001 * SECOND), "interval": "raw"}
    problem_of(await customer.get(path(id), params=window), 422, "window-too-large")


async def test_an_answer_has_at_most_30_000_buckets(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    start = NOON - 29_999 * DAY
    assert len((await ask(customer, path(id), start, interval="1d"))["series"][0]["points"]) == 30_000
    window = {"from": shown(start - DAY), "interval": "1d"}
    problem_of(await customer.get(path(id), params=window), 422, "window-too-large")


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({"interval": "raw"}, 35),
        ({"interval": "raw", "series": "offers"}, 35),
        ({"interval": "1h", "series": "offers"}, 35),
        ({"interval": "5m"}, 90),
        ({"interval": "1h"}, 730),
    ],
)
async def test_what_is_no_longer_kept_has_no_series_but_a_reason(
    api: Api, customer: httpx.AsyncClient, query: dict[str, str], days: int
) -> None:
    id = await api.create_observed((1000, HOUR))
    kept_since = NOON - 12 * HOUR - days * DAY
    found = await ask(customer, path(id), kept_since, kept_since + HOUR, **query)
    assert (found["reason"], found["series"] is None) == (None, False)
    start, end = kept_since - SECOND, kept_since + HOUR
    assert await ask(customer, path(id), start, end, **query) == {
        "from": shown(start),
        "to": shown(end),
        "interval": query["interval"],
        "series": None,
        "reason": "beyond-retention",
    }


async def test_days_are_kept_for_ever(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    api.outside.clock.advance(10_000 * DAY)
    (whole_day,) = (await ask(customer, path(id), NOON, NOON + HOUR, interval="1d"))["series"][0]["points"]
    assert whole_day["average"] == 1000.0


@pytest.mark.parametrize(
    ("interval", "start", "end", "begins"),
    [
        ("5m", 20 * MINUTE, 100 * MINUTE, [(20 + 5 * number) * MINUTE for number in range(16)]),
        ("1h", 0 * HOUR, 2 * HOUR, [0 * HOUR, 1 * HOUR]),
        ("1d", -12 * HOUR, 12 * HOUR, [-12 * HOUR]),
    ],
)
async def test_a_window_beyond_the_steps_is_widened_to_whole_buckets(
    api: Api, customer: httpx.AsyncClient, interval: str, start: timedelta, end: timedelta, begins: list[timedelta]
) -> None:
    id = await api.create_observed((1000, HOUR), (900, HOUR))
    api.outside.clock.advance(40 * DAY)
    asked = NOON + 20 * MINUTE + SECOND, NOON + 100 * MINUTE - SECOND
    found = await ask(customer, path(id), *asked, interval=interval)
    assert (found["from"], found["to"]) == (shown(NOON + start), shown(NOON + end))
    buckets = found["series"][0]["points"]
    assert times(buckets) == [shown(NOON + begin) for begin in begins]
    assert (buckets[0]["open"] or buckets[0]["max"], buckets[-1]["min"]) == (1000, 900)


async def test_only_the_end_beyond_the_steps_is_widened(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    start, end = NOON - 40 * DAY + MINUTE, NOON - MINUTE
    found = await ask(customer, path(id), start, end, interval="1h")
    assert (found["from"], found["to"]) == (shown(NOON - 40 * DAY), shown(end))


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("interval=2h", "interval"),
        ("interval=RAW", "interval"),
        ("interval=", "interval"),
        ("series=all", "series"),
        ("period=P7D", "period"),
        ("start=2026-03-14T11:00:00Z", "start"),
        ("bucket=1h", "bucket"),
    ],
)
async def test_what_is_unknown_is_refused(api: Api, customer: httpx.AsyncClient, query: str, parameter: str) -> None:
    id = await api.create_observed()
    answer = await customer.get(f"{path(id)}?{query}")
    assert parameters(problem_of(answer, 422, "validation-error")) == [parameter]


@pytest.mark.parametrize("insight", ["price-history", "price-change", "price-statistics"])
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("from=2026-03-14T11:00:00Z&to=2026-03-14T11:00:00Z", "from"),
        ("from=2026-03-14T11:00:00Z&to=2026-03-14T10:00:00Z", "from"),
        ("from=2026-03-14T12:00:00Z", "from"),
        ("from=2026-03-14T12:00:00Z&to=2026-03-15T12:00:00Z", "from"),
        ("from=2026-03-15T12:00:00Z&to=2026-03-16T12:00:00Z", "from"),
        ("from=2026-03-14T11:00:00", "from"),
        ("from=2026-03-14T11:00:00+01:00", "from"),
        ("from=2026-03-14", "from"),
        ("from=1773486000", "from"),
        ("from=", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=2026-03-14T11:00:00", "to"),
        ("to=yesterday", "to"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("to=0001-01-03T00:00:00Z", "from"),
        ("until=2026-03-14T11:00:00Z", "until"),
    ],
)
async def test_a_window_begins_before_its_end_and_in_the_past_at_times_with_a_zone(
    api: Api, customer: httpx.AsyncClient, insight: str, query: str, parameter: str
) -> None:
    id = await api.create_observed((1000, 0 * HOUR))
    answer = await customer.get(f"/products/{id}/{insight}?{query}")
    assert parameters(problem_of(answer, 422, "validation-error")) == [parameter]


@pytest.mark.parametrize(
    "insight",
    [
        "price-history",
        "price-history?interval=raw&from=2026-03-14T11:00:00Z",
        "price-history?interval=raw&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
        "price-history?interval=1h&series=offers",
        "price-history?interval=1h&series=offers&from=2026-01-01T00:00:00Z",
        "price-change",
        "price-statistics",
        "price-statistics?from=2026-01-01T00:00:00Z",
    ],
)
async def test_a_product_that_is_not_there_has_no_prices(api: Api, customer: httpx.AsyncClient, insight: str) -> None:
    withdrawn = await api.create_observed((1000, HOUR))
    assert (await api.http.delete(f"/products/{withdrawn}")).status_code == 204
    for id in (MISSING, withdrawn):
        problem_of(await customer.get(f"/products/{id}/{insight}"), 404, "product-not-found")


@pytest.mark.parametrize(
    ("years", "interval", "points"),
    [(2, "1w", 105), (11, "1w", 575), (12, "1mo", 145), (49, "1mo", 589), (1_500, "1mo", 600)],
)
async def test_auto_answers_any_window_in_weeks_or_months(
    api: Api, customer: httpx.AsyncClient, years: int, interval: str, points: int
) -> None:
    id = await api.create_observed((1000, DAY), (900, HOUR))
    now = api.outside.clock()
    found = await ask(customer, path(id), now.replace(year=now.year - years))
    shown_points = found["series"][0]["points"]
    assert (found["interval"], len(shown_points)) == (interval, points)
    assert (shown_points[-1]["min"], shown_points[-1]["max"], shown_points[-1]["close"]) == (900, 1000, 900)
    assert shown_points[0]["coverage"] == 0.0


async def test_months_begin_on_the_first_and_weeks_on_monday(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    for years, begins in ((2, {"weekday": 0}), (20, {"day": 1})):
        now = api.outside.clock()
        found = await ask(customer, path(id), now.replace(year=now.year - years))
        for point in found["series"][0]["points"][1:]:
            at = datetime.fromisoformat(point["at"])
            assert {"weekday": at.weekday(), "day": at.day}.items() >= begins.items()


async def test_auto_says_that_offers_are_not_kept_for_years(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    found = await ask(customer, path(id), NOON - 700 * DAY, series="offers")
    assert (found["series"], found["reason"]) == (None, "beyond-retention")
