"""Answers in the form of upstream, which is a FastAPI application; their transmission is decided elsewhere."""

from collections.abc import Mapping
from http.client import responses
from typing import Literal

import msgspec

Delivery = Literal["whole", "cut", "trickle"]
JSON = "application/json"
MOVED_TO = "/api/v1/moved"

_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True):
    """A status, a body as it goes over the wire, and how it is delivered."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = {}
    delivery: Delivery = "whole"


class FieldError(msgspec.Struct, frozen=True):
    """One entry of a FastAPI validation error."""

    loc: tuple[str, ...]
    msg: str
    type: str


def answer_json(status: int, value: object) -> Answer:
    """Answer `value` as JSON."""
    return Answer(status, _encode(value))


def answer_detail(status: int, text: str | None = None) -> Answer:
    """Answer an error the way FastAPI does, with the status' own phrase when no text is given."""
    return answer_json(status, {"detail": text or responses.get(status, "Error")})


def answer_invalid(errors: list[FieldError]) -> Answer:
    """Answer 422 with FastAPI's list of errors."""
    return answer_json(422, {"detail": errors})


def answer_error(status: int) -> Answer:
    """Answer an injected error; a redirect leads to a path on this server that counts its visitors."""
    answer = answer_detail(status)
    if status >= 400:
        return answer
    return msgspec.structs.replace(answer, headers={"Location": MOVED_TO})


def missing(*loc: str) -> FieldError:
    """Describe a field that is not there."""
    return FieldError(loc, "field required", "value_error.missing")


def ill_typed(kind: str, *loc: str) -> FieldError:
    """Describe a field that is not of this kind."""
    return FieldError(loc, f"value is not a valid {kind}", f"type_error.{kind}")
