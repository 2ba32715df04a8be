"""CSV (RFC 4180) that spreadsheets open as it is meant: text is quoted, numbers are not, and no text is a formula."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

Cell = str | int | None

GUARD = "'"
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Spreadsheets take a cell that begins with one of these for a formula (OWASP, CSV Injection)."""


def csv_lines(rows: Iterable[Sequence[Cell]], *, raw: bool) -> bytes:
    """Write rows. A text that would be a formula is guarded unless `raw`; None is an empty text."""
    written = StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows(rows if raw else ([_guarded(cell) for cell in row] for row in rows))
    return written.getvalue().encode()


def _guarded(cell: Cell) -> Cell:
    return GUARD + cell if isinstance(cell, str) and cell.startswith(GUARDED) else cell
