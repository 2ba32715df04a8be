"""Schemas of the OpenAPI description, made plain for readers and for generators of clients."""

import re
from dataclasses import is_dataclass
from decimal import Decimal
from inspect import getdoc
from typing import Any

from litestar.openapi.spec import OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Struct

Described = dict[str, Any]

NULL = "null"
MEMBERS = {"5m": "FIVE_MINUTES", "1h": "HOUR", "1d": "DAY", "1w": "WEEK", "1mo": "MONTH"}
EXAMPLES = {
    "product_id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
    "id": ["2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"],
    "offer_id": "c0ffee00-1234-5678-0abc-def012345678",
    "after": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
    "q": "cordless drill",
    "min_price": 10_000,
    "max_price": 50_000,
    "at": "2026-11-19T00:00:00Z",
    "from": "2026-11-19T00:00:00Z",
    "to": "2026-11-26T00:00:00Z",
    "period": "P7D",
    "tz": "Europe/Prague",
    "key_id": "5b8f0a52-6a0c-4d0e-9a57-0d3c1f3ab9c4",
    "alert_id": "7d0c6f0e-3c55-4f0f-9a39-6f9d53e7a1b2",
    "webhook_id": "8c1f6f0e-52f5-4b43-8a3b-0f7a3ad6c7f2",
    "actor": "admin",
    "subject_id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
}
"""Examples of parameters whose choices or default show none; cursors need none."""


class DescribedModels(OpenAPISchemaPlugin):
    """Adds to every model its docstring, and whether it allows further fields, both of which Litestar leaves out."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether it is one of our models."""
        model = field_definition.annotation
        return isinstance(model, type) and (model is Decimal or is_dataclass(model) or issubclass(model, Struct))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """Describe the model as the plugin for its kind does, and add the rest; decimals are numbers."""
        if field_definition.annotation is Decimal:
            return Schema(type=OpenAPIType.NUMBER)
        others = [plugin for plugin in schema_creator.plugins if plugin is not self]
        schema: Schema = next(
            plugin.to_openapi_schema(field_definition, schema_creator)
            for plugin in others
            if isinstance(plugin, OpenAPISchemaPlugin) and plugin.is_plugin_supported_field(field_definition)
        )
        model = field_definition.annotation
        schema.description = getdoc(model)
        if issubclass(model, Struct) and model.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        return schema


def describe_parameter(parameter: Described) -> None:
    """Describe a parameter; it is absent or has a value, because a URL cannot express null."""
    parameter["schema"] = _without_null(parameter["schema"])
    if parameter["name"] in EXAMPLES:
        example = EXAMPLES[parameter["name"]]
        many = parameter["schema"]["type"] == "array" and not isinstance(example, list)
        parameter["example"] = [example] if many else example


def any_of(schema: Described) -> Described:
    """Return the schema with a choice of which several may fit: an answer of the past may look like a present one."""
    return {"anyOf" if name == "oneOf" else name: value for name, value in schema.items()}


def describe_field(schema: Described, name: str = "") -> Described:
    """Return the schema without a choice of one, and with names that programs can use.

    The choices of its values have names, and an object without a model of its own has the name of the field.
    """
    if name and "oneOf" in schema:
        choices = [
            each | {"title": name.capitalize()} if each.get("type") == "object" else each for each in schema["oneOf"]
        ]
        schema = schema | {"oneOf": choices}
    if len(schema.get("oneOf", [])) == 1:
        (only,) = schema["oneOf"]
        schema = only | {name: value for name, value in schema.items() if name != "oneOf"}
    members = [_member(choice) for choice in schema.get("enum", [])]
    if any(member.lower() != choice for member, choice in zip(members, schema.get("enum", []), strict=True)):
        return schema | {"x-enum-varnames": members}
    return schema


def example_body(models: Described, schema: Described) -> Described:
    """Return an example of a body, made of the examples of its fields; fields without one are left out."""
    fields = models[schema["$ref"].rpartition("/")[2]]["properties"]
    return {name: field["examples"][0] for name, field in fields.items() if "examples" in field}


def _without_null(schema: Described) -> Described:
    if isinstance(schema.get("type"), list):
        (only,) = (kind for kind in schema["type"] if kind != NULL)
        schema = schema | {"type": only, "enum": [choice for choice in schema["enum"] if choice is not None]}
    choices = [choice for choice in schema.get("oneOf", []) if choice.get("type") != NULL]
    return describe_field(schema | {"oneOf": choices} if choices else schema)


def _member(choice: str) -> str:
    return (
        f"{choice[1:]}_DESCENDING".upper()
        if choice.startswith("-")
        else MEMBERS.get(choice, re.sub("[.:]", "_", choice).upper())
    )
