"""POST /products/batch: all of the products or none; with `partial`, an outcome for each."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_client.api import INTERVAL, Api, pointers, problem_of

OWN_ID, OTHER_ID = UUID(int=1), UUID(int=2)
KEY = {"Idempotency-Key": "import-7"}
PARTIAL = {"partial": "true"}
ADDED = "added"


def new(name: str, **others: object) -> dict[str, Any]:
    return {"name": name, "description": f"{name} as sold", **others}


async def load(api: Api, *products: object, **request: Any) -> httpx.Response:
    return await api.http.post("/products/batch", json={"products": products}, **request)


async def names(api: Api) -> set[str]:
    return {product["name"] for product in (await api.http.get("/products?limit=100")).json()["items"]}


def outcomes(answer: httpx.Response) -> list[str | list[str]]:
    """Return, for each product, that it was added, or the pointers of its problem, having checked that it is whole."""
    assert answer.status_code == 207
    found: list[str | list[str]] = []
    for item in answer.json()["items"]:
        if item["status"] == 201:
            assert item.keys() == {"status", "product"}
            found.append(ADDED)
        else:
            assert item.keys() == {"status", "problem"}
            problem = item["problem"]
            assert problem.keys() == {"type", "title", "status", "detail", "instance", "request_id", "errors"}
            kinds = {409: "/problems/product-already-exists", 422: "/problems/validation-error"}
            assert problem["type"] == kinds[problem["status"]]
            assert problem["status"] == item["status"]
            assert problem["request_id"] == answer.headers["X-Request-Id"]
            found.append(pointers(problem))
    return found


async def test_the_products_are_answered_in_order_as_single_creates_are(api: Api) -> None:
    answer = await load(api, new(" Pan "), new("Kettle", id=str(OWN_ID)), new("Cafe\u0301"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    items = answer.json()["items"]
    assert [item["name"] for item in items] == ["Pan", "Kettle", "Caf\u00e9"]
    assert items[1]["id"] == str(OWN_ID)
    alone = (await api.http.post("/products", json=new("Pot"))).json()
    texts = ("id", "name", "description")
    for item in items:
        assert {**item, **{text: alone[text] for text in texts}} == alone
        assert (await api.http.get(f"/products/{item['id']}")).json() == item | {"offers": []}
    assert len({item["id"] for item in items}) == 3


async def test_workers_are_told_once(api: Api) -> None:
    await load(api, new("Pan"), new("Kettle"))
    assert api.outside.signal.signals == 1


async def test_a_thousand_are_created_and_one_more_is_refused(api: Api) -> None:
    products = [new(f"Pan {number}") for number in range(1_001)]
    problem = problem_of(await load(api, *products), 422, "validation-error")
    assert pointers(problem) == ["/products"]
    assert api.outside.storage.rows.products == {}
    answer = await load(api, *products[:1_000])
    assert [item["name"] for item in answer.json()["items"]] == [product["name"] for product in products[:1_000]]


INVALID: list[tuple[list[object], list[list[str]]]] = [
    (
        [new("Pan"), new(" "), new("Pot", price=1), 7, {}, new("Lid", id="x"), new("Kettle")],
        [
            [],
            ["/products/1/name"],
            ["/products/2/price"],
            ["/products/3"],
            ["/products/4/name", "/products/4/description"],
            ["/products/5/id"],
            [],
        ],
    ),
    (
        [{"name": None, "description": "x" * 4_001, "id": 7}],
        [["/products/0/" + each for each in ("name", "description", "id")]],
    ),
    (
        [new("nul\0")] * 200,
        [[f"/products/{position}/{field}" for field in ("name", "description")] for position in range(200)],
    ),
]


@pytest.mark.parametrize(("products", "mistakes"), INVALID)
async def test_every_mistake_is_pointed_at_and_nothing_is_stored(
    api: Api, products: list[object], mistakes: list[list[str]]
) -> None:
    problem = problem_of(await load(api, *products), 422, "validation-error")
    assert pointers(problem) == [pointer for each in mistakes for pointer in each]
    assert api.outside.storage.rows.products == {}
    assert api.outside.signal.signals == 0


@pytest.mark.parametrize(("products", "mistakes"), INVALID)
async def test_in_part_each_product_is_told_its_own_mistakes(
    api: Api, products: list[object], mistakes: list[list[str]]
) -> None:
    answer = await load(api, *products, params=PARTIAL)
    assert outcomes(answer) == [each or ADDED for each in mistakes]
    assert len(await names(api)) == sum(not each for each in mistakes)


async def test_mistakes_of_one_product_are_bounded(api: Api) -> None:
    many = {str(number): number for number in range(100)}
    assert len(problem_of(await load(api, many, many), 422, "validation-error")["errors"]) == 20


TAKEN = [
    new("Pan"),
    new("Kettle"),
    new("Pot", id=str(OWN_ID)),
    new("Kettle", id=str(OWN_ID)),
    new(" Pan\t"),
    new("Lid", id=str(OTHER_ID)),
    new("Cup", id=str(OTHER_ID).upper()),
    new("Lid", id=str(OTHER_ID)),
]
FIELDS = [[], ["name"], ["id"], ["id", "name"], ["name"], [], ["id"], ["id", "name"]]
POINTERS = [[f"/products/{position}/{field}" for field in fields] for position, fields in enumerate(FIELDS)]


async def test_every_taken_name_and_id_is_pointed_at_and_nothing_is_stored(api: Api) -> None:
    await api.create("Kettle", id=str(OWN_ID))
    problem = problem_of(await load(api, *TAKEN), 409, "product-already-exists")
    assert pointers(problem) == [pointer for each in POINTERS for pointer in each]
    assert await names(api) == {"Kettle"}


async def test_in_part_the_first_of_a_name_or_an_id_wins(api: Api) -> None:
    await api.create("Kettle", id=str(OWN_ID))
    assert outcomes(await load(api, *TAKEN, params=PARTIAL)) == [each or ADDED for each in POINTERS]
    assert await names(api) == {"Kettle", "Pan", "Lid"}


async def test_in_part_a_batch_without_a_product_to_add_tells_workers_nothing(api: Api) -> None:
    await api.create("Kettle")
    assert outcomes(await load(api, new("Kettle"), 7, params=PARTIAL)) == [["/products/0/name"], ["/products/1"]]
    assert api.outside.signal.signals == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/products"]),
        ({"products": []}, ["/products"]),
        ({"products": {"name": "Pan"}}, ["/products"]),
        ({"products": None}, ["/products"]),
        ({"products": [new("Pan")], "partial": True}, ["/partial"]),
        ([new("Pan")], [""]),
    ],
)
@pytest.mark.parametrize("params", [{}, PARTIAL])
async def test_a_body_that_is_no_batch_is_refused_whole(
    api: Api, body: object, where: list[str], params: dict[str, str]
) -> None:
    answer = await api.http.post("/products/batch", json=body, params=params)
    assert pointers(problem_of(answer, 422, "validation-error")) == where


@pytest.mark.parametrize("partial", ["false", "1", ""])
async def test_partial_is_true_or_left_out(api: Api, partial: str) -> None:
    answer = await load(api, new("Pan"), params={"partial": partial})
    assert [error["parameter"] for error in problem_of(answer, 422, "validation-error")["errors"]] == ["partial"]


@pytest.mark.parametrize("params", [{}, PARTIAL])
async def test_the_same_batch_with_the_same_key_is_answered_as_the_first_time(api: Api, params: dict[str, str]) -> None:
    await api.create("Kettle")
    products = [new("Pan"), *([new("Kettle"), 7] if params else [])]
    first = await load(api, *products, params=params, headers=KEY)
    assert "Idempotency-Replayed" not in first.headers
    await api.http.delete(f"/products/{api.outside.storage.rows.products.popitem()[0]}")
    api.outside.clock.advance(INTERVAL)
    again = await load(api, *products, params=params, headers=KEY)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Cache-Control"] == "no-store"
    assert api.outside.signal.signals == 2
    written_otherwise = [dict(reversed(each.items())) if isinstance(each, dict) else each for each in products]
    assert (await load(api, *written_otherwise, params=params, headers=KEY)).content == first.content
    api.outside.clock.advance(timedelta(hours=24))
    assert "Idempotency-Replayed" not in (await load(api, *products, params=params, headers=KEY)).headers


async def test_a_key_is_of_one_batch_on_one_route(api: Api) -> None:
    await load(api, new("Pan"), headers=KEY)
    for other in (
        load(api, new("Pot"), headers=KEY),
        load(api, new("Pan"), new("Pot"), headers=KEY),
        load(api, new("Pan"), params=PARTIAL, headers=KEY),
        api.http.post("/products", json=new("Pan"), headers=KEY),
    ):
        problem_of(await other, 422, "idempotency-mismatch")
    await api.http.post("/products", json=new("Lid"), headers={"Idempotency-Key": "single"})
    answer = await load(api, new("Lid"), headers={"Idempotency-Key": "single"})
    problem_of(answer, 422, "idempotency-mismatch")
    assert await names(api) == {"Pan", "Lid"}


async def test_a_refused_batch_keeps_nothing_under_its_key(api: Api) -> None:
    await api.create("Kettle")
    problem_of(await load(api, new("Kettle"), headers=KEY), 409, "product-already-exists")
    problem_of(await load(api, 7, headers=KEY), 422, "validation-error")
    assert not api.outside.storage.rows.idempotency_keys
    assert (await load(api, new("Pan"), headers=KEY)).status_code == 201


async def test_a_batch_under_way_is_not_waited_for(api: Api) -> None:
    await load(api, new("Pan"), headers=KEY)
    api.outside.storage.taken.update(api.outside.storage.rows.idempotency_keys)
    problem_of(await load(api, new("Pan"), headers=KEY), 409, "idempotency-in-progress")


async def test_only_a_batch_may_be_longer_than_64_kib_and_no_longer_than_2_mib(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"products": [{"name": "Pan", "description": ""}]}'
    answer = await api.http.post("/products/batch", content=body.ljust(2 * 1024 * 1024), headers=headers)
    assert answer.status_code == 201
    for path, length in (("/products/batch", 2 * 1024 * 1024 + 1), ("/products", 64 * 1024 + 1)):
        answer = await api.http.post(path, content=body.ljust(length), headers=headers)
        problem_of(answer, 413, "payload-too-large")


async def test_a_batch_is_for_admins(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.post("/products/batch", json={"products": [new("Pan")]}), 401, "unauthenticated")
