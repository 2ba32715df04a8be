"""GET /products by age and by change of price: the order holds over all pages, and a cursor is for one order only."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, Api, parameters, problem_of, shown, walk
from domain.offer import Offer
from fakes.storage import NOON

PRICES: dict[str, tuple[int | None, ...]] = {
    "Kettle": (500, 1000, 700),
    "Pan": (1000, 1000, 1000),
    "Lamp": (1300, 1000, 1200),
    "Desk": (),
    "Sofa": (900, 1000, None),
}
"""What products cost seven days ago, a day ago and now; they were created in this order, and so are their ids."""


@pytest.fixture
async def shop(api: Api, customer: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give a customer of these products, whose changes are worked out."""
    ids = {name: UUID(int=number) for number, name in enumerate(PRICES, start=1)}
    for name, id in ids.items():
        api.outside.clock.now = NOON - DAY + timedelta(seconds=id.int)
        await api.create(name, id=str(id))
    for number, days in enumerate((0, 6, 7)):
        api.outside.clock.now = NOON + days * DAY
        for name, prices in PRICES.items():
            if prices:
                price = prices[number]
                offers = [] if price is None else [Offer(ids[name], price, 1)]
                await api.outside.observe(ids[name], *offers, interval=DAY)
    await api.outside.refresh_changes()
    return customer


@pytest.mark.parametrize("limit", ["1", "2", "4", "100"])
@pytest.mark.parametrize(
    ("order", "names"),
    [
        ({}, "Sofa Desk Lamp Pan Kettle"),
        ({"sort": "-created_at"}, "Sofa Desk Lamp Pan Kettle"),
        ({"sort": "created_at"}, "Kettle Pan Lamp Desk Sofa"),
        ({"sort": "created_at", "period": "P7D"}, "Kettle Pan Lamp Desk Sofa"),
        ({"sort": "change"}, "Kettle Pan Lamp Desk Sofa"),
        ({"sort": "change", "period": "P1D"}, "Kettle Pan Lamp Desk Sofa"),
        ({"sort": "-change"}, "Lamp Pan Kettle Sofa Desk"),
        ({"sort": "change", "period": "P7D"}, "Lamp Pan Kettle Desk Sofa"),
        ({"sort": "-change", "period": "P7D"}, "Kettle Pan Lamp Sofa Desk"),
    ],
)
async def test_a_walk_shows_all_products_in_order_those_without_a_change_last(
    shop: httpx.AsyncClient, limit: str, order: dict[str, str], names: str
) -> None:
    assert await walk(shop, {"limit": limit, **order}) == names.split()


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({"sort": "change"}, [("P1D", -300, -30.0), ("P1D", 0, 0.0), ("P1D", 200, 20.0), None, None]),
        ({"sort": "change", "period": "P7D"}, [("P7D", -100, -7.69), ("P7D", 0, 0.0), ("P7D", 200, 40.0), None, None]),
        ({"sort": "name", "period": "P7D"}, [None, ("P7D", 200, 40.0), ("P7D", -100, -7.69), ("P7D", 0, 0.0), None]),
        ({"sort": "name"}, [None] * 5),
    ],
)
async def test_products_carry_the_change_that_the_list_is_about(
    shop: httpx.AsyncClient, query: dict[str, str], changes: list[tuple[str, int, float] | None]
) -> None:
    as_of = shown(NOON + 7 * DAY)
    names = ("period", "change", "change_percent", "as_of")
    expected = [each and dict(zip(names, (*each, as_of), strict=True)) for each in changes]
    items = []
    while query:
        page = (await shop.get("/products", params={"limit": "2", **query})).json()
        items += page["items"]
        query = {**query, "cursor": page["next"]} if page["next"] else {}
    assert [item["change"] for item in items] == expected


async def test_products_with_the_same_change_are_neither_skipped_nor_repeated(api: Api) -> None:
    names = [(await api.create(f"Product {number}"))["name"] for number in range(5)]
    await api.outside.refresh_changes()
    assert sorted(await walk(api.http, {"sort": "change", "limit": "2"})) == names


@pytest.mark.parametrize("order", [{"sort": "change", "period": "P1D"}, {"sort": "-created_at"}])
@pytest.mark.parametrize(
    "other",
    [
        {"sort": "created_at"},
        {"sort": "-change"},
        {"sort": "change", "period": "P7D"},
        {"sort": "-change", "period": "P7D"},
    ],
)
async def test_a_cursor_is_of_no_use_in_another_order(
    shop: httpx.AsyncClient, order: dict[str, str], other: dict[str, str]
) -> None:
    cursor = (await shop.get("/products", params={"limit": "1", **order})).json()["next"]
    assert (await shop.get("/products", params={"cursor": cursor, **order})).status_code == 200
    problem_of(await shop.get("/products", params={"cursor": cursor, **other}), 400, "cursor-mismatch")


@pytest.mark.parametrize("sort", ["age", "change_1d", "--change", "CHANGE", ""])
async def test_an_unknown_order_is_refused(customer: httpx.AsyncClient, sort: str) -> None:
    answer = await customer.get("/products", params={"sort": sort})
    assert parameters(problem_of(answer, 422, "validation-error")) == ["sort"]


@pytest.mark.parametrize("period", ["P2D", "P30D", "PT24H", "P1W", ""])
async def test_the_changes_are_those_over_a_day_and_over_seven(customer: httpx.AsyncClient, period: str) -> None:
    answer = await customer.get("/products", params={"sort": "change", "period": period})
    assert parameters(problem_of(answer, 422, "validation-error")) == ["period"]
