"""Reads of alerts: the limits on their number, and the port."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.alerts.alert import Alert, AlertState, Transition

MOST_ALERTS = 1_000
MOST_FOR_ALL = 20
"""Alerts for all products: each is evaluated at every observation."""
MOST_PRODUCTS = 100
"""Products that one alert names."""


@dataclass(frozen=True, slots=True)
class RecordedTransition:
    """A transition of an alert for a product."""

    product_id: UUID
    transition: Transition


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """An alert, its states by product, and its last transitions, the latest first."""

    alert: Alert
    states: Sequence[tuple[UUID, AlertState]]
    transitions: Sequence[RecordedTransition]


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """An alert, and for how many products it fires and waits to fire; both are counted up to a bound."""

    alert: Alert
    firing: int
    pending: int


@dataclass(frozen=True, slots=True)
class LoggedTransition:
    """A recorded transition of any alert; `number` gives their order, `name` is None if the alert was deleted."""

    number: int
    alert_id: UUID
    name: str | None
    recorded: RecordedTransition


class AlertReader(Protocol):
    """The alerts, as of now.

    Raises:
        StorageUnavailable: in every call.
    """

    async def list(self, at_most: int) -> Sequence[Alert]:
        """Return the alerts, newest first."""

    async def detail(self, alert_id: UUID, states: int, transitions: int) -> AlertDetail:
        """Return an alert with up to so many of its states, those that fire first, and of its last transitions.

        Raises:
            AlertNotFound
        """

    async def page(self, at_most: int, skip: int, counted: int) -> Sequence[ListedAlert]:
        """Return the alerts behind the first `skip` ones, newest first, with up to `counted` products in each phase."""

    async def transitions(self, at_most: int, before: int | None) -> Sequence[LoggedTransition]:
        """Return the last transitions of all alerts, the latest first; only those with a number below `before`."""

    async def of_product(self, product_id: UUID, at_most: int) -> Sequence[tuple[Alert, AlertState]]:
        """Return the alerts for a product, disabled ones included, with where they stand with it, newest first."""
