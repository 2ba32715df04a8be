"""The description of the API matches the API."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest

from api_client.api import PROBLEM
from api_client.routes import PUBLIC_ROUTES, SCOPES
from application.catalogue.as_of import OffersAsOfView, ProductDetailAsOfView
from application.catalogue.views import OffersView, ProductDetailView, ProductView, SynchronisationView
from entrypoints.http.audit.audit_controller import AuditPage
from entrypoints.http.auth.login import LoginRequest
from entrypoints.http.conditional_reads import ENCODER
from entrypoints.http.keys.key_controller import CreatedKeyResponse, KeysResponse
from entrypoints.http.keys.requests import CreateKeyRequest
from entrypoints.http.prices.responses import (
    OfferResponse,
    PriceBucketsResponse,
    PriceChangeResponse,
    PriceStatisticsResponse,
    PriceStepsResponse,
)
from entrypoints.http.problems.problem_types import METHOD, NOT_IMPLEMENTED, PROBLEM_TYPES, Problem
from entrypoints.http.products.list_controller import ProductPage, ProductPageAsOf
from entrypoints.http.products.requests import CreateProductRequest
from entrypoints.readiness import Readiness

JSON = "application/json"
INSIGHT = "/products/{product_id}/price-"
OFFER = "/products/{product_id}/offers/{offer_id}"
Described = dict[str, Any]
AS_OF: dict[type, type] = {
    ProductPage: ProductPageAsOf,
    ProductDetailView: ProductDetailAsOfView,
    OffersView: OffersAsOfView,
}
"""The models of answers about a past time, where there are such."""


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
    pages = {"/docs", "/docs/static/{name}", "/openapi.json", "/schema/openapi.json", "/.well-known/api-catalog"}
    pages |= {"/favicon.ico", "/schema/asyncapi.json"}
    assert PUBLIC_ROUTES - described == {("GET", page) for page in pages}


def test_operations_say_whether_they_are_for_admins(description: Described) -> None:
    for route, operation in operations(description):
        mixed = route[0] == "GET" and route[1] in (
            "/products",
            "/exports/products.ndjson",
            "/exports/products.csv",
            "/events",
            "/events/stream",
        )  # `attention` and some types of events are for admins
        scope = SCOPES.get(route)
        callers: list[Described] = [{"admin": []}, *([{"key": [scope]}] if scope else [])]
        public: list[Described] = [{}, *callers] if mixed else []
        assert operation["security"] == (public if route in PUBLIC_ROUTES else callers), route
        refusing = route not in PUBLIC_ROUTES or mixed or route[1] == "/login"
        assert ("401" in operation["responses"]) == refusing, route
        assert ("403" in operation["responses"]) == (refusing and route[1] != "/login"), route
    assert description["components"]["securitySchemes"]["admin"]["scheme"] == "bearer"
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


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
        ("put", "/products/{product_id}", "200", ProductView),
        ("get", "/products/{product_id}/offers", "200", OffersView),
        ("get", "/products/{product_id}/synchronisation", "200", SynchronisationView),
        ("get", INSIGHT + "change", "200", PriceChangeResponse),
        ("get", INSIGHT + "statistics", "200", PriceStatisticsResponse),
        ("get", OFFER, "200", OfferResponse),
        ("post", "/keys", "201", CreatedKeyResponse),
        ("get", "/keys", "200", KeysResponse),
        ("get", "/audit", "200", AuditPage),
        ("get", "/health/ready", "200", Readiness),
        ("get", "/health/ready", "503", Readiness),
    ],
)
def test_an_example_is_an_answer_as_it_is_given(
    description: Described, method: str, path: str, status: str, model: type
) -> None:
    shown = examples(description, description["paths"][path][method]["responses"][status]["content"][JSON])
    assert shown
    kinds = [AS_OF[model] if "as_of" in each else model for each in shown]
    assert set(kinds) == {model, AS_OF.get(model, model)}
    converted: list[Any] = [msgspec.convert(each, kind) for each, kind in zip(shown, kinds, strict=True)]
    assert json.loads(ENCODER.encode(converted)) == shown


@pytest.mark.parametrize(
    ("path", "model"), [("/login", LoginRequest), ("/products", CreateProductRequest), ("/keys", CreateKeyRequest)]
)
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


def test_every_operation_may_fail_as_all_of_its_kind_may(description: Described) -> None:
    """The answers that follow from the kind of an operation, so that none can be forgotten."""
    for route, operation in operations(description):
        expected = {"400", "500"}
        if operation.get("security"):
            expected |= {"401"}
        if "{" in route[1]:
            expected |= {"404"}
        if "requestBody" in operation:
            expected |= {"413", "415"}
        if "requestBody" in operation or route[1].startswith("/products"):
            expected |= {"422"}  # unknown parameters too
        if route[1] not in ("/health/live", "/problems/{slug}"):
            expected |= {"503"}
        assert expected <= operation["responses"].keys(), route


def test_every_problem_is_shown(description: Described) -> None:
    shown = set()
    for route, operation in operations(description):
        for status, answer in operation["responses"].items():
            if PROBLEM not in answer.get("content", {}):
                continue
            examples = [example["value"] for example in answer["content"][PROBLEM]["examples"].values()]
            assert "; ".join(example["title"] for example in examples) == answer["description"], (route, status)
            for example in examples:
                assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(example, Problem))) == example
                assert example["status"] == int(status)
                shown.add(example["type"])
    assert {kind.path for kind in PROBLEM_TYPES} - {METHOD.path, NOT_IMPLEMENTED.path} == shown


def test_every_parameter_shows_what_it_looks_like(description: Described) -> None:
    for route, operation in operations(description):
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            if "example" in parameter:
                jsonschema_rs.validate(schema, parameter["example"], validate_formats=True)
            elif parameter["name"] != "cursor":
                assert "enum" in schema.get("items", schema) or "default" in schema, (route, parameter["name"])


def test_every_answer_and_parameter_says_what_it_is(description: Described) -> None:
    stock = {each.description for each in HTTPStatus}
    for route, operation in operations(description):
        assert stock.isdisjoint(answer["description"] for answer in operation["responses"].values()), route
        assert all(parameter.get("description") for parameter in operation["parameters"]), route


def test_every_header_has_an_example(description: Described) -> None:
    for route, operation in operations(description):
        read = [each for each in operation["parameters"] if each["in"] == "header"]
        assert "X-Request-Id" in {each["name"] for each in read}, route
        for header in [header for answer in operation["responses"].values() for header in answer["headers"].values()]:
            assert header["description"]
            jsonschema_rs.validate(header["schema"], header["example"])


def test_a_body_has_no_other_fields_than_described(description: Described) -> None:
    bodies = [operation["requestBody"] for _, operation in operations(description) if "requestBody" in operation]
    names = [body["content"][JSON]["schema"]["$ref"].rpartition("/")[2] for body in bodies]
    assert len(names) == 13
    assert all(description["components"]["schemas"][name]["additionalProperties"] is False for name in names)


def test_no_parameter_is_ever_null(description: Described) -> None:
    for route, operation in operations(description):
        schemas = [each["schema"] for each in operation["parameters"]]
        assert "null" not in str(schemas), route
        assert all(isinstance(schema["type"], str) and None not in schema.get("enum", []) for schema in schemas), route


def test_a_created_product_leads_to_all_that_can_be_asked_about_it(description: Described) -> None:
    created = description["paths"]["/products"]["post"]["responses"]["201"]
    of_products = {operation["operationId"] for route, operation in operations(description) if "{product" in route[1]}
    assert created["links"].keys() == of_products - {"getOffer", "getOfferPriorPrice"}
    assert {str(link["parameters"]) for link in created["links"].values()} == {"{'product_id': '$response.body#/id'}"}


def test_a_patch_takes_both_types(description: Described) -> None:
    body = description["paths"]["/products/{product_id}"]["patch"]["requestBody"]["content"]
    assert body.keys() == {JSON, "application/merge-patch+json"}


def test_the_headers_of_answers_are_described(description: Described) -> None:
    paths = description["paths"]
    for _, operation in operations(description):
        for status, answer in operation["responses"].items():
            assert {"X-Request-Id", "X-Content-Type-Options"} <= answer["headers"].keys()
            assert "Cache-Control" in answer["headers"] or status < "300"
            assert ("WWW-Authenticate" in answer["headers"]) == (status in ("401", "403"))
            assert ("Retry-After" in answer["headers"]) == (
                status == "429" or (status == "503" and PROBLEM in answer["content"])
            )
    assert {"Location", "ETag"} <= paths["/products"]["post"]["responses"]["201"]["headers"].keys()
    assert "Link" in paths["/products"]["get"]["responses"]["200"]["headers"]


CONDITIONAL_READS = {
    ("GET", path)
    for path in (
        "/problems/{slug}",
        "/products",
        "/products/{product_id}",
        "/products/{product_id}/offers",
        OFFER,
        INSIGHT + "history",
        INSIGHT + "change",
        INSIGHT + "statistics",
        "/products/{product_id}/prior-price",
        OFFER + "/prior-price",
    )
}


def having_header(description: Described, name: str) -> set[tuple[str, str]]:
    """Return the operations that are described as reading this header."""
    return {
        route
        for route, operation in operations(description)
        if name in {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
    }


def test_conditional_reads_are_described(description: Described) -> None:
    with_304 = {route for route, operation in operations(description) if "304" in operation["responses"]}
    assert with_304 == CONDITIONAL_READS
    for _, path in CONDITIONAL_READS:
        answers = description["paths"][path]["get"]["responses"]
        assert "content" not in answers["304"]
        assert all({"ETag", "Cache-Control"} <= answers[status]["headers"].keys() for status in ("200", "304"))


def test_conditional_writes_are_described(description: Described) -> None:
    with_412 = {route for route, operation in operations(description) if "412" in operation["responses"]}
    conditional = {(method, "/products/{product_id}") for method in ("PATCH", "PUT", "DELETE")}
    assert with_412 == having_header(description, "If-Match") == conditional
    assert having_header(description, "If-None-Match") == conditional | CONDITIONAL_READS


def test_the_idempotency_key_is_described(description: Described) -> None:
    create = description["paths"]["/products"]["post"]
    routes = {("POST", "/products"), ("POST", "/products/batch")}
    assert having_header(description, "Idempotency-Key") == routes
    assert "Idempotency-Replayed" in create["responses"]["201"]["headers"]
    assert create["responses"]["409"]["description"] == "Product already exists; Request in progress"
    assert create["responses"]["422"]["description"] == "Validation error; Idempotency key mismatch"


async def test_the_description_is_the_same_every_time(customer: httpx.AsyncClient) -> None:
    once, again = [(await customer.get("/schema/openapi.json")).json() for _ in range(2)]
    assert once == again
    for route, operation in operations(once):
        names = [(each["in"], each["name"]) for each in operation.get("parameters", [])]
        assert len(names) == len(set(names)), route


def test_answers_that_say_how_long_they_may_be_kept_are_described(description: Described) -> None:
    said = {
        route
        for route, operation in operations(description)
        for status, answer in operation["responses"].items()
        if status < "300" and "Cache-Control" in answer["headers"]
    }
    others = {("POST", "/login"), ("GET", "/health/live"), ("GET", "/health/ready")}
    others |= {route for route in PUBLIC_ROUTES if route[1].startswith(("/exports/", "/events"))}
    assert said == CONDITIONAL_READS | others | {route for route, _ in operations(description)} - PUBLIC_ROUTES


def test_the_bounds_of_a_page_are_described(description: Described) -> None:
    parameters = {each["name"]: each["schema"] for each in description["paths"]["/products"]["get"]["parameters"]}
    limit, price = parameters["limit"], parameters["min_price"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 20)
    assert (price["minimum"], price["maximum"]) == (0, 2**63 - 1)


def models(description: Described, path: str) -> dict[str, Described]:
    """Return every model that the answer consists of, by its name."""
    schemas, found = description["components"]["schemas"], {}
    waiting = [description["paths"][path]["get"]["responses"]["200"]["content"][JSON]["schema"]]
    while waiting:
        described = waiting.pop()
        if isinstance(described, dict):
            name = described.get("$ref", "").rpartition("/")[2]
            if name and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
            waiting += described.values()
        elif isinstance(described, list):
            waiting += described
    return {name: model for name, model in found.items() if "properties" in model}


POINTS = {"at", "price", "state"}
BUCKETS = {"at", "from", "to", "open", "close", "min", "max", "average", "in_stock_share", "coverage"}
HISTORY = {"from", "to", "interval", "series", "reason"}
SERIES = {"offer_id", "points"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            INSIGHT + "history",
            {
                "PriceStepsResponse": HISTORY,
                "StepSeriesView": SERIES,
                "PricePointView": POINTS,
                "PriceBucketsResponse": HISTORY,
                "BucketSeriesResponse": SERIES,
                "PriceBucketResponse": BUCKETS,
            },
        ),
        (
            INSIGHT + "change",
            {
                "PriceChangeResponse": {"from", "to", "change", "change_percent", "direction", "reason"},
                "PriceAtView": {"at", "price"},
            },
        ),
        (
            INSIGHT + "statistics",
            {
                "PriceStatisticsResponse": {"from", "to", "current", "average", "median", "p25", "p75", "min", "max"}
                | {"percentile", "out_of_stock_share", "coverage", "verdict", "reason"},
                "Extreme": {"price", "at"},
            },
        ),
        (
            OFFER,
            {
                "OfferResponse": {"id", "price", "items_in_stock", "first_seen_at", "changed_at", "sold_out_at"}
                | {"from", "to", "points"},
                "PricePointView": POINTS,
            },
        ),
    ],
)
def test_prices_over_time_have_the_fields_of_the_contract_in_every_answer(
    description: Described, path: str, expected: dict[str, set[str]]
) -> None:
    described = models(description, path)
    assert {name: set(model["properties"]) for name, model in described.items()} == expected
    assert all(set(model["required"]) == set(model["properties"]) for model in described.values())


def test_steps_and_buckets_are_told_apart_by_their_interval(description: Described) -> None:
    schemas = description["components"]["schemas"]
    assert schemas["PriceStepsResponse"]["properties"]["interval"]["const"] == "raw"
    assert schemas["PriceBucketsResponse"]["properties"]["interval"]["enum"] == ["5m", "1h", "1d", "1w", "1mo"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (INSIGHT + "history", {"from", "to", "interval", "series", "tz"}),
        (INSIGHT + "change", {"from", "to", "period"}),
        (INSIGHT + "statistics", {"from", "to"}),
        (OFFER, set()),
        (
            "/products",
            {"q", "in_stock", "min_price", "max_price", "registration", "attention", "sort", "period", "limit"}
            | {"id", "cursor", "at"},
        ),
    ],
)
def test_parameters_are_described_by_the_names_they_have_in_a_url(
    description: Described, path: str, expected: set[str]
) -> None:
    parameters = [each for each in description["paths"][path]["get"]["parameters"] if each["in"] == "query"]
    assert {each["name"] for each in parameters} == expected
    assert all(each["description"] and not each["required"] for each in parameters)


@pytest.mark.parametrize(
    ("path", "name", "choices", "default"),
    [
        (INSIGHT + "history", "interval", ["auto", "raw", "5m", "1h", "1d", "1w", "1mo"], "auto"),
        (INSIGHT + "history", "series", ["best", "offers"], "best"),
        (
            "/products",
            "sort",
            ["name", "-name", "price", "-price", "change", "-change", "created_at", "-created_at"],
            "-created_at",
        ),
        ("/products", "period", ["P1D", "P7D"], None),
    ],
)
def test_the_choices_of_a_parameter_are_described(
    description: Described, path: str, name: str, choices: list[str], default: str | None
) -> None:
    (schema,) = [each["schema"] for each in description["paths"][path]["get"]["parameters"] if each["name"] == name]
    assert (schema["enum"], schema.get("default")) == (choices, default)


@pytest.mark.parametrize(
    ("path", "problems"),
    [
        (
            INSIGHT + "history",
            {
                "404": "Product not found; Not found",
                "422": "Validation error; Window too large; Beyond retention",
            },
        ),
        (INSIGHT + "change", {"404": "Product not found; Not found", "422": "Validation error"}),
        (INSIGHT + "statistics", {"404": "Product not found; Not found", "422": "Validation error"}),
        (OFFER, {"404": "Product not found; Not found; Offer not found", "422": "Validation error"}),
        (
            "/products",
            {
                "400": "Malformed request; Cursor mismatch",
                "401": "Not authenticated",
                "403": "Forbidden",
                "422": "Validation error; Beyond retention",
            },
        ),
    ],
)
def test_the_problems_of_an_operation_are_described(
    description: Described, path: str, problems: dict[str, str]
) -> None:
    answers = description["paths"][path]["get"]["responses"]
    described = {status: answer["description"] for status, answer in answers.items() if status >= "400"}
    everywhere = {"400": "Malformed request", "500": "Internal error", "503": "Overloaded; Database unavailable"}
    assert described == everywhere | problems


def examples_of(description: Described, path: str) -> list[Any]:
    return examples(description, description["paths"][path]["get"]["responses"]["200"]["content"][JSON])


def test_a_history_shows_an_example_of_steps_and_one_of_buckets(description: Described) -> None:
    steps, *buckets = examples_of(description, INSIGHT + "history")
    assert json.loads(ENCODER.encode(msgspec.convert(steps, PriceStepsResponse))) == steps
    for each in buckets:
        assert json.loads(ENCODER.encode(msgspec.convert(each, PriceBucketsResponse))) == each
    for shown in (steps, *buckets):
        times = [point["at"] for point in shown["series"][0]["points"]]
        assert [shown["from"], *times[1:], shown["to"]] == sorted({shown["from"], *times, shown["to"]})


def test_the_examples_are_possible(description: Described) -> None:
    (offer,), (statistics,) = examples_of(description, OFFER), examples_of(description, INSIGHT + "statistics")
    assert offer["first_seen_at"] <= offer["from"] == offer["points"][0]["at"] <= offer["changed_at"] <= offer["to"]
    assert (offer["changed_at"], offer["price"]) == (offer["points"][-1]["at"], offer["points"][-1]["price"])
    assert statistics["min"]["price"] <= statistics["current"] < statistics["p25"] <= statistics["median"]
    assert statistics["median"] <= statistics["p75"] <= statistics["max"]["price"]
