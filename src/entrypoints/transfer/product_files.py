"""Files of products, read line by line: what cannot be read is told by its line, and the rest goes on."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 256 * 1024
"""Bytes of a line; the longest product takes a tenth of that."""
FIELDS = ("id", "name", "description")
# What the service's own exports write before text that spreadsheets would take for a formula.
_GUARD = "'"
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")


class UnreadableFile(Exception):
    """The file is none of products: its header says so."""


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
    """Whether a `'` before what spreadsheets take for a formula is no part of the text."""
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
        reader = csv.reader(_decoded(self.file), strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise UnreadableFile(f"its header is not CSV ({error})") from error
        if "name" not in header or len(set(header)) < len(header):
            raise UnreadableFile("its first line must name the columns, each once, and `name` among them")
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield ReadLine(number, reason=f"it is not CSV ({error})")
                continue
            if cells:
                yield self._row(number, header, cells)

    def _row(self, number: int, header: Sequence[str], cells: Sequence[str]) -> ReadLine:
        if len(cells) != len(header):
            return ReadLine(number, reason=f"it has {len(cells)} columns, and the header {len(header)}")
        found = dict(zip(header, (self._text(cell) for cell in cells), strict=True))
        if not found.get("id"):
            found.pop("id", None)
        return self._product(number, found)

    def _text(self, cell: str) -> str:
        return cell[1:] if self.guarded and cell[:1] == _GUARD and cell[1:].startswith(_GUARDED) else cell

    def _product(self, number: int, found: dict[str, Any]) -> ReadLine:
        self.ignored.update(found.keys() - set(FIELDS))
        product = {name: found[name] for name in FIELDS if found.get(name) is not None}
        if "name" not in product:
            return ReadLine(number, reason="it has no name")
        if not all(isinstance(value, str) for value in product.values()):
            return ReadLine(number, reason=f"{', '.join(product)} must be texts")
        if any("\ud800" <= character <= "\udfff" for value in product.values() for character in value):
            return ReadLine(number, reason="it is not UTF-8, or has a lone surrogate")
        return ReadLine(number, {"description": "", **product})


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
