"""The list of products as people browse it."""

import gzip
import html
import re
from datetime import timedelta

import httpx
import pytest

from api_client.api import DAY, Api, ask
from domain.prices.statistics import JUDGED_WINDOW

HOUR = timedelta(hours=1)


async def shown(browser: httpx.AsyncClient, path: str = "/") -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def names(page: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<th scope="row" class="name"><a [^>]*><bdi>(.*?)</bdi>', page)]


async def test_an_empty_catalogue_says_what_to_do(browser: httpx.AsyncClient) -> None:
    page = await shown(browser)
    assert "There are no products yet." in page
    assert 'href="/admin/products/new"' in page


async def test_a_row_shows_price_change_trend_and_age(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((30_000, DAY), (29_204, HOUR), interval=DAY)
    await api.outside.refresh_changes()
    page = await shown(browser)
    assert names(page) == ["Kettle"]
    assert "29,204" in page
    assert re.search(r"▼ .796<span class=\"share\">.2\.7\s%", page)
    assert "fell by 2.7" in page
    assert re.search(r'<path d="M[^"]*V[^"]*"', page)
    assert '<td class="offers">1 offer, 1 in stock</td>' in page
    assert re.search(r"1\sh ago", page)


@pytest.mark.parametrize(("price", "verdict"), [(100, "low"), (200, "typical"), (300, "high")])
async def test_a_row_has_the_verdict_of_the_statistics(
    api: Api, browser: httpx.AsyncClient, price: int, verdict: str
) -> None:
    past = [(150, 5 * DAY), (200, 20 * DAY), (250, 4 * DAY + 23 * HOUR)]
    id = await api.create_observed(*past, (price, HOUR), interval=DAY * 30)
    assert f"</span>{verdict}</span>" in await shown(browser)
    now = api.outside.clock()
    statistics = await ask(api.http, f"/products/{id}/price-statistics", now - JUDGED_WINDOW, now)
    assert statistics["verdict"] == verdict


async def test_a_price_that_was_not_seen_for_long_has_no_verdict(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((200, 20 * DAY), (100, HOUR), interval=DAY * 30)
    assert 'class="judged' not in await shown(browser)


async def test_sold_out_offers_of_the_last_day_count_as_offers(api: Api, browser: httpx.AsyncClient) -> None:
    id = await api.create_observed((100, HOUR), (None, HOUR))
    assert '<td class="offers">1 offer, 0 in stock</td>' in await shown(browser)
    page = (await browser.get(f"/catalogue/{id}")).text
    assert re.search(r'<td class="number">100</td><td class="number">sold out</td>', page)


async def test_products_without_a_price_say_why(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create("New")
    await api.create_observed((None, HOUR), name="Gone")
    page = await shown(browser)
    assert "not registered yet" in page
    assert "out of stock" in page


async def test_search_finds_words_and_keeps_what_was_typed(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create("Cordless drill")
    await api.create("Kettle")
    page = await shown(browser, "/?q=dril")
    assert names(page) == ["Cordless drill"]
    assert 'value="dril"' in page
    assert "No product matches “chair”" in await shown(browser, "/?q=chair")
    assert "A search has 1 to 10 words" in await shown(browser, "/?q=%2B")


async def test_chips_filter_and_can_be_taken_off(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((100, HOUR), name="Here")
    await api.create_observed((None, HOUR), name="Gone")
    page = await shown(browser, "/?stock=1&sort=name")
    assert names(page) == ["Here"]
    assert 'href="/?sort=name" aria-current="true"' in page
    assert 'href="/?low=1&amp;stock=1&amp;sort=name"' in page


async def test_pages_are_links_that_can_be_shared(api: Api, browser: httpx.AsyncClient) -> None:
    for number in range(30):
        await api.create(f"Product {number:02}")
    first = await shown(browser, "/?sort=name")
    (following,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = await shown(browser, html.unescape(following))
    assert names(first) + names(second) == [f"Product {number:02}" for number in range(30)]
    assert 'rel="next"' not in second
    assert re.search('href="/[?]sort=name">. First page', second)


async def test_a_cursor_of_another_list_leads_to_its_first_page(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/?after=nonsense&sort=name")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?sort=name")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "\u200flive"]
)
async def test_a_name_is_text_whatever_is_in_it(api: Api, browser: httpx.AsyncClient, name: str) -> None:
    created = await api.create(name)
    page = await shown(browser)
    assert names(page) == [name]
    for each in (page, await shown(browser, f"/catalogue/{created['id']}")):
        assert "<script>alert" not in each
        assert "<img" not in each


async def test_a_browser_that_has_the_page_is_not_sent_it_again(api: Api, browser: httpx.AsyncClient) -> None:
    product = await api.create()
    tag: dict[str, str] = {}
    for path in (f"/catalogue/{product['id']}", "/"):
        answer = await browser.get(path)
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert (await browser.get(path, headers=tag)).status_code == 304
        assert (await browser.get(path, headers=tag | {"Accept-Language": "de"})).status_code == 200
    await api.create("Another")
    assert (await browser.get("/", headers=tag)).status_code == 200


async def test_numbers_are_written_as_the_viewer_reads_them(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((1_234_567, HOUR))
    for language, number in (("de", "1.234.567"), ("cs,en;q=0.5", "1\xa0234\xa0567"), ("tlh;q=1, en", "1,234,567")):
        page = (await browser.get("/", headers={"Accept-Language": language})).text
        assert number in page


async def test_a_theme_is_remembered_and_other_sites_cannot_set_it(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/preferences", data={"theme": "dark", "next": "/?q=a"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=a")
    assert 'data-theme="dark"' in await shown(browser)
    foreign = await browser.post("/preferences", data={"theme": "light"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert 'data-theme="dark"' in await shown(browser)
    away = await browser.post("/preferences", data={"theme": "", "next": "//elsewhere.example"})
    assert away.headers["Location"] == "/"


async def test_every_page_forbids_scripts_of_others(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/admin/login", "/nowhere"):
        policy = (await browser.get(path)).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_files_are_compressed_and_kept(browser: httpx.AsyncClient) -> None:
    page = await shown(browser)
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(urls) == 4
    for url in urls:
        answer = await browser.get(url)
        assert "immutable" in answer.headers["Cache-Control"]
        assert (await browser.get(url, headers={"If-None-Match": answer.headers["ETag"]})).status_code == 304
        assert (await browser.get(url, headers={"Accept-Encoding": "gzip;q=0"})).headers.get("Content-Encoding") is None
    assert (await browser.get("/static/page.txt")).status_code == 404


async def test_the_first_view_is_small(api: Api, browser: httpx.AsyncClient) -> None:
    for number in range(25):
        await api.create_observed(*((100 + number * step, HOUR) for step in range(1, 48)), name=f"Product {number}")
    page = await shown(browser)
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    files = [(await browser.get(url)).content for url in urls]
    assert sum(len(gzip.compress(each)) for each in (page.encode(), *files)) < 100_000


async def test_head_tells_what_get_would(api: Api, browser: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    for path in ("/", f"/catalogue/{id}", "/admin/login"):
        shown_headers, head = (await browser.get(path)).headers, await browser.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == shown_headers["Content-Type"]


@pytest.mark.parametrize(
    ("link", "expected"),
    [("/", ["Kettle", "Pot"]), ("/?stock=1", ["Kettle"]), ("/?q=pot&sort=name", ["Pot"])],
)
async def test_the_list_can_be_taken_out_as_csv(
    api: Api, browser: httpx.AsyncClient, link: str, expected: list[str]
) -> None:
    await api.create_observed((100, HOUR))
    await api.create("Pot")
    page = await shown(browser, link)
    assert sorted(names(page)) == expected
    found = re.search(r'href="(/exports/[^"]*)" download', page)
    assert found is not None
    answer = await browser.get(html.unescape(found[1]))
    assert answer.status_code == 200
    assert sorted(row.split('"')[3] for row in answer.text.splitlines()[1:]) == expected


async def test_a_list_that_no_export_can_have_has_no_link_to_one(api: Api, browser: httpx.AsyncClient) -> None:
    await api.create_observed((200, DAY), (100, HOUR))
    await api.outside.refresh_changes()
    page = await shown(browser, "/?dropped=1")
    assert names(page) == ["Kettle"]
    assert "/exports/" not in page
