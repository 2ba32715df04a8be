"""The page of one product: what its price is worth, and how sure that is."""

import csv
import html
import io
import re
from datetime import timedelta

import httpx
import pytest

from api_client.api import DAY, MISSING, Api
from domain.event import PUBLIC_EVENTS, EventType

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def shown(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_product_that_is_not_registered_says_so(api: Api, browser: httpx.AsyncClient) -> None:
    page = await shown(browser, f"/catalogue/{(await api.create())['id']}")
    assert "Waits for its registration" in page
    assert "No offers in stock." in page


async def test_a_price_that_is_known_for_long_is_judged(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, 20 * DAY), (150, 9 * DAY), (100, HOUR), interval=30 * DAY)
    page = await shown(browser, f"/catalogue/{id}?range=30d")
    assert "The lowest price of the last 30 days." in page
    assert "One seller has it." in page
    assert re.search(r"▼ .33\.3\s%", page)


async def test_a_price_in_the_middle_is_compared_with_the_time_at_higher_ones(
    api: Api, browser: httpx.AsyncClient
) -> None:
    id = await api.create_observed((200, 15 * DAY), (100, 10 * DAY), (150, 5 * DAY), interval=30 * DAY)
    assert re.search(r"Lower than 50\s% of the last 30 days\.", await shown(browser, f"/catalogue/{id}"))


async def test_a_price_that_is_known_for_hours_is_not_judged(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, 3 * DAY), (150, HOUR), interval=DAY)
    assert re.search(r"Seen for 3\sdays only, too short to judge\.", await shown(browser, f"/catalogue/{id}"))


async def test_a_stale_price_is_called_the_last_one(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, 12 * MINUTE), interval=MINUTE)
    page = await shown(browser, f"/catalogue/{id}")
    assert re.search(r"Not observed for 12\smin; this was the last price\.", page)


async def test_out_of_stock_is_not_a_price_of_zero(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR), (None, HOUR))
    page = await shown(browser, f"/catalogue/{id}?range=24h")
    assert "Nobody has had it since 13:00." in await shown(browser, f"/catalogue/{id}?tz=UTC")
    assert "Nobody has had it since 14:00." in await shown(browser, f"/catalogue/{id}?tz=Europe/Prague")
    assert '<strong class="big">' not in page
    assert 'class="out"' in page


@pytest.mark.parametrize("chosen", ["1h", "24h", "7d", "30d", "90d", "all", "nonsense"])
async def test_every_range_has_a_chart_with_a_sentence_and_a_table(
    api: Api, browser: httpx.AsyncClient, chosen: str
) -> None:
    id = await api.create_observed((200, 20 * DAY), (100, 30 * MINUTE), interval=30 * DAY)
    page = await shown(browser, f"/catalogue/{id}?range={chosen}")
    assert 'class="best" d="M' in page
    assert "The price went from 200 to 100" in page
    assert re.search(r"<td class=\"number\">200</td>\s*<td class=\"number\">100</td>", page)
    svg = page[page.index("<svg") : page.index("</svg>")]
    assert len(svg.encode()) < 30_000


async def test_single_offers_can_be_drawn(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR), (100, HOUR))
    assert 'class="offer" d="M' not in await shown(browser, f"/catalogue/{id}?range=24h")
    assert 'class="offer" d="M' in await shown(browser, f"/catalogue/{id}?range=24h&offers=1")
    assert "Single offers" not in await shown(browser, f"/catalogue/{id}?range=30d")


async def test_a_page_that_shows_this_version_is_told_nothing_new(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR))
    (seen,) = re.findall(r"seen=([^\"]+)\"", await shown(browser, f"/catalogue/{id}"))
    path = f"/catalogue/{id}?seen={seen}"
    assert (await browser.get(path)).status_code == 204
    api.outside.clock.advance(MINUTE)
    later = await shown(browser, path)
    assert "Last seen 1\N{NO-BREAK SPACE}h ago" in later
    (seen,) = re.findall(r"&amp;seen=([^\"]+)\"", later)
    path = f"/catalogue/{id}?seen={seen}"
    assert (await browser.get(path)).status_code == 204
    await api.outside.observe_prices(id, (150, MINUTE), interval=HOUR)
    assert (await browser.get(path)).status_code == 200


async def test_a_page_follows_its_product_by_every_event_that_it_may_see(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR))
    page = await shown(browser, f"/catalogue/{id}?tz=Europe/Prague")
    assert f'data-stream="/events/stream?product_id={id}"' in page
    (script,) = re.findall(r'src="(/static/live.js[^"]*)"', page)
    listened = re.findall(r'"(\w+\.\w+)"', await shown(browser, script))
    # Before it is created there is no page of it.
    assert sorted(listened) == sorted(PUBLIC_EVENTS - {EventType.PRODUCT_CREATED})
    assert "live.js" not in await shown(browser, "/")


async def test_times_are_those_of_the_link_then_of_the_cookie(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR))
    browser.cookies.set("zone", "Asia/Kathmandu")
    assert "Times in Asia/Kathmandu" in await shown(browser, f"/catalogue/{id}")
    page = await shown(browser, f"/catalogue/{id}?tz=Europe/Prague")
    assert "Times in Europe/Prague" in page
    linked = re.findall(rf'"(/catalogue/{id}[^"]*)"', page)
    assert len(linked) > 10
    assert [link for link in linked if "tz=Europe/Prague" not in link] == []
    for wrong in ("../../etc/passwd", "Nowhere/City", "x" * 500):
        assert "Times in Asia/Kathmandu" in await shown(browser, f"/catalogue/{id}?tz={wrong}")


