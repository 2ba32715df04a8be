"""The AsyncAPI description: served, whole, and about the events that there are."""

from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest

from domain.event import EventType
from specification.event_schemas import check_event


async def test_the_description_has_a_message_for_every_type_of_event(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/schema/asyncapi.json")
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (
        200,
        "application/vnd.aai.asyncapi+json",
    )
    described: dict[str, Any] = answer.json()
    assert described["asyncapi"] == "3.0.0"
    messages = described["components"]["messages"]
    kinds = {kind.value for kind in EventType}
    assert {message["name"] for message in messages.values()} == kinds | {"webhook.ping"}
    for channel, others in (("stream", set[str]()), ("webhook", {"webhook.ping"})):
        references = described["channels"][channel]["messages"].values()
        names = {messages[reference["$ref"].rpartition("/")[2]]["name"] for reference in references}
        assert names == kinds | others


async def test_every_reference_leads_somewhere(customer: httpx.AsyncClient) -> None:
    described = (await customer.get("/schema/asyncapi.json")).json()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [each for value in part.values() for each in references(value)]
        return [each for value in part for each in references(value)] if isinstance(part, list) else []

    for reference in references(described):
        part = described
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


async def test_openapi_describes_the_push(customer: httpx.AsyncClient) -> None:
    described = (await customer.get("/schema/openapi.json")).json()
    body = described["webhooks"]["event"]["post"]["requestBody"]["content"]["application/cloudevents+json"]
    name = body["schema"]["$ref"].rpartition("/")[2]
    assert name in described["components"]["schemas"]


def test_an_event_that_is_not_as_described_is_found() -> None:
    event = {
        "specversion": "1.0",
        "id": "1-2-3",
        "source": "/products",
        "type": "product.withdrawn",
        "subject": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
        "time": "2026-11-26T09:41:07Z",
        "data": {"name": "Kettle"},
    }
    check_event(msgspec.json.encode(event))
    wrongs: list[dict[str, Any]] = [
        {"data": {}},
        {"data": {"name": "Kettle", "more": 1}},
        {"time": "yesterday"},
        {"source": "/alerts"},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema_rs.ValidationError):
            check_event(msgspec.json.encode(event | wrong))
