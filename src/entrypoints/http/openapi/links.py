"""Links of the OpenAPI description: from an answer that shows a product to the operations on that product."""

from typing import Any


def links_to(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return links to the operations whose path takes a product's id and nothing else."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"product_id": "$response.body#/id"},
        }
        for operation in operations
        if [each["name"] for each in operation["parameters"] if each["in"] == "path"] == ["product_id"]
    }
