"""Schemas for the description of the API, made plain for its readers and for generators of clients."""

from dataclasses import is_dataclass
from inspect import getdoc
from typing import Any

from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Struct

Described = dict[str, Any]

NULL = "null"
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"
MEMBERS = {"5m": "FIVE_MINUTES", "1h": "HOUR", "1d": "DAY"}
EXAMPLES = {
    "product_id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",
    "offer_id": "c0ffee00-1234-5678-0abc-def012345678",
    "q": "cordless drill",
    "min_price": 10_000,
    "max_price": 50_000,
    "from": "2026-11-19T00:00:00Z",
    "to": "2026-11-26T00:00:00Z",
    "period": "P7D",
}
"""Parameters whose choices or default do not say already what they look like; a cursor is no text to be written."""


class DescribedModels(OpenAPISchemaPlugin):
    """Describes every model with its docstring, and whether it has no other fields, which Litestar leaves out."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Tell whether it is one of our models."""
        model = field_definition.annotation
        return isinstance(model, type) and (is_dataclass(model) or issubclass(model, Struct))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """Describe the model as the plugin for its kind does, and add what that leaves out."""
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
    """Describe a parameter, which is left out or has a value: a URL cannot say null."""
    parameter["schema"] = _without_null(parameter["schema"])
    if parameter["name"] in EXAMPLES:
        parameter["example"] = EXAMPLES[parameter["name"]]


def describe_field(schema: Described) -> Described:
    """Return the schema without a choice of one, its values with names that programs can have."""
    if len(schema.get("oneOf", [])) == 1:
        (only,) = schema["oneOf"]
        schema = only | {name: value for name, value in schema.items() if name != "oneOf"}
    members = [_member(choice) for choice in schema.get("enum", [])]
    if any(member.lower() != choice for member, choice in zip(members, schema.get("enum", []), strict=True)):
        return schema | {"x-enum-varnames": members}
    return schema


def example_body(models: Described, schema: Described) -> Described:
    """Return an example of a body: the examples of its fields, so without those that are best left out."""
    fields = models[schema["$ref"].rpartition("/")[2]]["properties"]
    return {name: field["examples"][0] for name, field in fields.items() if "examples" in field}


def _without_null(schema: Described) -> Described:
    if isinstance(schema.get("type"), list):
        (only,) = (kind for kind in schema["type"] if kind != NULL)
        schema = schema | {"type": only, "enum": [choice for choice in schema["enum"] if choice is not None]}
    choices = [choice for choice in schema.get("oneOf", []) if choice.get("type") != NULL]
    return describe_field(schema | {"oneOf": choices} if choices else schema)


def _member(choice: str) -> str:
    return f"{choice[1:]}_DESCENDING".upper() if choice.startswith("-") else MEMBERS.get(choice, choice.upper())