async def test_the_changes_can_be_taken_out_as_csv(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR), (None, HOUR), (150, HOUR))
    answer = await browser.get(f"/catalogue/{id}/changes.csv?range=24h")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["state"], row["price"]) for row in rows] == [
        ("unknown", ""),
        ("in_stock", "200"),
        ("out_of_stock", ""),
        ("in_stock", "150"),
    ]


@pytest.mark.parametrize(("chosen", "linked"), [("24h", True), ("7d", True), ("30d", True), ("90d", False)])
async def test_every_step_can_be_taken_out_while_steps_are_kept(
    api: Api, browser: httpx.AsyncClient, chosen: str, linked: bool
) -> None:
    id = await api.create_observed((200, HOUR), (None, HOUR), (150, HOUR))
    found = re.search(r'href="(/exports/[^"]*)" download', await shown(browser, f"/catalogue/{id}?range={chosen}"))
    assert (found is not None) is linked
    if found is not None:
        answer = await browser.get(html.unescape(found[1]))
        assert [row.split(",")[3:5] for row in answer.text.splitlines()[1:]] == [
            ['"unknown"', '""'],
            ['"in_stock"', "200"],
            ['"out_of_stock"', '""'],
            ['"in_stock"', "150"],
        ]


async def test_who_sold_out_long_ago_is_not_dated(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR), (None, 2 * DAY), interval=3 * DAY)
    assert "Nobody has had it for more than a day." in await shown(browser, f"/catalogue/{id}")
    young = await api.create_observed((None, HOUR), name="Young")
    assert "Nobody has it in stock now." in await shown(browser, f"/catalogue/{young}")


async def test_a_browser_that_has_the_file_is_not_sent_it_again(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, HOUR))
    path = f"/catalogue/{id}/changes.csv?range=24h"
    answer, head = await browser.get(path), await browser.head(path)
    assert head.headers["ETag"] == answer.headers["ETag"]
    assert (head.status_code, head.content) == (200, b"")
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert (await browser.get(path, headers=tag)).status_code == 304
    assert (await browser.get(f"/catalogue/{id}/changes.csv?range=7d", headers=tag)).status_code == 200
    await api.outside.observe_prices(id, (150, MINUTE), interval=HOUR)
    assert (await browser.get(path, headers=tag)).status_code == 200


async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(browser: httpx.AsyncClient) -> None:
    for path in (f"/catalogue/{MISSING}", "/catalogue/x", "/nowhere", f"/products/{MISSING}"):
        page = await browser.get(path)
        assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert "There is no such page" in page.text
        problem = await browser.get(path, headers={"Accept": "*/*"})
        assert (problem.status_code, problem.headers["Content-Type"]) == (404, "application/problem+json")


async def test_without_a_database_the_page_says_that_it_will_pass(api: Api, browser: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    api.outside.storage.away = True
    for path in ("/", f"/catalogue/{id}"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "Not available right now" in answer.text


@pytest.mark.parametrize(
    ("zone", "age", "sentence"),
    [
        ("Europe/Prague", 60 * DAY, "Summed up by the day."),
        ("Europe/Prague", 700 * DAY, "Summed up by the week."),
        ("UTC", 5_000 * DAY, "Summed up by the month."),
        (
            "Europe/Prague",
            900 * DAY,
            "Summed up by the week. So far back, it is the weeks of UTC and not of Europe/Prague.",
        ),
        (
            "Asia/Kolkata",
            100 * DAY,
            "Summed up by the day. So far back, it is the days of UTC and not of Asia/Kolkata.",
        ),
    ],
)
async def test_long_ranges_are_in_days_weeks_and_months_of_the_viewer_or_say_whose_they_are(
    api: Api, browser: httpx.AsyncClient, zone: str, age: timedelta, sentence: str
) -> None:
    id = await api.create_observed((200, age), (150, HOUR), interval=6_000 * DAY)
    page = await shown(browser, f"/catalogue/{id}?range=all&tz={zone}")
    assert f"{sentence}</p>" in page
    assert 'class="best" d="M' in page
    assert "The price went from 200 to 150" in page
    answer = await browser.get(f"/catalogue/{id}/changes.csv?range=all&tz={zone}")
    assert [row["price"] for row in csv.DictReader(io.StringIO(answer.text, newline=""))][-1] == "150"


async def test_days_in_the_chart_begin_at_the_viewers_midnight(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((200, 60 * DAY), interval=90 * DAY)
    answer = await browser.get(f"/catalogue/{id}/changes.csv?range=90d&tz=Europe/Prague")
    begins = {row["from"][11:] for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
    # In winter and in summer; 2026 clocks are put forward on 29 March.
    assert begins == {"23:00:00Z", "22:00:00Z"}


async def test_the_lowest_price_of_the_30_days_before_has_its_date_and_says_when_the_record_is_shorter(
    api: Api, browser: httpx.AsyncClient
) -> None:
    id = await api.create_observed((250, 20 * DAY), (200, 5 * DAY), (300, 10 * DAY), interval=30 * DAY)
    tile = (await shown(browser, f"/catalogue/{id}")).partition("lowest of the 30 days before")[2].partition("</dd>")[0]
    assert re.findall(r">([^<]+)<", tile) == ["200", "since 3 Apr, 12:00"]
    newer = await api.create_observed((250, DAY), name="Pan")
    tile = (
        (await shown(browser, f"/catalogue/{newer}")).partition("lowest of the 30 days before")[2].partition("</dd>")[0]
    )
    assert "known for less than 30 days" in tile
