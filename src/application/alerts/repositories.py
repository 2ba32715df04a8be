"""The ports to alerts and to their states, one for each product."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from domain.alerts.alert import Alert, AlertState, Rule, Transition
from domain.prices.price import PriceStep
from domain.window import Window


class ProductWindow(NamedTuple):
    """A product and a window of time, which is never empty."""

    product_id: UUID
    window: Window


@dataclass(frozen=True, slots=True)
class WindowPrices:
    """The lowest and the highest price in a window, and the microseconds of it of which the price or its lack is known.

    Both prices are None if there is none.
    """

    lowest: int | None = None
    highest: int | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """An alert that watches a product, and its state for it."""

    alert_id: UUID
    name: str
    revision: int
    rule: Rule
    product_id: UUID
    state: AlertState


@dataclass(frozen=True, slots=True)
class WatchChange:
    """The change of a watch by an observation: its new state, and the transitions up to it."""

    watch: Watch
    state: AlertState
    transitions: tuple[Transition, ...]


class AlertRepository(Protocol):
    """The alerts. For use inside a unit of work only."""

    async def add(self, alert: Alert) -> None:
        """Store a new alert."""

    async def get(self, alert_id: UUID) -> Alert:
        """Return the alert, and lock it against all other writers until the unit of work ends.

        Raises:
            AlertNotFound: there is none, or it was removed.
        """

    async def save(self, alert: Alert) -> None:
        """Store an alert that this unit of work has got."""

    async def remove(self, alert_id: UUID) -> None:
        """Remove an alert that this unit of work has got; its states stay until they are taken."""

    async def count(self) -> tuple[int, int]:
        """Return the number of alerts, and of those among them that are for all products."""


class AlertStateRepository(Protocol):
    """The states of alerts by product. For use only in a unit of work that has locked the products' synchronisations.

    A state is stored only where it is not the initial one.
    """

    async def watching(self, product_ids: Collection[UUID]) -> Sequence[Watch]:
        """Return the enabled alerts of each of the products, with their states, by one look-up."""

    async def steps(self, windows: Sequence[ProductWindow]) -> Sequence[Sequence[PriceStep]]:
        """Return of each window the steps that have ended and touch it, ascending."""

    async def prices(self, windows: Sequence[ProductWindow]) -> Sequence[WindowPrices]:
        """Sum each window by the steps that have ended."""

    async def store(self, changes: Sequence[WatchChange]) -> Sequence[WatchChange]:
        """Store the changes with their transitions, and return the stored ones.

        Changes of alerts that another unit of work has started again, disabled or removed since they were read are left
        out: a rule that starts looks at the time from then on. Until this unit of work ends, the other alerts cannot be
        edited.
        """

    async def restart(self, alert_id: UUID) -> None:
        """End the pending states of an alert that this unit of work has got."""

    async def take_of_product(self, product_id: UUID) -> Sequence[Watch]:
        """Remove and return the states of a product that this unit of work has removed."""

    async def take_of_alert(self, alert_id: UUID, limit: int) -> Sequence[Watch]:
        """Remove and return up to `limit` states of an alert that this unit of work has got."""

    async def take_idle(self, limit: int, *, removed: bool) -> Sequence[Watch]:
        """Remove and return up to `limit` states of removed alerts, or of those that are only disabled.

        Removed alerts that have no states left are deleted for good.
        """

    async def record(self, transitions: Collection[tuple[Watch, Transition]]) -> None:
        """Store transitions of watches whose states were taken."""


class AlertUpkeep(Protocol):
    """Upkeep of the recorded transitions. Every call may be killed or repeated at any point.

    Raises:
        StorageUnavailable: in every call.
    """

    async def drop_expired(self, rows: int) -> int:
        """Delete up to so many transitions that are no longer kept, and return how many."""
