"""Links of the description: what can be asked next about a product that an answer has the id of."""

from typing import Any

STATUS_WITH_ID = {"createProduct": "201", "amendProduct": "200"}
"""The operations whose answer always has a product's id; a page or a product may have nothing to go on with."""


def describe_links(operations: list[dict[str, Any]]) -> None:
    """Link answers with a product's id to the operations that take nothing else in their path."""
    links = {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"product_id": "$response.body#/id"},
        }
        for operation in operations
        if [each["name"] for each in operation["parameters"] if each["in"] == "path"] == ["product_id"]
    }
    for operation in operations:
        if status := STATUS_WITH_ID.get(operation["operationId"]):
            operation["responses"][status]["links"] = links
