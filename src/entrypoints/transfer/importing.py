"""Importing products, batch by batch. Each refused line is reported by its number."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from entrypoints.transfer.product_files import ProductFile, UnreadableFile
from entrypoints.transfer.progress import Display
from entrypoints.transfer.service import Service

MOST_PRODUCTS = 1_000
MOST_BYTES = 2_000_000
"""Of a batch; the service reads 2 MiB."""
_REMEDIES = {
    "/problems/product-already-exists": "leave it out, or give it another",
    "/problems/validation-error": "mend it",
}


@dataclass
class Batch:
    """Products of a file as JSON, with the numbers of their lines."""

    numbers: list[int] = field(default_factory=list)
    products: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return b'{"products":[%b]}' % b",".join(self.products)

    def has_room(self, product: bytes) -> bool:
        """Return whether the product fits in, too."""
        return len(self.products) < MOST_PRODUCTS and self.size + len(product) < MOST_BYTES

    def add(self, number: int, product: bytes) -> None:
        """Take in a product."""
        self.numbers.append(number)
        self.products.append(product)
        self.size += len(product) + 1


@dataclass
class Import:
    """One run. A batch that is sent twice, because an answer was lost, is created once.

    The key of a batch counts for this run alone: another run of the same file reports what exists by now.
    """

    service: Service
    display: Display
    created: int = 0
    refused: int = 0
    _run: str = field(default_factory=lambda: uuid4().hex)

    def __call__(self, path: Path, *, is_csv: bool, guarded: bool) -> None:
        """Import a file.

        Raises:
            click.UsageError: it is no file of products.
            ServiceFailed, NotAllowed
        """
        with path.open("rb") as file:
            products = ProductFile(file, is_csv, guarded)
            try:
                for batch in self._batches(products):
                    self._send(batch)
                    self._show(file.tell())
            except UnreadableFile as error:
                raise click.UsageError(f"{path} cannot be imported: {error}.") from error
            if products.ignored:
                names = ", ".join(sorted(products.ignored))
                self.display.tell(f"Ignored, because the service sets it itself: {names}.")

    def _batches(self, products: ProductFile) -> Iterator[Batch]:
        batch = Batch()
        for line in products.lines():
            if line.product is None:
                self._refuse(line.number, f"{line.reason}; mend it.")
                continue
            product = json.dumps(line.product, ensure_ascii=False, separators=(",", ":")).encode()
            if not batch.has_room(product):
                yield batch
                batch = Batch()
            batch.add(line.number, product)
        if batch.products:
            yield batch

    def _send(self, batch: Batch) -> None:
        body = batch.body
        digest = hashlib.sha256(b"%s %d %b" % (self._run.encode(), batch.numbers[0], body)).hexdigest()
        answer = self.service.post("products/batch?partial=true", body, {"Idempotency-Key": f"import-{digest}"})
        for number, item in zip(batch.numbers, answer.json()["items"], strict=True):
            if item["status"] == 201:
                self.created += 1
            else:
                self._refuse(number, _explained(item["problem"]))

    def _refuse(self, number: int, reason: str) -> None:
        self.refused += 1
        self.display.tell(f"line {number}: {reason}")

    def _show(self, position: int) -> None:
        self.display.advance(position, f"{self.created} created, {self.refused} refused")


def _explained(problem: dict[str, Any]) -> str:
    found = problem.get("errors") or [{"detail": problem.get("detail", problem.get("title", "refused"))}]
    reasons = [f"{_field(each)}{str(each.get('detail', '')).rstrip('.')}" for each in found]
    remedy = next(
        (text for path, text in _REMEDIES.items() if problem.get("type", "").endswith(path)), "see the detail"
    )
    return f"{'; '.join(reasons)}; {remedy}."


def _field(mistake: dict[str, Any]) -> str:
    name = str(mistake.get("pointer", "")).rpartition("/")[2]
    return f"{name}: " if name and not name.isdecimal() else ""
