"""The body of a registration, checked the way FastAPI checks a body."""

from uuid import UUID

import msgspec

from entrypoints.development.offers_simulator.answers import FieldError, ill_typed, missing


class Registration(msgspec.Struct, frozen=True):
    """A product to register; the simulator needs no description."""

    id: UUID
    name: str


def read_registration(body: bytes) -> Registration | list[FieldError]:
    """Read a registration, or return its errors."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [ill_typed("json", "body")]
    if not isinstance(fields, dict):
        return [ill_typed("dict", "body")]
    errors = [_error_in(fields, field) for field in ("id", "name", "description")]
    found = [error for error in errors if error is not None]
    return found or Registration(UUID(fields["id"]), fields["name"])


def read_uuid(text: object) -> UUID | None:
    """Read 128 bits of hex in any usual notation, None when `text` is none."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _error_in(fields: dict[str, object], field: str) -> FieldError | None:
    if field not in fields:
        return missing("body", field)
    if field == "id":
        return None if read_uuid(fields[field]) else ill_typed("uuid", "body", field)
    return None if isinstance(fields[field], str) else ill_typed("str", "body", field)
