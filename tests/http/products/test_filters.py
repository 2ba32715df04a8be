"""GET /products searched, filtered, and sorted by name and price; links and cursors keep every parameter."""

from uuid import UUID

import httpx
import pytest

from api_client.api import Api, parameters, problem_of, walk
from domain.offer import Offer

PRICES = {"Crème brûlée": 300, "Kettle": 1000, "Crème fraîche": None, "Pan": 700, "Kettle lid": 700}


@pytest.fixture
async def shop(api: Api) -> Api:
    """Give an API with these products, created in this order; one is out of stock."""
    for number, (name, price) in enumerate(PRICES.items(), start=1):
        id = UUID(int=number)
        await api.create(name, id=str(id), description="Sweet" if price is None else "For the kitchen")
        await api.outside.observe(id, *([] if price is None else [Offer(id, price, 1)]))
    await api.create("Waiting", id=str(UUID(int=9)))
    return api


@pytest.mark.parametrize("limit", ["1", "100"])
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "CREME"}, "Crème fraîche, Crème brûlée"),
        ({"q": "kitch ket"}, "Kettle lid, Kettle"),
        ({"q": "&=#+ swe"}, "Crème fraîche"),
        ({"in_stock": "true", "sort": "name"}, "Crème brûlée, Kettle, Kettle lid, Pan"),
        ({"min_price": "700", "sort": "price"}, "Pan, Kettle lid, Kettle"),
        ({"max_price": "700", "sort": "-price"}, "Kettle lid, Pan, Crème brûlée"),
        ({"min_price": "700", "max_price": "700", "q": "pan"}, "Pan"),
        ({"registration": "pending"}, "Waiting"),
        ({"registration": "conflict"}, ""),
        ({"sort": "name"}, "Crème brûlée, Crème fraîche, Kettle, Kettle lid, Pan, Waiting"),
        ({"sort": "-name"}, "Waiting, Pan, Kettle lid, Kettle, Crème fraîche, Crème brûlée"),
        ({"sort": "price"}, "Crème brûlée, Pan, Kettle lid, Kettle, Crème fraîche, Waiting"),
        ({"sort": "-price"}, "Kettle, Kettle lid, Pan, Crème brûlée, Waiting, Crème fraîche"),
    ],
)
async def test_a_walk_shows_what_was_asked_for_in_order(
    shop: Api, customer: httpx.AsyncClient, limit: str, query: dict[str, str], names: str
) -> None:
    assert ", ".join(await walk(customer, {"limit": limit, **query})) == names


async def test_attention_is_for_admins_and_not_to_be_kept(shop: Api) -> None:
    async with shop.outside.storage.begin() as work:
        for number in (2, 4):
            state = await work.synchronisations.get(UUID(int=number))
            state.fail("no answer", shop.outside.clock(), shop.outside.clock())
            await work.synchronisations.save(state)
        await work.commit()
    assert await walk(shop.http, {"attention": "true", "limit": "1"}) == ["Pan", "Kettle"]
    answer = await shop.http.get("/products?attention=true")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["attention=true", "attention=", "attention=no", "q=x&attention=true&limit=0"])
