"""The declarations of a route beside its function: its callers, its headers, its examples and its dependencies."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import SkipValidation

if TYPE_CHECKING:
    from application.access.actor import Scope

T = TypeVar("T")

RULE = "rule"
"""The member of a body field's `Meta.extra` that holds its rule."""

# Litestar would validate a dependency against its annotation, as it does with input.
Injected: TypeAlias = NamedDependency[SkipValidation[T]]


Place: TypeAlias = AbstractAsyncContextManager[None]
"""The caller's place among few; entering it may wait, and raises QueueFull."""


def constant(value: object) -> Provide:
    """Provide the same object to every request."""

    def provide() -> object:
        return value

    return Provide(provide, sync_to_thread=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """A requirement on a text beyond its type: `check` raises a Refusal, whose text is the answer."""

    check: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Header:
    """A header as the OpenAPI description shows it."""

    name: str
    description: str
    example: str | int
    always: bool = True
    schema: Mapping[str, Any] | None = None
    mistake: Callable[[str], str | None] | None = None
    """Of a request's header: returns the mistake in a value, None if there is none."""


def location_header(new: str, example: str) -> Header:
    """Declare the header with the path of a new resource."""
    return Header("Location", f"The new {new}'s path.", example, schema={"format": "uri-reference"})


@dataclass(frozen=True, slots=True)
class Declaration:
    """The facts about a route. Without one, a route is for admins only."""

    public: bool = False
    session: bool = False
    """Whether it is a page for admins, for which a session counts instead of a bearer token."""
    scope: "Scope | None" = None
    """The scope with which a key is let in beside admins; None keeps all keys out."""
    admin_parameters: frozenset[str] = frozenset()
    """Query parameters of a public route that are for admins, and for keys with the scope."""
    widened: bool = False
    """Whether admins, and keys with the scope, see more of a public route than others."""
    ignores_query: bool = False
    """Whether unknown query parameters are allowed, as probes and browsers send them."""
    conditional: bool = False
    """Whether it answers 304 to If-None-Match."""
    no_store: bool = False
    """Whether no cache may keep its answers, although it is public."""
    request_headers: tuple[Header, ...] = ()
    answer_headers: tuple[Header, ...] = ()
    """Headers of the successful answer."""
    shows_id: bool = False
    """Whether its successful answer is a product, on which other operations can follow."""


_KEY = "declaration"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_FOR_ADMINS = Declaration()


def declared(declaration: Declaration) -> dict[str, Any]:
    """Return the `opt` of a route with this declaration."""
    return {_KEY: declaration}


PUBLIC = declared(Declaration(public=True, ignores_query=True))
"""The `opt` of pages and files that all may read, with any query."""


def declaration_of(opt: Mapping[str, Any]) -> Declaration:
    """Return the declaration in a route's `opt`."""
    declaration: Declaration = opt.get(_KEY, _FOR_ADMINS)
    return declaration


def answer(model: Any, description: str, example: object) -> ResponseSpec:
    """Describe an answer by one example."""
    return answers(model, description, {description: example})


def answers(model: Any, description: str, examples: Mapping[str, object]) -> ResponseSpec:
    """Describe an answer by several examples, each under its summary."""
    return ResponseSpec(
        model,
        description=description,
        generate_examples=False,
        # Encoded, because Litestar would leave null members out.
        examples=[
            Example(summary=summary, value=msgspec.Raw(_ENCODER.encode(example)))
            for summary, example in examples.items()
        ],
    )
