"""If-None-Match: an answer that the client has already is not sent again."""

from uuid import UUID

import httpx
import pytest

from api_client.api import DAY, HOUR, INTERVAL, ONLY_OFFER, Api, problem_of, shown
from domain.offer import Offer
from fakes.storage import NOON

OFFER = Offer(ONLY_OFFER, 900, 3)
WINDOW = f"from={shown(NOON - DAY)}&to={shown(NOON)}"
READS = [
    "/products/{id}",
    "/products",
    "/products?limit=1",
    "/products/{id}/offers",
    f"/products/{{id}}/price-history?{WINDOW}",
    f"/products/{{id}}/price-change?{WINDOW}",
    f"/products/{{id}}/price-statistics?{WINDOW}",
    f"/products/{{id}}/offers/{ONLY_OFFER}",
]


@pytest.fixture
async def id(api: Api) -> UUID:
    """Give a product that was observed, and is not the only one."""
    await api.create("Pan")
    id = UUID((await api.create())["id"])
    await api.outside.observe(id, OFFER)
    return id


async def ask_with(customer: httpx.AsyncClient, path: str, *tags: str) -> httpx.Response:
    return await customer.get(path, headers=[("If-None-Match", tag) for tag in tags])


@pytest.mark.parametrize("path", READS)
async def test_the_tag_of_an_answer_leads_to_304_until_that_changes(
    customer: httpx.AsyncClient, id: UUID, path: str
) -> None:
    path = path.format(id=id)
    first = await customer.get(path)
    again = await ask_with(customer, path, first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "X-Request-Id" in again.headers
    assert "Content-Type" not in again.headers
    assert again.headers.get("Link") == first.headers.get("Link")
    other = await ask_with(customer, path, '"other"')
    assert (other.status_code, other.json()) == (200, first.json())


@pytest.mark.parametrize("path", ["/products/{id}", "/products", "/products/{id}/offers"])
async def test_an_observation_changes_the_tag(api: Api, customer: httpx.AsyncClient, id: UUID, path: str) -> None:
    path = path.format(id=id)
    tag = (await customer.get(path)).headers["ETag"]
    api.outside.clock.advance(INTERVAL)
    await api.outside.observe(id, OFFER)
    answer = await ask_with(customer, path, tag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag


@pytest.mark.parametrize("path", ["/products/{id}", "/products", "/products/{id}/offers"])
async def test_going_stale_changes_the_tag(api: Api, customer: httpx.AsyncClient, id: UUID, path: str) -> None:
    tag = (await customer.get(path.format(id=id))).headers["ETag"]
    api.outside.clock.advance(HOUR)
    assert (await ask_with(customer, path.format(id=id), tag)).status_code == 200


async def test_an_edit_changes_the_tag(api: Api, customer: httpx.AsyncClient, id: UUID) -> None:
    tags = [(await customer.get(path)).headers["ETag"] for path in (f"/products/{id}", "/products")]
    await api.http.patch(f"/products/{id}", json={"description": "Whistles"})
    for path, tag in zip((f"/products/{id}", "/products"), tags, strict=True):
        assert (await ask_with(customer, path, tag)).status_code == 200


async def test_pages_of_one_list_have_tags_of_their_own(customer: httpx.AsyncClient, id: UUID) -> None:
    first = await customer.get("/products?limit=1")
    second = await customer.get(f"/products?limit=1&cursor={first.json()['next']}")
    assert first.headers["ETag"] != second.headers["ETag"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["*"], 304),
        ([" * "], 304),
        (["TAG"], 304),
        (["W/TAG"], 304),
        (['"a", W/"b,c" ,TAG'], 304),
        ([',"a",,TAG,'], 304),
        (['"a"', "TAG"], 304),
        (['"a", "b"'], 200),
        (['"*"'], 200),
        (["*, TAG"], 200),
        (["w/TAG"], 200),
        (["W/ TAG"], 200),
        (["TAG garbage"], 200),
        (["TAG TAG"], 200),
        (['"a,TAG'], 200),
        (["unquoted"], 200),
        ([""], 200),
    ],
)
@pytest.mark.parametrize("path", ["/products/{id}", "/products"])
async def test_the_header_is_read_as_the_standard_says(
    customer: httpx.AsyncClient, id: UUID, path: str, fields: list[str], status: int
) -> None:
    tag = (await customer.get(path.format(id=id))).headers["ETag"]
    answer = await ask_with(customer, path.format(id=id), *(field.replace("TAG", tag) for field in fields))
    assert answer.status_code == status


async def test_what_is_not_there_has_not_stayed_the_same(api: Api, customer: httpx.AsyncClient, id: UUID) -> None:
    tag = (await customer.get(f"/products/{id}")).headers["ETag"]
    await api.http.delete(f"/products/{id}")
    problem_of(await ask_with(customer, f"/products/{id}", tag), 404, "product-not-found")
    problem_of(await ask_with(customer, f"/products/{id}", "*"), 404, "product-not-found")


async def test_parameters_are_checked_before_the_condition(customer: httpx.AsyncClient, id: UUID) -> None:
    problem_of(await ask_with(customer, f"/products/{id}?in_stock=all", "*"), 422, "validation-error")


async def test_what_sold_out_leaves_the_answer_without_an_observation(api: Api) -> None:
    product_id = UUID((await api.create())["id"])
    await api.outside.observe(product_id, OFFER)
    api.outside.clock.advance(INTERVAL)
    await api.outside.observe(product_id)
    path = f"/products/{product_id}?in_stock=any"
    before = await api.http.get(path)
    assert len(before.json()["offers"]) == 1
    condition = {"If-None-Match": before.headers["ETag"]}
    assert (await api.http.get(path, headers=condition)).status_code == 304
    api.outside.clock.advance(23 * HOUR)
    stale = await api.http.get(path)
    api.outside.clock.advance(2 * HOUR)
    after = await api.http.get(path, headers={"If-None-Match": stale.headers["ETag"]})
    assert (after.status_code, after.json()["offers"]) == (200, [])
    amended = await api.http.patch(
        f"/products/{product_id}", json={"name": "Pot"}, headers={"If-Match": after.headers["ETag"]}
    )
    assert amended.status_code == 200
