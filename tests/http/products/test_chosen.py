"""GET /products?id=…&id=…: exactly these products, in any order, with all that lists have."""

from uuid import UUID

import httpx
import pytest

from api_client.api import MISSING, Api, problem_of
from domain.offer import Offer

PRICES = {"Kettle": 1000, "Pan": 700, "Pot": None, "Lid": 100}
IDS = {name: UUID(int=number) for number, name in enumerate(PRICES, start=1)}


@pytest.fixture
async def shop(api: Api) -> Api:
    for name, price in PRICES.items():
        await api.create(name, id=str(IDS[name]))
        if price is not None:
            await api.outside.observe(IDS[name], Offer(IDS[name], price, 1))
    return api


def chosen(*names: str, **others: str) -> httpx.QueryParams:
    return httpx.QueryParams([*(("id", str(IDS.get(name, MISSING))) for name in names), *others.items()])


async def shown(client: httpx.AsyncClient, query: httpx.QueryParams) -> list[str]:
    """Return the names on all pages, to which the links lead."""
    answer = await client.get("/products", params=query)
    names = [product["name"] for product in answer.json()["items"]]
    while "next" in answer.links:
        link = httpx.URL(answer.links["next"]["url"])
        assert link.params.get_list("id") == query.get_list("id")
        answer = await client.get(link)
        names += [product["name"] for product in answer.json()["items"]]
    return names


@pytest.mark.parametrize("limit", ["1", "2", "100"])
@pytest.mark.parametrize(
    ("wanted", "others", "names"),
    [
        (["Pot", "Kettle", "Pan"], {"sort": "name"}, "Kettle Pan Pot"),
        (["Pot", "Kettle", "Pan"], {"sort": "-name"}, "Pot Pan Kettle"),
        (["Pot", "Kettle", "Pan"], {"sort": "price"}, "Pan Kettle Pot"),
        (["Pot", "Kettle", "Pan"], {"sort": "-price"}, "Kettle Pan Pot"),
        (["Pot", "Kettle", "Pan"], {"sort": "change"}, "Kettle Pan Pot"),
        (["Pot", "missing", "Kettle"], {"sort": "name"}, "Kettle Pot"),
        (["Pot", "Pot"], {}, "Pot"),
        (["missing"], {}, ""),
        (["Pot", "Kettle", "Pan"], {"in_stock": "true", "sort": "name"}, "Kettle Pan"),
        (["Pot", "Kettle", "Pan"], {"max_price": "700"}, "Pan"),
        (["Pot", "Kettle", "Lid"], {"q": "kettle pan lid"}, ""),
        (["Pot", "Kettle", "Lid"], {"q": "lid"}, "Lid"),
        (["Pot", "Kettle"], {"registration": "rejected"}, ""),
    ],
)
async def test_a_list_shows_exactly_the_chosen_products_that_pass_its_other_filters(
    shop: Api, customer: httpx.AsyncClient, limit: str, wanted: list[str], others: dict[str, str], names: str
) -> None:
    assert await shown(customer, chosen(*wanted, limit=limit, **others)) == names.split()


async def test_a_hundred_may_be_chosen_however_they_are_written(shop: Api, customer: httpx.AsyncClient) -> None:
    ids = [str(UUID(int=number)) for number in range(98)] + [str(IDS["Pan"]).replace("-", ""), str(MISSING).upper()]
    answer = await customer.get("/products", params={"id": ids, "limit": "100", "sort": "name"})
    assert [product["name"] for product in answer.json()["items"]] == sorted(PRICES)


async def test_a_chosen_list_is_tagged_and_kept_like_any_other(shop: Api, customer: httpx.AsyncClient) -> None:
    query = chosen("Kettle", "Pan")
    answer = await customer.get("/products", params=query)
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    again = await customer.get("/products", params=query, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    await shop.http.delete(f"/products/{IDS['Pan']}")
    changed = await customer.get("/products", params=query, headers={"If-None-Match": answer.headers["ETag"]})
    assert [product["name"] for product in changed.json()["items"]] == ["Kettle"]


async def test_a_cursor_is_bound_to_the_ids_and_not_to_their_order(shop: Api, customer: httpx.AsyncClient) -> None:
    query = chosen("Kettle", "Pan", "Pot", limit="1", sort="name")
    cursor = (await customer.get("/products", params=query)).json()["next"]
    same = chosen("Pot", "Kettle", "Pan", "Pan", sort="name", cursor=cursor)
    assert await shown(customer, same) == ["Pan", "Pot"]
    for other in (chosen("Kettle", "Pan", sort="name", cursor=cursor), chosen(sort="name", cursor=cursor)):
        problem_of(await customer.get("/products", params=other), 400, "cursor-mismatch")