@pytest.mark.parametrize("authorization", [None, "Bearer garbage"])
async def test_attention_needs_a_valid_token(
    customer: httpx.AsyncClient, query: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    refusal = await customer.get(f"/products?{query}", headers=headers)
    problem_of(refusal, 401, "unauthenticated")
    assert refusal.headers["WWW-Authenticate"].startswith("Bearer realm=")


@pytest.mark.parametrize("path", ["/products", "/products?q=x"])
async def test_without_attention_a_bad_token_does_not_matter(customer: httpx.AsyncClient, path: str) -> None:
    answer = await customer.get(path, headers={"Authorization": "Bearer garbage"})
    assert (answer.status_code, answer.headers["Cache-Control"].split(",")[0]) == (200, "public")


FILTERS = [
    {"q": "kettle"},
    {"q": "kettle lid"},
    {"in_stock": "true"},
    {"min_price": "1"},
    {"max_price": "1000"},
    {"registration": "registered"},
    {"attention": "true"},
    {"sort": "name"},
    {"sort": "price"},
    {"min_price": "1", "max_price": "1000"},
    {"min_price": "2"},
    {},
]


@pytest.mark.parametrize("given", [{"in_stock": "true"}, {"q": "kettle"}, {"min_price": "1"}, {}])
async def test_a_cursor_is_of_no_use_with_other_filters(shop: Api, given: dict[str, str]) -> None:
    cursor = (await shop.http.get("/products", params={"limit": "1", **given})).json()["next"]
    for query in FILTERS:
        answer = await shop.http.get("/products", params={"cursor": cursor, **query})
        if query == given:
            assert answer.status_code == 200
        else:
            problem_of(answer, 400, "cursor-mismatch")


async def test_a_cursor_goes_on_with_the_same_words_written_otherwise(shop: Api) -> None:
    cursor = (await shop.http.get("/products", params={"limit": "1", "q": "kit KETTLE"})).json()["next"]
    answer = await shop.http.get("/products", params={"cursor": cursor, "q": "kettle, kit"})
    assert [product["name"] for product in answer.json()["items"]] == ["Kettle"]


async def test_the_longest_name_has_a_cursor(api: Api) -> None:
    for number in range(2):
        await api.create("\ufdfa" * 254 + str(number))
    assert len(await walk(api.http, {"sort": "name", "limit": "1"})) == 2


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("q=", "q"),
        ("q=%20-%20", "q"),
        ("q=%00", "q"),
        ("q=" + "+".join("abcdefghijk"), "q"),
        ("q=" + "a" * 201, "q"),
        ("in_stock=false", "in_stock"),
        ("in_stock=", "in_stock"),
        ("min_price=-1", "min_price"),
        ("min_price=9223372036854775808", "min_price"),
        ("min_price=1.5", "min_price"),
        ("min_price=", "min_price"),
        ("max_price=-1", "max_price"),
        ("max_price=99999999999999999999999", "max_price"),
        ("max_price=x", "max_price"),
        ("min_price=2&max_price=1", "min_price"),
        ("registration=lost", "registration"),
        ("registration=", "registration"),
        ("sort=best_price", "sort"),
        ("colour=red", "colour"),
        ("id=", "id"),
        ("id=kettle", "id"),
        ("id=null", "id"),
        (f"id={UUID(int=1)}&id=kettle", "id"),
        (f"id={UUID(int=1)},{UUID(int=2)}", "id"),
        ("&".join(f"id={UUID(int=number)}" for number in range(103)), "id"),
    ],
)
async def test_what_no_list_can_be_narrowed_down_by_is_refused(
    customer: httpx.AsyncClient, query: str, parameter: str
) -> None:
    answer = await customer.get(f"/products?{query}")
    assert parameters(problem_of(answer, 422, "validation-error")) == [parameter]


async def test_an_admin_is_told_what_is_wrong_with_attention(api: Api) -> None:
    answer = await api.http.get("/products?attention=false")
    assert parameters(problem_of(answer, 422, "validation-error")) == ["attention"]


async def test_the_bounds_themselves_are_accepted(customer: httpx.AsyncClient) -> None:
    query = {"min_price": "0", "max_price": str(2**63 - 1), "q": " ".join("abcdefghij").ljust(200)}
    assert (await customer.get("/products", params=query)).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("in_stock=null", "in_stock"),
        ("min_price=NULL", "min_price"),
        ("registration=null", "registration"),
        ("limit=1&limit=2", "limit"),
        ("q=pan&q=pan", "q"),
        ("colour=red", "colour"),
    ],
)
async def test_a_parameter_that_would_be_ignored_is_refused(customer: httpx.AsyncClient, query: str, name: str) -> None:
    problem = problem_of(await customer.get(f"/products?{query}"), 422, "validation-error")
    assert parameters(problem) == [name]


async def test_null_is_a_word_like_any_other(api: Api, customer: httpx.AsyncClient) -> None:
    await api.create("Null modem")
    await api.create("Kettle")
    found = (await customer.get("/products?q=null")).json()["items"]
    assert [each["name"] for each in found] == ["Null modem"]
