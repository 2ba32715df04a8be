"""Files of products, read line by line. A line that cannot be read is reported by its number, and the rest is read."""

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 256 * 1024
"""Bytes of a line; the longest product takes a tenth of that."""
LONGEST_RECORD = 64 * 1024
"""Characters of a CSV record with line breaks. A quote that nothing closes would else swallow the rest of the file."""
LONGEST_REASON = 200
FIELDS = ("id", "name", "description")
EXPORTED = frozenset(
    (
        *("created_at", "updated_at", "revision", "registration", "best_offer", "offers_in_stock", "observed_at"),
        *("stale", "registration_state", "registration_since", "registration_detail"),
        *("best_offer_id", "best_offer_price", "best_offer_items_in_stock"),
    )
)
"""Further fields and columns of exports, which the service sets itself."""
# The service's own exports write it before text that spreadsheets would take for a formula.
_GUARD = "'"
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")


class UnreadableFile(Exception):
    """The file has no products, as its header shows."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A product, or the reason why the line is none."""

    number: int
    product: dict[str, Any] | None = None
    reason: str = ""


@dataclass
class ProductFile:
    """The products of a file in NDJSON or CSV; `ignored` gets the names of other fields and columns."""

    file: BinaryIO
    is_csv: bool
    guarded: bool = True
    """Whether a `'` before text that spreadsheets take for a formula is no part of the text."""
    ignored: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[ReadLine]:
        """Give each line that is not blank.

        Raises:
            UnreadableFile
        """
        return self._csv() if self.is_csv else self._ndjson()

    def _ndjson(self) -> Iterator[ReadLine]:
        for number, line in _bounded_lines(self.file):
            if line is None:
                yield ReadLine(number, reason="it is too long")
            elif line.strip():
                yield self._json_line(number, line)

    def _json_line(self, number: int, line: bytes) -> ReadLine:
        try:
            found = json.loads(line.decode())
        except UnicodeDecodeError:
            return ReadLine(number, reason="it is not UTF-8")
        except (ValueError, RecursionError) as error:
            return ReadLine(number, reason=f"it is not JSON ({error})")
        if not isinstance(found, dict):
            return ReadLine(number, reason="it is not a JSON object")
        return self._product(number, found)

    def _csv(self) -> Iterator[ReadLine]:
        records = _Records(_decoded(self.file))
        header = self._header(next(records, None))
        for number, lines in records:
            reader = csv.reader(lines, strict=True)
            try:
                cells = next(reader, [])
            except csv.Error as error:
                records.resume_behind(1)
                yield ReadLine(number, reason=f"it is not CSV ({error})")
                continue
            # A quote within a text without quotes, as in `24" screen`, opens nothing.
            records.resume_behind(reader.line_num)
            if len(cells) not in (0, len(header)):
                records.resume_behind(1)
                yield ReadLine(number, reason=f"it has {len(cells)} columns, and the header {len(header)}")
            elif cells:
                yield self._row(number, header, cells)

    def _header(self, first: "_Record | None") -> Sequence[str]:
        try:
            header = next(csv.reader(first[1], strict=True), []) if first else []
        except csv.Error as error:
            raise UnreadableFile(f"its header is not CSV ({error})") from error
        if "name" not in header or len(set(header)) < len(header):
            raise UnreadableFile("its first line must name the columns, each once, and `name` among them")
        if unknown := sorted(set(header) - {*FIELDS, *EXPORTED}):
            raise UnreadableFile(f"it has unknown columns ({', '.join(unknown)}): correct their names or take them out")
        return header

    def _row(self, number: int, header: Sequence[str], cells: Sequence[str]) -> ReadLine:
        found = dict(zip(header, (self._text(cell) for cell in cells), strict=True))
        if not found.get("id"):
            found.pop("id", None)
        return self._product(number, found)

    def _text(self, cell: str) -> str:
        return cell[1:] if self.guarded and cell[:1] == _GUARD and cell[1:].startswith(_GUARDED) else cell

    def _product(self, number: int, found: dict[str, Any]) -> ReadLine:
        if unknown := sorted(found.keys() - {*FIELDS, *EXPORTED}):
            return ReadLine(number, reason=f"it has unknown fields ({', '.join(unknown)[:LONGEST_REASON]})")
        self.ignored.update(found.keys() - set(FIELDS))
        product = {name: found[name] for name in FIELDS if found.get(name) is not None}
        if "name" not in product:
            return ReadLine(number, reason="it has no name")
        if not all(isinstance(value, str) for value in product.values()):
            return ReadLine(number, reason="id, name and description must be texts")
        if any("\ud800" <= character <= "\udfff" for value in product.values() for character in value):
            return ReadLine(number, reason="it is not UTF-8, or has a lone surrogate")
        return ReadLine(number, {"description": "", **product})


_Record = tuple[int, list[str]]


class _Records:
    """The records of a CSV file: the number of the first line, and the lines, more than one if a quote is open.

    Each quote within a text is doubled (RFC 4180), so a record that is whole has an even number.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = enumerate(lines, 1)
        self._again: deque[tuple[int, str]] = deque()
        self._last: list[tuple[int, str]] = []

    def __iter__(self) -> "_Records":
        return self

    def __next__(self) -> _Record:
        self._last = [self._line()]
        quotes, length = self._last[0][1].count('"'), len(self._last[0][1])
        while quotes % 2 and length < LONGEST_RECORD:
            try:
                line = self._line()
            except StopIteration:
                break
            self._last.append(line)
            quotes, length = quotes + line[1].count('"'), length + len(line[1])
        return self._last[0][0], [line for _, line in self._last]

    def resume_behind(self, lines: int) -> None:
        """Read the lines behind so many of the last record again: they are no part of it."""
        self._again.extendleft(reversed(self._last[lines:]))
        del self._last[lines:]

    def _line(self) -> tuple[int, str]:
        return self._again.popleft() if self._again else next(self._lines)


def _bounded_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Give the lines with their numbers; None stands for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if number == 1:
            line = line.removeprefix(BOM)
        too_long = len(line) == LONGEST_LINE and not line.endswith(b"\n")
        while too_long and (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield number, None if too_long else line


def _decoded(file: BinaryIO) -> Iterable[str]:
    # Bytes that are not UTF-8 become surrogates, so that only their row is refused.
    return ("\0" if line is None else line.decode(errors="surrogateescape") for _, line in _bounded_lines(file))
