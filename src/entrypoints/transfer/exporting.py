"""Exporting to a file or to standard output: only whole lines are kept, so that a cut export can go on."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
import httpx

from entrypoints.transfer.failures import ServiceFailed
from entrypoints.transfer.progress import Display
from entrypoints.transfer.service import Service

CUTS = 5
"""So often an export may be cut in a row without a new line before it is given up."""
_CHUNK = 1 << 20


@dataclass
class WholeLines:
    """Lines of NDJSON, or records of CSV, in which quoted line breaks end nothing."""

    is_csv: bool
    size: int = 0
    """Bytes of the whole ones so far."""
    count: int = 0
    last: bytes = b""
    _rest: bytes = b""
    _skip: int = 0

    def of(self, part: bytes) -> bytes:
        """Return the lines that this part completes; the rest waits for the next part."""
        *pieces, rest = (self._rest + part).split(b"\n")
        whole, line = [], b""
        for piece in pieces:
            line += piece + b"\n"
            if not self.is_csv or line.count(b'"') % 2 == 0:
                whole.append(line)
                line = b""
        self._rest = line + rest
        whole, self._skip = whole[self._skip :], max(0, self._skip - len(whole))
        if whole:
            self.last = whole[-1]
            self.count += len(whole)
            self.size += sum(map(len, whole))
        return b"".join(whole)

    def begin_again(self) -> None:
        """Expect another answer, which goes on behind the last line: the incomplete line and the header come again."""
        self._rest = b""
        self._skip = 1 if self.is_csv and self.count else 0

    @property
    def last_id(self) -> UUID | None:
        """The id at the begin of the last line; None of a header."""
        text = self.last[1:] if self.is_csv else self.last.removeprefix(b'{"id":"')
        try:
            return UUID(text[:36].decode())
        except ValueError:
            return None


@dataclass
class Export:
    """One run. An export that was cut goes on behind its last line if it is `by_id`, and begins again otherwise."""

    service: Service
    display: Display
    path: str
    query: Mapping[str, Any]
    is_csv: bool
    by_id: bool
    lines: WholeLines = field(init=False)

    def __post_init__(self) -> None:
        self.lines = WholeLines(self.is_csv)

    def to_file(self, output: Path, *, resume: bool) -> None:
        """Write a file, which has its name only once it is whole. With `resume`, go on with the part that is there.

        Raises:
            ServiceFailed, NotAllowed
            UsageError: the part that is there has the other format.
        """
        part = output.with_name(f"{output.name}.part")
        with part.open("r+b" if resume and part.exists() else "w+b") as file:
            if file.read(1) not in (b"", b'"' if self.is_csv else b"{"):
                form = "CSV" if self.is_csv else "NDJSON"
                raise click.UsageError(f"{part} is not {form}: resume in its own format, or remove it.")
            file.seek(0)
            while chunk := file.read(_CHUNK):
                self.lines.of(chunk)
            _cut_off(file, self.lines.size)
            self._write(file)
            os.fsync(file.fileno())
        part.replace(output)

    def to_stdout(self) -> None:
        """Write to standard output.

        Raises:
            ServiceFailed, NotAllowed
        """
        self._write(sys.stdout.buffer, begins_again=False)

    def _write(self, file: BinaryIO, *, begins_again: bool = True) -> None:
        cuts = 0
        while True:
            before = self.lines.count
            try:
                self._write_answer(file)
            except (httpx.TransportError, httpx.DecodingError) as error:
                cuts = 1 if self.by_id and self.lines.count > before else cuts + 1
                if not self.by_id and begins_again:
                    _cut_off(file, 0)
                    self.lines = WholeLines(self.is_csv)
                reason = f"The export was cut ({str(error) or type(error).__name__})"
                can_go_on = self.by_id or not self.lines.count
                if cuts > CUTS or not can_go_on:
                    raise ServiceFailed(f"{reason}. {_ADVICE[self.by_id]}") from error
                self.service.pause(cuts, reason)
            else:
                return

    def _write_answer(self, file: BinaryIO) -> None:
        self.lines.begin_again()
        after = self.lines.last_id if self.by_id else None
        query = {**self.query, **({"after": str(after)} if after else {})}
        with self.service.stream(self.path, query) as answer:
            for part in answer.iter_bytes():
                file.write(self.lines.of(part))
                self.display.advance(self.lines.count, f"{self.lines.count} lines")
        file.flush()


_ADVICE = {
    True: "Run it again with --resume and the same --output, if it writes a file.",
    False: "Run it again with a shorter window or fewer products.",
}


def _cut_off(file: BinaryIO, size: int) -> None:
    file.seek(size)
    file.truncate()
