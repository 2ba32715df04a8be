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
