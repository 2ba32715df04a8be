"""All mistakes in a request are answered at once, in the body by a pointer, elsewhere by the parameter's name."""

from typing import Any

import httpx
import pytest

from api_client.api import MISSING, Api, parameters, pointers, problem_of

INVALID: dict[str, Any] = {"name": " ", "description": "nul\0"}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (INVALID, ["/name", "/description"]),
        ({"name": 5, "description": "x" * 4_001}, ["/name", "/description"]),
        ({"name": None, "description": None, "id": 7}, ["/name", "/description", "/id"]),
        ({"description": "x" * 4_001, "id": "no-uuid", "price": 1}, ["/name", "/description", "/id", "/price"]),
        ({"a/b": 1, "c~d": 2}, ["/name", "/description", "/a~1b", "/c~0d"]),
        ({}, ["/name", "/description"]),
    ],
)
async def test_a_new_product_is_told_all_of_its_mistakes(api: Api, body: object, where: list[str]) -> None:
    problem = problem_of(await api.http.post("/products", json=body), 422, "validation-error")
    assert pointers(problem) == where
    assert all(error.keys() == {"pointer", "detail"} and error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("method", "body", "where"),
    [
        ("PATCH", INVALID, ["/name", "/description"]),
        ("PATCH", {"name": 1, "id": str(MISSING)}, ["/name", "/id"]),
        ("PUT", INVALID, ["/name", "/description"]),
        ("PUT", {"name": "x" * 256}, ["/name", "/description"]),
    ],
)
async def test_so_is_an_edit(api: Api, method: str, body: object, where: list[str]) -> None:
    path = f"/products/{(await api.create())['id']}"
    assert pointers(problem_of(await api.http.request(method, path, json=body), 422, "validation-error")) == where


async def test_mistakes_in_query_headers_and_body_are_told_together(api: Api) -> None:
    answer = await api.http.post("/products?dry=1&dry=2", json=INVALID, headers={"Idempotency-Key": "a b"})
    problem = problem_of(answer, 422, "validation-error")
    assert [error.get("parameter", error.get("pointer")) for error in problem["errors"]] == [
        "dry",
        "dry",
        "Idempotency-Key",
        "/name",
        "/description",
    ]


async def test_a_body_that_is_not_there_hides_no_other_mistake(api: Api) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a b"}
    problem = problem_of(await api.http.post("/products", headers=headers), 422, "validation-error")
    assert [error["detail"] for error in problem["errors"]] == [
        "The key must be 1 to 255 visible ASCII characters.",
        "The body is missing.",
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limit=0&sort=best&colour=red&min_price=-1", ["limit", "sort", "colour", "min_price"]),
        ("q=-&in_stock=null&registration=lost&limit=1&limit=2", ["q", "in_stock", "registration", "limit"]),
        ("period=P1Y&cursor=x&max_price=1.5", ["period", "max_price"]),
    ],
)
async def test_a_list_is_told_all_of_its_mistakes(customer: httpx.AsyncClient, query: str, names: list[str]) -> None:
    problem = problem_of(await customer.get(f"/products?{query}"), 422, "validation-error")
    assert parameters(problem) == names
    assert all(error.keys() == {"parameter", "detail"} and error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("price-history?from=yesterday&to=today&interval=2h&series=all", ["from", "to", "interval", "series"]),
        ("price-change?from=yesterday&to=today&period=week&tz=UTC", ["from", "to", "period", "tz"]),
        ("price-statistics?from=2026-03-14T11:00:00&to=1", ["from", "to"]),
        ("price-change?period=PT0S&colour=red", ["period", "colour"]),
        ("offers?in_stock=all&colour=red", ["in_stock", "colour"]),
    ],
)
async def test_so_is_a_window(customer: httpx.AsyncClient, path: str, names: list[str]) -> None:
    answer = await customer.get(f"/products/{MISSING}/{path}")
    assert parameters(problem_of(answer, 422, "validation-error")) == names


async def test_one_mistake_is_the_detail_of_its_problem(customer: httpx.AsyncClient) -> None:
    problem = problem_of(await customer.get("/products?colour=red"), 422, "validation-error")
    assert problem["detail"] == problem["errors"][0]["detail"] == "This parameter is unknown here."


async def test_two_occurrences_of_a_problem_have_two_instances(customer: httpx.AsyncClient) -> None:
    answers = [await customer.get("/nope", headers={"X-Request-Id": "mine"}) for _ in range(2)]
    problems = [problem_of(answer, 404, "not-found") for answer in answers]
    assert [problem["request_id"] for problem in problems] == ["mine", "mine"]
    assert problems[0]["instance"] != problems[1]["instance"]


async def test_an_answer_lists_a_hundred_mistakes_at_most(api: Api, customer: httpx.AsyncClient) -> None:
    body = dict.fromkeys(map(str, range(5_000)))
    for answer in (await customer.get("/products", params=body), await api.http.post("/login", json=body)):
        assert len(problem_of(answer, 422, "validation-error")["errors"]) == 100
