"""The schemas of all events, from the AsyncAPI description: what any test emits must be as it says."""

from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from entrypoints.http.events.async_description import DESCRIPTION


@cache
def _validator(kind: str) -> jsonschema_rs.Validator:
    description = msgspec.json.decode(DESCRIPTION)
    (name,) = (name for name, message in description["components"]["messages"].items() if message["name"] == kind)
    schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def check_event(json: bytes) -> None:
    """Hold an event to its schema.

    Raises:
        jsonschema_rs.ValidationError
    """
    event: dict[str, Any] = msgspec.json.decode(json)
    _validator(event["type"]).validate(event)
