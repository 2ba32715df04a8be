"""GET /products/{id}/price-history in time zones, and in weeks and months: exact buckets, or none."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from api_client.api import DAY, HOUR, MISSING, Api, ask, parameters, problem_of, shown
from domain.offer import Offer
from fakes.storage import NOON

PRAGUE, KOLKATA = ZoneInfo("Europe/Prague"), ZoneInfo("Asia/Kolkata")
MIDNIGHT = datetime(2026, 3, 14, tzinfo=UTC)
MONDAY = datetime(2026, 3, 23, tzinfo=PRAGUE)
"""Of the week on whose Sunday clocks in Prague are put forward."""
SUNDAY = datetime(2026, 10, 25, tzinfo=PRAGUE)
"""On which they are put back."""
SOME_OFFER = UUID("10000000-0000-0000-0000-000000000001")


def path(product_id: UUID) -> str:
    return f"/products/{product_id}/price-history"


async def buckets(
    client: httpx.AsyncClient, product_id: UUID, start: datetime, end: datetime, **query: str
) -> list[dict[str, Any]]:
    answer = await ask(client, path(product_id), start.astimezone(UTC), end.astimezone(UTC), **query)
    (series,) = answer["series"]
    points: list[dict[str, Any]] = series["points"]
    return points


def hours(points: list[dict[str, Any]]) -> list[float]:
    return [(datetime.fromisoformat(each["to"]) - datetime.fromisoformat(each["from"])) / HOUR for each in points]


async def test_a_week_in_which_clocks_are_put_forward_has_a_day_of_23_hours(
    api: Api, customer: httpx.AsyncClient
) -> None:
    id = await api.create_observed((1000, 60 * DAY), interval=60 * DAY)
    found = await buckets(customer, id, MONDAY, MONDAY + 7 * DAY, interval="1d", tz="Europe/Prague")
    assert hours(found) == [24, 24, 24, 24, 24, 24, 23]
    assert [(each["from"], each["to"]) for each in found[5:]] == [
        ("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"),
        ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ]
    assert [each["at"] for each in found[5:]] == ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z"]
    assert {(each["average"], each["coverage"]) for each in found} == {(1000.0, 1.0)}


async def test_a_week_in_which_clocks_are_put_back_has_a_day_of_25_hours(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 300 * DAY), interval=300 * DAY)
    found = await buckets(customer, id, SUNDAY - 6 * DAY, SUNDAY + 2 * DAY, interval="1d", tz="Europe/Prague")
    assert hours(found) == [24] * 6 + [25, 24]
    (week, _) = await buckets(customer, id, SUNDAY - 6 * DAY, SUNDAY + 2 * DAY, interval="1w", tz="Europe/Prague")
    assert (week["from"], week["to"]) == ("2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00")


async def test_a_change_of_price_counts_for_the_local_day(api: Api, customer: httpx.AsyncClient) -> None:
    # At 23:30 UTC, which is the next day in Prague.
    id = await api.create_observed((1000, 11.5 * HOUR), (900, 24 * HOUR))
    local = await buckets(customer, id, NOON, NOON + 30 * HOUR, interval="1d", tz="Europe/Prague")
    assert [(each["min"], each["max"]) for each in local] == [(1000, 1000), (900, 1000)]
    assert [each["average"] for each in local] == [1000.0, pytest.approx(900 + 100 * 0.5 / 19, abs=0.01)]
    in_utc = await buckets(customer, id, NOON, NOON + 30 * HOUR, interval="1d")
    assert [(each["min"], each["max"]) for each in in_utc] == [(900, 1000), (900, 900)]


@pytest.mark.parametrize("tz", ["UTC", "Europe/Prague", "Asia/Kathmandu", "Australia/Lord_Howe"])
async def test_zooming_changes_no_fact_in_any_zone(api: Api, customer: httpx.AsyncClient, tz: str) -> None:
    id = await api.create_observed((1000, 9 * DAY), (700, HOUR), (1300, HOUR), (1000, 20 * DAY), interval=30 * DAY)
    start, end = NOON + HOUR, api.outside.clock()
    zone = {"tz": tz}
    for interval in ("1h", "1d", "1w", "1mo"):
        found = await buckets(customer, id, start, end, interval=interval, **zone)
        assert (min(each["min"] for each in found), max(each["max"] for each in found)) == (700, 1300)
        assert found[0]["at"] == shown(start)
        assert all(earlier["to"] == later["from"] for earlier, later in pairwise(found))
        assert datetime.fromisoformat(found[-1]["to"]) == end


async def test_hours_are_those_of_the_zones_clock(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 3 * HOUR))
    found = await buckets(customer, id, NOON, NOON + 2 * HOUR, interval="1h", tz="Asia/Kathmandu")
    assert [each["from"] for each in found] == [
        "2026-03-14T17:45:00+05:45",
        "2026-03-14T18:00:00+05:45",
        "2026-03-14T19:00:00+05:45",
    ]


async def test_times_are_utcs_without_a_zone_and_in_it(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 2 * DAY))
    for query in ({}, {"tz": "UTC"}, {"tz": "Etc/UTC"}, {"tz": "Africa/Abidjan"}):
        first, *_ = await buckets(customer, id, NOON, NOON + 2 * DAY, interval="1d", **query)
        assert (first["at"], first["from"], first["to"]) == (shown(NOON), shown(NOON), shown(MIDNIGHT + DAY))


async def test_weeks_and_months_of_utc_are_there_for_ever(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, 20 * DAY), interval=20 * DAY)
    api.outside.clock.advance(10_000 * DAY)
    week, *_ = await buckets(customer, id, NOON, NOON + 10 * DAY, interval="1w")
    assert (week["from"], week["to"]) == ("2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z")
    assert (week["open"], week["close"], week["in_stock_share"]) == (None, 1000, 1.0)
    (month,) = await buckets(customer, id, NOON, NOON + 10 * DAY, interval="1mo")
    assert (month["from"], month["to"], month["max"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 1000)


@pytest.mark.parametrize(
    ("zone", "interval", "days"),
    [(PRAGUE, "1d", 730), (PRAGUE, "1w", 730), (PRAGUE, "1h", 730), (KOLKATA, "1d", 90), (KOLKATA, "1mo", 90)],
)
async def test_buckets_of_a_zone_are_exact_or_not_there(
    api: Api, customer: httpx.AsyncClient, zone: ZoneInfo, interval: str, days: int
) -> None:
    id = await api.create_observed((1000, HOUR))
    kept_since = MIDNIGHT - days * DAY
    # The next local midnight from which even a month, with all its days, is kept.
    kept = (kept_since.astimezone(zone) + 40 * DAY).replace(hour=0, minute=0)
    assert await buckets(customer, id, kept, kept + DAY, interval=interval, tz=zone.key)
    for start in (kept_since - timedelta(seconds=1), kept_since - 20 * 365 * DAY):
        window = {"from": shown(start), "to": shown(start + 3 * DAY), "tz": zone.key}
        problem_of(await customer.get(path(id), params=window | {"interval": interval}), 422, "beyond-retention")
        problem_of(await customer.get(path(id), params=window), 422, "beyond-retention")
        problem_of(await customer.get(path(MISSING), params=window), 404, "product-not-found")


async def test_a_local_day_that_begins_before_what_is_kept_is_not_cut(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    start, end = MIDNIGHT - 730 * DAY, MIDNIGHT - 728 * DAY
    window = {"from": shown(start), "to": shown(end), "tz": "Europe/Prague", "interval": "1d"}
    problem_of(await customer.get(path(id), params=window), 422, "beyond-retention")
    for interval in ("1h", "auto"):
        answer = await ask(customer, path(id), start, end, interval=interval, tz="Europe/Prague")
        assert (answer["interval"], len(answer["series"][0]["points"])) == ("1h", 48)


@pytest.mark.parametrize(
    ("year", "days", "status"),
    # Summer in Lord Howe: 11 hours; winter: 10 hours and a half. Clocks are put back in April.
    [(2026, 100, 200), (2025, 300, 422), (2025, 460, 200)],
)
async def test_the_offsets_in_force_in_the_window_decide(
    api: Api, customer: httpx.AsyncClient, year: int, days: int, status: int
) -> None:
    id = await api.create_observed((1000, HOUR))
    start = NOON - days * DAY
    window = {"from": shown(start), "to": shown(start + 30 * DAY), "tz": "Australia/Lord_Howe", "interval": "1d"}
    assert (await customer.get(path(id), params=window)).status_code == status


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1d", "2026-03-25T00:00:00+01:00", "2026-03-31T00:00:00+02:00"),
        ("1w", "2026-03-23T00:00:00+01:00", "2026-04-06T00:00:00+02:00"),
        ("1mo", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
    ],
)
async def test_a_window_beyond_the_steps_is_widened_to_whole_local_buckets(
    api: Api, customer: httpx.AsyncClient, interval: str, start: str, end: str
) -> None:
    id = await api.create_observed((1000, 60 * DAY), interval=60 * DAY)
    asked = datetime(2026, 3, 25, 11, tzinfo=UTC), datetime(2026, 3, 30, 11, tzinfo=UTC)
    answer = await ask(customer, path(id), *asked, interval=interval, tz="Europe/Prague")
    points = answer["series"][0]["points"]
    assert (points[0]["from"], points[-1]["to"]) == (start, end)
    assert [datetime.fromisoformat(answer[name]) for name in ("from", "to")] == [
        datetime.fromisoformat(at) for at in (start, end)
    ]


@pytest.mark.parametrize(
    ("days", "tz", "interval", "count"),
    [
        (25, "Europe/Prague", "1h", 600),
        (26, "Europe/Prague", "1d", 27),
        (599, "Europe/Prague", "1d", 600),
        (600, "Europe/Prague", "1w", 86),
        (700, "America/New_York", "1w", 101),
        (80, "Asia/Kathmandu", "1d", 81),
        (12_000, "UTC", "1mo", 395),
    ],
)
async def test_auto_gives_at_most_600_points_in_any_zone(
    api: Api, customer: httpx.AsyncClient, days: int, tz: str, interval: str, count: int
) -> None:
    id = await api.create_observed((1000, HOUR))
    api.outside.clock.now = NOON
    answer = await ask(customer, path(id), NOON - days * DAY, tz=tz)
    assert (answer["interval"], len(answer["series"][0]["points"])) == (interval, count)


async def test_offers_are_summed_up_over_local_days(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed()
    await api.outside.observe(id, Offer(SOME_OFFER, 1000, 5), interval=DAY)
    api.outside.clock.advance(30 * HOUR)
    answer = await ask(customer, path(id), NOON, interval="1d", series="offers", tz="Europe/Prague")
    (series,) = answer["series"]
    assert [(each["from"], each["to"], each["average"]) for each in series["points"]] == [
        ("2026-03-14T13:00:00+01:00", "2026-03-15T00:00:00+01:00", 1000.0),
        ("2026-03-15T00:00:00+01:00", "2026-03-15T19:00:00+01:00", 1000.0),
    ]
    gone = await ask(customer, path(id), NOON - 40 * DAY, interval="1d", series="offers", tz="Europe/Prague")
    assert (gone["series"], gone["reason"]) == (None, "beyond-retention")


async def test_steps_stay_in_utc(api: Api, customer: httpx.AsyncClient) -> None:
    id = await api.create_observed((1000, HOUR))
    answer = await ask(customer, path(id), NOON, interval="raw", tz="Asia/Kathmandu")
    assert answer == await ask(customer, path(id), NOON, interval="raw")


@pytest.mark.parametrize(
    "tz",
    [
        "",
        "Mars/Olympus",
        "europe/prague",
        "EUROPE/PRAGUE",
        " Europe/Prague",
        "Europe",
        "localtime",
        "Factory",
        "posixrules",
        "posix/Europe/Prague",
        "../../../../etc/passwd",
        "/usr/share/zoneinfo/Europe/Prague",
        "Europe/../Europe/Prague",
        "+02:00",
        "CET-1CEST",
        "Europe/Prague\x00",
        "tzdata.zi",
        "x" * 5_000,
    ],
)
async def test_another_name_is_refused(api: Api, customer: httpx.AsyncClient, tz: str) -> None:
    id = await api.create_observed()
    answer = await customer.get(path(id), params={"tz": tz})
    assert parameters(problem_of(answer, 422, "validation-error")) == ["tz"]


@pytest.mark.parametrize("tz", ["America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Africa/Monrovia"])
@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "1883-11-18T12:03:58Z", "2011-12-29T00:00:00Z"])
@pytest.mark.parametrize("interval", ["auto", "5m", "1h", "1d", "1w", "1mo"])
async def test_no_century_and_no_skipped_day_makes_it_fail(
    api: Api, customer: httpx.AsyncClient, tz: str, start: str, interval: str
) -> None:
    id = await api.create_observed((1000, HOUR))
    window = {"from": start, "to": "9999-12-31T00:00:00Z", "tz": tz, "interval": interval}
    problem_of(await customer.get(path(id), params=window), 422, "beyond-retention")
