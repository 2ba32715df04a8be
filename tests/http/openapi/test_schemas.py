"""The schemas of the description are plain enough for its readers, and for generators of clients."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from entrypoints.http.products.requests import CreateProductRequest

Described = dict[str, Any]


@pytest.fixture
async def description(customer: httpx.AsyncClient) -> Described:
    described: Described = (await customer.get("/schema/openapi.json")).json()
    return described


def operations(description: Described) -> Iterator[Described]:
    for path in description["paths"].values():
        yield from path.values()


def parameters(description: Described) -> dict[str, Described]:
    found = [each for operation in operations(description) for each in operation.get("parameters", [])]
    return {each["name"]: each["schema"] for each in found}


def test_a_parameter_has_one_type_and_it_is_not_null(description: Described) -> None:
    schemas = parameters(description)
    assert {schema["type"] for schema in schemas.values()} == {"string", "integer", "number", "array"}
    assert all(None not in schema.get("enum", []) and "oneOf" not in schema for schema in schemas.values())
    assert schemas["registration"]["enum"] == ["pending", "registered", "rejected", "conflict"]
    assert [schemas[name]["format"] for name in ("from", "to", "period")] == ["date-time", "date-time", "duration"]


def test_bounds_are_described_also_where_they_are_zero(description: Described) -> None:
    schemas = parameters(description)
    assert (schemas["min_price"]["minimum"], schemas["max_price"]["minimum"], schemas["limit"]["minimum"]) == (0, 0, 1)


def test_a_field_that_may_be_left_out_has_one_type(description: Described) -> None:
    fields = description["components"]["schemas"]["CreateProductRequest"]["properties"]
    assert (fields["id"]["type"], fields["id"]["format"]) == ("string", "uuid")
    fields = description["components"]["schemas"]["AmendProductRequest"]["properties"]
    assert {field["type"] for field in fields.values()} == {"string"}


def test_a_batch_is_described_by_its_products_and_its_bounds(description: Described) -> None:
    field = description["components"]["schemas"]["CreateProductsRequest"]["properties"]["products"]
    assert field["items"] == {"$ref": "#/components/schemas/CreateProductRequest"}
    assert (field["minItems"], field["maxItems"]) == (1, 1_000)


def test_every_model_says_what_it_is(description: Described) -> None:
    models = description["components"]["schemas"]
    assert [name for name, model in models.items() if not model.get("description")] == []
    assert "`percentile` is the share" in models["PriceStatisticsResponse"]["description"]


def test_choices_that_are_no_names_have_one_for_programs(description: Described) -> None:
    sort = parameters(description)["sort"]
    names = dict(zip(sort["enum"], sort["x-enum-varnames"], strict=True))
    assert (names["price"], names["-price"]) == ("PRICE", "PRICE_DESCENDING")
    interval = description["components"]["schemas"]["PriceBucketsResponse"]["properties"]["interval"]
    assert interval["x-enum-varnames"] == ["FIVE_MINUTES", "HOUR", "DAY", "WEEK", "MONTH"]
    assert "x-enum-varnames" not in parameters(description)["registration"]


def test_the_example_of_a_new_product_can_be_sent_again_under_another_name(description: Described) -> None:
    body = description["paths"]["/products"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"].keys() == {"name", "description"}
    msgspec.convert(body["example"], CreateProductRequest)


async def test_it_is_the_same_each_time(customer: httpx.AsyncClient, description: Described) -> None:
    assert (await customer.get("/schema/openapi.json")).json() == description
