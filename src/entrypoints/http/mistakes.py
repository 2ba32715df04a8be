"""The mistakes in a request's values: all are found before one is answered, so that a client can mend all at once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, cast, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition
from msgspec.inspect import Metadata, StructType, Type, type_info

from domain.errors import ProductAlreadyExists, Refusal
from entrypoints.http.problems.problem_types import Mistake
from entrypoints.http.route_declarations import RULE, Rule

_Field = tuple[Any, Rule | None, bool]
"""A field's type, its rule, and whether it is required."""


class _Parameter(NamedTuple):
    """A query parameter: the type of each value, its rule, whether it is a text, and how often it may be given."""

    type: Any
    rule: Rule | None
    is_text: bool
    most: int


class InvalidRequest(Exception):
    """Some values of the request are not allowed; `mistakes` are all of them."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(mistakes[0].detail if len(mistakes) == 1 else "")
        self.mistakes = mistakes


class QueryParameters:
    """The query parameters that a route takes."""

    def __init__(self, handler: HTTPRouteHandler) -> None:
        types = handler.signature_model.__annotations__
        self._taken = {
            field.kwarg_definition.name or name: _parameter(field, types[name])
            for name, field in handler.parsed_fn_signature.parameters.items()
            if isinstance(field.kwarg_definition, QueryParameter)
        }

    def mistakes(self, query: Iterable[tuple[str, str]]) -> Iterator[Mistake]:
        """Yield the mistakes in a query, of each parameter the first.

        Parameters that would be ignored are mistakes too, because they make another answer look like the wanted one.
        """
        given: Counter[str] = Counter()
        for name, value in query:
            given[name] += 1
            if detail := self._mistake(name, value, given[name]):
                yield Mistake(parameter=name, detail=detail)

    def _mistake(self, name: str, value: str, times: int) -> str | None:
        if name not in self._taken:
            return "This parameter is unknown here."
        taken = self._taken[name]
        if times > taken.most:
            return "This parameter is given twice." if taken.most == 1 else _too_many(times, taken.most)
        if value.lower() == "null" and not taken.is_text:
            return "This is never null; leave the parameter out."
        return _unsuitable(value, taken.type, taken.rule, strict=False)


def _too_many(times: int, most: int) -> str | None:
    return f"This parameter is given more than {most} times." if times == most + 1 else None


def _parameter(field: FieldDefinition, type_: Any) -> _Parameter:
    rule = next((each for each in field.metadata if isinstance(each, Rule)), None)
    each = next((get_args(kind)[0] for kind in get_args(field.annotation) if get_origin(kind) is list), None)
    if each is None:
        return _Parameter(type_, rule, str in get_args(field.annotation), 1)
    return _Parameter(each, rule, each is str, cast("QueryParameter", field.kwarg_definition).max_items or 1)


def body_mistakes(body: object, model: type[msgspec.Struct], at: str = "") -> Iterator[Mistake]:
    """Yield the mistakes in a decoded body, or in the part of one at the pointer `at`, of each field the first."""
    if not isinstance(body, dict):
        yield Mistake(pointer=at, detail=_unsuitable(body, model, None) or "")
        return
    fields = _fields(model)
    for name, (type_, rule, required) in fields.items():
        if name not in body:
            if required:
                yield Mistake(pointer=f"{at}/{name}", detail="This field is missing.")
        elif detail := _unsuitable(body[name], type_, rule):
            yield Mistake(pointer=f"{at}/{name}", detail=detail)
    for name in (name for name in body if name not in fields):
        escaped = name.replace("~", "~0").replace("/", "~1")  # RFC 6901, section 3
        yield Mistake(pointer=f"{at}/{escaped}", detail="This field is unknown.")


def taken_mistakes(position: int, fields: Iterable[str]) -> Iterator[Mistake]:
    """Yield the mistakes of a product in a batch that has the id or the name of another one."""
    for field in fields:
        detail = str(ProductAlreadyExists(field))
        yield Mistake(pointer=f"/products/{position}/{field}", detail=detail)


@cache
def _fields(model: type[msgspec.Struct]) -> dict[str, _Field]:
    types = {field.encode_name: field.type for field in msgspec.structs.fields(model)}
    described = cast("StructType", type_info(model)).fields
    return {each.encode_name: (types[each.encode_name], _rule(each.type), each.required) for each in described}


def _rule(described: Type) -> Rule | None:
    return described.extra.get(RULE) if isinstance(described, Metadata) and described.extra else None


def _unsuitable(value: object, type_: Any, rule: Rule | None, *, strict: bool = True) -> str | None:
    try:
        converted = msgspec.convert(value, type_, strict=strict)
        if rule is not None and isinstance(converted, str):
            rule.check(converted)
    except (msgspec.ValidationError, Refusal) as error:
        return str(error).partition(" - at ")[0]
    return None
