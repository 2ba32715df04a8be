"""What all exports have in common: their media types, headers and parameters."""

from typing import Annotated, Literal

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from entrypoints.http.route_declarations import Header

NDJSON, CSV = "application/x-ndjson", "text/csv"

Raw = Annotated[
    Literal["true"] | None,
    QueryParameter(
        description="Leaves out the `'` before text that spreadsheets would take for a formula because it begins with "
        "`=`, `+`, `-`, `@`, a tab or a line break."
    ),
]

HEADERS = (Header("Content-Disposition", "The name to save the file under.", 'attachment; filename="products.csv"'),)
"""Of every answer."""


def example(description: str, media_type: str, lines: bytes) -> ResponseSpec:
    """Describe an answer by an example: a text, because no schema describes lines."""
    return ResponseSpec(
        str,
        description=description,
        media_type=media_type,
        generate_examples=False,
        examples=[Example(summary=description, value=lines.decode())],
    )
