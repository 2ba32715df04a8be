"""Many rows in one statement: arrays as parameters, unnested into rows by the server."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, TableValuedAlias, bindparam, column, func


def unnested(*columns: Column[Any]) -> TableValuedAlias:
    """Return the rows of one array parameter per column, each named like its column, as a table called `new`."""
    arrays = (bindparam(f"new_{each.name}", type_=ARRAY(each.type)) for each in columns)
    rows = func.unnest(*arrays).table_valued(*(column(each.name, each.type) for each in columns))
    # Without the rendered column list PostgreSQL would call the columns f1, f2, …
    return rows.render_derived(name="new")


def arrays(columns: Iterable[Column[Any]], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Turn one or more rows, their values in the columns' order, into the parameters of `unnested`.

    At least one column must be without None. A column of nothing but None is sent as an empty array, because `unnest`
    fills up the shorter arrays with nulls, and the driver needs time for each element.
    """
    transposed = zip(*rows, strict=True)
    return {
        f"new_{each.name}": [] if values.count(None) == len(values) else list(values)
        for each, values in zip(columns, transposed, strict=True)
    }
