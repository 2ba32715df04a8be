"""The description of the API tells what the API does."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from api import PROBLEM
from application.views import OffersView, ProductDetailView, ProductView, SynchronisationView
from entrypoints.http.access import ADMIN_ONLY, PUBLIC_ROUTES
from entrypoints.http.login import LoginRequest
from entrypoints.http.problem_types import Problem
from entrypoints.http.products import CreateProductRequest, ProductPage
from entrypoints.readiness import Readiness

JSON = "application/json"
Described = dict[str, Any]


@pytest.fixture
async def description(customer: httpx.AsyncClient) -> Described:
    answer = await customer.get("/schema/openapi.json")
    assert answer.status_code == 200
    described: Described = answer.json()
    return described


def operations(description: Described) -> Iterator[tuple[tuple[str, str], Described]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield (method.upper(), path), operation


def examples(description: Described, media: Described) -> list[Any]:
    """Return the examples of an answer or body, or those of its fields put together."""
    if "examples" in media:
        return [example["value"] for example in media["examples"].values()]
    fields = description["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]["properties"]
    return [{name: field["examples"][0] for name, field in fields.items() if "examples" in field}]


def test_it_is_openapi_3_1(description: Described) -> None:
    assert description["openapi"].startswith("3.1")
    assert description["info"]["title"] == "Product Aggregator"


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(description: Described) -> None:
    described = [operation for _, operation in operations(description)]
    assert len({operation["operationId"] for operation in described}) == len(described) > 10
    assert all(operation["summary"] and operation["description"] and operation["tags"] for operation in described)


def test_only_pages_for_people_are_left_out(description: Described) -> None:
    described = {route for route, _ in operations(description)}
    assert {route for route in PUBLIC_ROUTES - described if "/docs" not in route[1]} == {
        ("GET", "/schema/openapi.json")
    }


def test_operations_say_whether_they_are_for_admins(description: Described) -> None:
    for route, operation in operations(description):
        assert operation.get("security", []) == ([] if route in PUBLIC_ROUTES else ADMIN_ONLY), route
        assert ("401" in operation["responses"]) == (route not in PUBLIC_ROUTES or route[1] == "/login"), route
    assert description["components"]["securitySchemes"]["admin"]["scheme"] == "bearer"


def test_every_operation_with_json_shows_an_example(description: Described) -> None:
    for route, operation in operations(description):
        media = [each.get("content", {}) for status, each in operation["responses"].items() if status < "300"]
        media.append(operation.get("requestBody", {}).get("content", {}))
        shown = [example for each in media if JSON in each for example in examples(description, each[JSON])]
        assert any(shown) or not any(JSON in each for each in media), route


@pytest.mark.parametrize(
    ("method", "path", "status", "model"),
    [
        ("post", "/products", "201", ProductView),
        ("get", "/products", "200", ProductPage),
        ("get", "/products/{product_id}", "200", ProductDetailView),
        ("patch", "/products/{product_id}", "200", ProductView),
        ("get", "/products/{product_id}/offers", "200", OffersView),
        ("get", "/products/{product_id}/synchronisation", "200", SynchronisationView),
        ("get", "/health/ready", "200", Readiness),
        ("get", "/health/ready", "503", Readiness),
    ],
)
def test_an_example_is_an_answer_as_it_is_given(
    description: Described, method: str, path: str, status: str, model: type
) -> None:
    (shown,) = examples(description, description["paths"][path][method]["responses"][status]["content"][JSON])
    assert msgspec.to_builtins(msgspec.convert(shown, model)) == shown


@pytest.mark.parametrize(("path", "model"), [("/login", LoginRequest), ("/products", CreateProductRequest)])
def test_the_example_of_a_body_is_accepted(description: Described, path: str, model: type) -> None:
    (shown,) = examples(description, description["paths"][path]["post"]["requestBody"]["content"][JSON])
    msgspec.convert(shown, model)


def test_every_error_is_described_as_a_problem(description: Described) -> None:
    for route, operation in operations(description):
        for status, answer in operation["responses"].items():
            if status >= "400" and (route[1], status) != ("/health/ready", "503"):
                assert list(answer["content"]) == [PROBLEM], (route, status)
                assert answer["content"][PROBLEM]["schema"]["$ref"].endswith("/Problem")
    fields = description["components"]["schemas"]["Problem"]["properties"]
    assert list(fields) == [field.encode_name for field in msgspec.structs.fields(Problem)]


def test_a_patch_takes_both_types(description: Described) -> None:
    body = description["paths"]["/products/{product_id}"]["patch"]["requestBody"]["content"]
    assert body.keys() == {JSON, "application/merge-patch+json"}


def test_the_headers_of_answers_are_described(description: Described) -> None:
    paths = description["paths"]
    for _, operation in operations(description):
        for status, answer in operation["responses"].items():
            assert "X-Request-Id" in answer["headers"]
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401")
            assert ("Retry-After" in answer["headers"]) == (status == "503" and PROBLEM in answer["content"])
    assert {"Location", "ETag"} <= paths["/products"]["post"]["responses"]["201"]["headers"].keys()
    assert "Link" in paths["/products"]["get"]["responses"]["200"]["headers"]


def test_the_bounds_of_a_page_are_described(description: Described) -> None:
    parameters = {each["name"]: each["schema"] for each in description["paths"]["/products"]["get"]["parameters"]}
    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"], parameters["limit"]["default"]) == (
        1,
        100,
        20,
    )
