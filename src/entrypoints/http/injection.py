"""How handlers get what the container made: resolved once at start, handed over by parameter name."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

T = TypeVar("T")

# Litestar would try to convert a dependency to its annotation, as it does with input.
Injected: TypeAlias = NamedDependency[SkipValidation[T]]


def constant(value: object) -> Provide:
    """Provide always the same object."""

    def provide() -> object:
        return value

    return Provide(provide, sync_to_thread=False)
