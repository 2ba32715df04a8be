"""Statements that SQLAlchemy compiles once and the driver executes from then on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def placeholder(name: str) -> str:
    """Return the text that stands for a number that must be part of the statement, because PostgreSQL plans by it."""
    return f"@{name}@"


@dataclass(frozen=True, slots=True)
class DriverQuery:
    """Compiled SQL and its parameters in order, with the values of the fixed ones."""

    sql: str
    parameters: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, statement: ClauseElement) -> "DriverQuery":
        """Compile a statement."""
        compiled = statement.compile(dialect=_DIALECT)
        fixed = compiled.params
        names: list[str] = getattr(compiled, "positiontup", None) or []
        return cls(str(compiled), tuple((name, fixed[name]) for name in names))

    def with_numbers(self, **numbers: int) -> "DriverQuery":
        """Put numbers in the place of their placeholders."""
        sql = self.sql
        for name, value in numbers.items():
            sql = sql.replace(placeholder(name), str(value))
        return DriverQuery(sql, self.parameters)

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the values of all parameters in order."""
        return [given.get(name, fixed) for name, fixed in self.parameters]
