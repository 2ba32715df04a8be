"""The model: what the API has acknowledged of each product, and what is in doubt because no answer came."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from chaos.offer_versions import Shelf

MOST_PRODUCTS = 150
SECONDS_IN_DOUBT = 3.0
"""After these nothing is under way any more that could still decide what had no answer."""

Text = tuple[str, str]
"""A product's name and description."""
Change = tuple[str, int | None]
"""The type of an event and the product's revision, which a withdrawal has not."""
CREATED, AMENDED, WITHDRAWN = "product.created", "product.amended", "product.withdrawn"


@dataclass
class Entry:
    """One product: its text, None when there is no such product.

    While it is `busy` a customer changes it; `changes` counts these. In `doubt`, one of these texts is the present one.
    `acknowledged` and `doubted` are the events that must, and may, be in the log.
    """

    id: UUID
    shelf: Shelf
    text: Text | None = None
    busy: bool = False
    changes: int = 0
    doubt: frozenset[Text | None] = field(default_factory=frozenset)
    doubted_at: float = 0.0
    acknowledged: list[Change] = field(default_factory=list)
    doubted: Counter[str] = field(default_factory=Counter)

    @property
    def sure(self) -> bool:
        """Whether the model knows what readers must see."""
        return not self.busy and not self.doubt

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other customers, and the readers' judgement, away."""
        self.busy = True
        self.changes += 1
        try:
            yield
        finally:
            self.busy = False
            self.changes += 1

    def acknowledge(self, text: Text | None, change: Change) -> None:
        """Take the change as done."""
        self.acknowledged.append(change)
        self._take(text)

    def cast_doubt(self, text: Text | None, event: str) -> None:
        """Note that the change may have been done."""
        self.doubted[event] += 1
        self.doubt = frozenset({self.text, text})
        self.doubted_at = time.time()

    def resolve(self, text: Text | None) -> bool:
        """Take what was read as the truth; say whether it was one of the possible."""
        possible = text in self.doubt
        self.doubt = frozenset()
        self._take(text)
        return possible

    def _take(self, text: Text | None) -> None:
        self.text = text
        self.shelf.gone = text is None


class Catalogue:
    """All products that were ever asked for, and dice-driven choices among them."""

    def __init__(self) -> None:
        self.entries: dict[UUID, Entry] = {}

    def add(self, shelf: Shelf) -> Entry:
        """Remember a product that is about to be created."""
        entry = self.entries[shelf.product_id] = Entry(shelf.product_id, shelf)
        return entry

    @property
    def living(self) -> list[Entry]:
        """The products that exist, or may."""
        return [entry for entry in self.entries.values() if entry.text is not None or entry.doubt]

    @property
    def full(self) -> bool:
        """Whether there are enough."""
        return len(self.living) >= MOST_PRODUCTS

    def in_doubt(self) -> list[Entry]:
        """Return the products to be looked up."""
        now = time.time()
        return [
            entry
            for entry in self.entries.values()
            if entry.doubt and not entry.busy and now - entry.doubted_at > SECONDS_IN_DOUBT
        ]

    def choose(self, pick: float) -> Entry | None:
        """Return the existing product at this share of all that nobody changes now."""
        sure = [entry for entry in self.entries.values() if entry.sure and entry.text is not None]
        return sure[int(pick * len(sure))] if sure else None

    def choose_any(self, dice: random.Random) -> Entry | None:
        """Return any of the last products, the gone ones too."""
        last = list(self.entries.values())[-2 * MOST_PRODUCTS :]
        pick = dice.random()
        return last[int(pick * len(last))] if last else None
