"""Every error is a problem of a known type, whose constant parts are the contract's."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import httpx
import pytest

import entrypoints.http
from api_client.api import MISSING, Api, problem_of
from application.storage import StorageUnavailable
from domain.errors import Refusal
from entrypoints.http.problems import problem_types
from entrypoints.http.problems.mapping import PROBLEM_OF
from entrypoints.http.problems.problem_types import PROBLEM_TYPES, ProblemType

STATUSES = {
    "malformed-request": 400,
    "cursor-mismatch": 400,
    "unauthenticated": 401,
    "webhook-disabled": 409,
    "cursor-expired": 410,
    "invalid-credentials": 401,
    "forbidden": 403,
    "product-not-found": 404,
    "offer-not-found": 404,
    "not-found": 404,
    "method-not-allowed": 405,
    "product-already-exists": 409,
    "idempotency-in-progress": 409,
    "precondition-failed": 412,
    "payload-too-large": 413,
    "unsupported-media-type": 415,
    "validation-error": 422,
    "window-too-large": 422,
    "beyond-retention": 422,
    "idempotency-mismatch": 422,
    "rate-limited": 429,
    "internal-error": 500,
    "not-implemented": 501,
    "overloaded": 503,
    "database-unavailable": 503,
}
"""What programs elsewhere rely on; some are of routes to come."""


def descendants(parent: type[Exception]) -> Iterator[type[Exception]]:
    for child in parent.__subclasses__():
        yield child
        yield from descendants(child)


def errors_of_the_api() -> Iterator[type[Exception]]:
    for module in pkgutil.walk_packages(entrypoints.http.__path__, "entrypoints.http."):
        for _, found in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(found, Exception) and found.__module__.startswith("entrypoints.http."):
                yield found


def test_every_error_that_reaches_the_border_has_its_problem() -> None:
    # The kinds of StorageUnavailable differ for adapters alone; all are answered alike.
    errors = {*descendants(Refusal), *errors_of_the_api(), StorageUnavailable}
    assert len(errors) > 8
    assert errors <= PROBLEM_OF.keys()


def test_every_problem_type_is_listed_once_with_the_status_of_the_contract() -> None:
    defined = [each for each in vars(problem_types).values() if isinstance(each, ProblemType)]
    assert sorted(PROBLEM_TYPES, key=repr) == sorted(defined, key=repr)
    assert {kind.slug: kind.status for kind in PROBLEM_TYPES}.items() <= STATUSES.items()
    assert set(PROBLEM_OF.values()) <= set(PROBLEM_TYPES)
    assert len({kind.slug for kind in PROBLEM_TYPES}) == len({kind.title for kind in PROBLEM_TYPES})


@pytest.mark.parametrize("kind", PROBLEM_TYPES, ids=[kind.slug for kind in PROBLEM_TYPES])
async def test_the_type_of_a_problem_is_a_path_that_explains_it(customer: httpx.AsyncClient, kind: ProblemType) -> None:
    answer = await customer.get(kind.path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert kind.title in answer.text
    assert kind.meaning in answer.text


async def test_there_is_no_explanation_of_what_is_no_problem(customer: httpx.AsyncClient) -> None:
    problem_of(await customer.get("/problems/none"), 404, "not-found")


async def test_two_cases_of_a_problem_have_one_title(api: Api) -> None:
    for id in (str(MISSING), "6a1f0c1e-7b4d-4a5e-82c1-9d0e8f7a6b5c"):
        problem = problem_of(await api.http.get(f"/products/{id}"), 404, "product-not-found")
        assert problem["title"] == "Product not found"
        assert id in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/nope", "/nope//", "/health", "/login/x", f"/products/{MISSING}/nope"])
async def test_an_unknown_path_is_not_found(customer: httpx.AsyncClient, method: str, path: str) -> None:
    problem_of(await customer.request(method, path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/products", {"GET", "HEAD", "POST"}),
        ("DELETE", "/products", {"GET", "HEAD", "POST"}),
        ("POST", f"/products/{MISSING}", {"GET", "HEAD", "PATCH", "PUT", "DELETE"}),
        ("GET", "/login", {"POST"}),
        ("HEAD", "/login", {"POST"}),
        ("POST", "/health/live", {"GET", "HEAD"}),
        ("POST", "/problems/not-found", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET", "HEAD"}),
        ("TRACE", "/products", {"GET", "HEAD", "POST"}),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_told_those_it_has(
    customer: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = await customer.request(method, path)
    assert answer.status_code == 405
    if method != "HEAD":
        problem_of(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == ", ".join(sorted(allowed | {"OPTIONS"}))


@pytest.mark.parametrize("method", ["PROPFIND", "PURGE", "LINK", "FOO"])
@pytest.mark.parametrize("path", ["/products", f"/products/{MISSING}", "/nope"])
async def test_a_method_that_http_does_not_have_is_not_implemented(
    customer: httpx.AsyncClient, method: str, path: str
) -> None:
    problem_of(await customer.request(method, path), 501, "not-implemented")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/products"),
        ("GET", f"/products/{MISSING}"),
        ("GET", f"/products/{MISSING}/offers"),
        ("GET", f"/products/{MISSING}/offers/{MISSING}"),
        ("GET", f"/products/{MISSING}/price-history"),
        ("GET", f"/products/{MISSING}/price-history?series=offers"),
        ("GET", f"/products/{MISSING}/price-change"),
        ("GET", f"/products/{MISSING}/price-statistics"),
        ("GET", f"/products/{MISSING}/synchronisation"),
        ("DELETE", f"/products/{MISSING}"),
        ("POST", f"/products/{MISSING}/register"),
        ("POST", "/login"),
        ("POST", "/products"),
        ("PATCH", f"/products/{MISSING}"),
        ("PUT", f"/products/{MISSING}"),
    ],
)
async def test_without_the_database_callers_are_asked_to_come_back(api: Api, method: str, path: str) -> None:
    api.outside.storage.away = True
    product = {"name": "Kettle", "description": ""}
    bodies = {"/login": {"username": "a", "password": "b"}}
    answer = await api.http.request(method, path, json=bodies.get(path, product))
    problem = problem_of(answer, 503, "database-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "switched off" not in str(problem)
