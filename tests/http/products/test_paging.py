"""GET /products page by page: nothing is skipped or repeated, even if products change meanwhile."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_client.api import Api, parameters, problem_of

PRODUCTS = 25


async def stored(api: Api, count: int = PRODUCTS, *, seconds_between: int = 1) -> list[str]:
    """Create products and return their ids, newest first."""
    ids: list[str] = []
    for number in range(count):
        api.outside.clock.advance(timedelta(seconds=seconds_between))
        ids.insert(0, (await api.create(f"Product {number}"))["id"])
    return ids


async def page(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/products", params=query)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def ids_of(page: dict[str, Any]) -> list[str]:
    return [product["id"] for product in page["items"]]


async def test_nothing_is_one_empty_page(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/products")
    assert answer.json() == {"items": [], "next": None}
    assert "Link" not in answer.headers


async def test_a_walk_shows_every_product_once_newest_first(api: Api, customer: httpx.AsyncClient) -> None:
    ids = await stored(api)
    pages = [await page(customer, limit=10)]
    while pages[-1]["next"] is not None:
        pages.append(await page(customer, limit=10, cursor=pages[-1]["next"]))
    assert [len(each["items"]) for each in pages] == [10, 10, 5]
    assert [id for each in pages for id in ids_of(each)] == ids


async def test_the_link_leads_to_the_same_next_page_and_the_last_page_has_none(
    api: Api, customer: httpx.AsyncClient
) -> None:
    await stored(api)
    answer = await customer.get("/products", params={"limit": 10})
    for _ in range(2):
        linked = await customer.get(answer.links["next"]["url"])
        assert linked.json() == await page(customer, limit=10, cursor=answer.json()["next"])
        answer = linked
    assert answer.json()["next"] is None
    assert "Link" not in answer.headers


async def test_products_of_the_same_moment_are_neither_skipped_nor_repeated(
    api: Api, customer: httpx.AsyncClient
) -> None:
    ids = await stored(api, 7, seconds_between=0)
    first = await page(customer, limit=3)
    second = await page(customer, limit=3, cursor=first["next"])
    third = await page(customer, limit=3, cursor=second["next"])
    assert ids_of(first) + ids_of(second) + ids_of(third) == sorted(ids, reverse=True)


async def test_a_full_last_page_is_known_to_be_the_last(api: Api, customer: httpx.AsyncClient) -> None:
    await stored(api, 4)
    first = await page(customer, limit=2)
    assert first["next"] is not None
    assert (await page(customer, limit=2, cursor=first["next"]))["next"] is None


async def test_what_comes_and_goes_during_a_walk_does_not_shift_it(api: Api, customer: httpx.AsyncClient) -> None:
    ids = await stored(api, 9)
    first = await page(customer, limit=3)
    await api.create("newer than all")
    # The product that the cursor names, and one that was shown before it.
    for id in ids_of(first)[1:]:
        await api.http.delete(f"/products/{id}")
    second = await page(customer, limit=3, cursor=first["next"])
    await api.create("newer still")
    third = await page(customer, limit=3, cursor=second["next"])
    assert ids_of(second) + ids_of(third) == ids[3:]
    assert third["next"] is None


async def test_a_cursor_goes_on_with_another_limit(api: Api, customer: httpx.AsyncClient) -> None:
    ids = await stored(api, 6)
    first = await page(customer, limit=1)
    assert ids_of(await page(customer, limit=100, cursor=first["next"])) == ids[1:]


async def test_twenty_products_are_a_page_unless_told_otherwise(api: Api, customer: httpx.AsyncClient) -> None:
    await stored(api)
    assert len((await page(customer))["items"]) == 20
    assert len((await page(customer, limit=100))["items"]) == PRODUCTS
    assert len((await page(customer, limit=1))["items"]) == 1


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000000000000000", "abc", "", "1.5", "NaN"])
async def test_a_limit_is_a_number_from_1_to_100(customer: httpx.AsyncClient, limit: str) -> None:
    answer = await customer.get(f"/products?limit={limit}")
    assert parameters(problem_of(answer, 422, "validation-error")) == ["limit"]
