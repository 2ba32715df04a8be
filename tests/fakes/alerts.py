"""Alerts inside a unit of work in memory, and as readers see them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

from application.alerts.reading import AlertDetail, ListedAlert, LoggedTransition, RecordedTransition
from application.alerts.repositories import (
    ProductWindow,
    Watch,
    WatchChange,
    WindowPrices,
)
from domain.alerts.alert import INITIAL, Alert, AlertState, Phase, Transition, restarted
from domain.errors import AlertNotFound
from domain.prices.history import Extreme, tiled
from domain.prices.price import PriceStep
from specification.price_sums import summarized

if TYPE_CHECKING:
    from fakes.storage import InMemoryStorage


@dataclass(frozen=True)
class AlertRows:
    """All that is stored of alerts."""

    alerts: dict[UUID, Alert] = field(default_factory=dict)
    removed: dict[UUID, Alert] = field(default_factory=dict)
    states: dict[tuple[UUID, UUID], AlertState] = field(default_factory=dict)
    transitions: list[tuple[UUID, UUID, Transition]] = field(default_factory=list)

    def copy(self) -> "AlertRows":
        return AlertRows(dict(self.alerts), dict(self.removed), dict(self.states), list(self.transitions))


class InMemoryAlertRepository:
    """Alerts by id."""

    def __init__(self, rows: AlertRows, reach: Callable[[], None]) -> None:
        self._rows = rows
        self._reach = reach

    async def add(self, alert: Alert) -> None:
        self._reach()
        self._rows.alerts[alert.id] = alert

    async def get(self, alert_id: UUID) -> Alert:
        self._reach()
        if alert_id not in self._rows.alerts:
            raise AlertNotFound(alert_id)
        return self._rows.alerts[alert_id]

    async def save(self, alert: Alert) -> None:
        self._reach()
        self._rows.alerts[alert.id] = alert

    async def remove(self, alert_id: UUID) -> None:
        self._reach()
        self._rows.removed[alert_id] = replace(self._rows.alerts.pop(alert_id), enabled=False)

    async def count(self) -> tuple[int, int]:
        self._reach()
        return len(self._rows.alerts), sum(each.product_ids is None for each in self._rows.alerts.values())


class InMemoryAlertStateRepository:
    """States by product and alert; the steps that have ended are those of the history."""

    def __init__(self, rows: AlertRows, steps: list[tuple[UUID, PriceStep]], reach: Callable[[], None]) -> None:
        self._rows = rows
        self._steps = steps
        self._reach = reach

    async def watching(self, product_ids: Collection[UUID]) -> Sequence[Watch]:
        self._reach()
        alerts = sorted(self._rows.alerts.values(), key=lambda each: (each.created_at, each.id))
        return [
            self._watch(alert, id)
            for id in sorted(product_ids)
            for alert in alerts
            if alert.enabled and (alert.product_ids is None or id in alert.product_ids)
        ]

    async def steps(self, windows: Sequence[ProductWindow]) -> Sequence[Sequence[PriceStep]]:
        self._reach()
        return [self._within(each) for each in windows]

    async def prices(self, windows: Sequence[ProductWindow]) -> Sequence[WindowPrices]:
        self._reach()
        sums = [summarized(tiled(self._within(each), each.window)) for each in windows]
        return [WindowPrices(price_of(each.lowest), price_of(each.highest), each.known) for each in sums]

    async def store(self, changes: Sequence[WatchChange]) -> Sequence[WatchChange]:
        self._reach()
        alerts = self._rows.alerts
        kept = [
            each
            for each in changes
            if (alert := alerts.get(each.watch.alert_id)) and alert.enabled and alert.revision == each.watch.revision
        ]
        for each in kept:
            self._rows.states[each.watch.product_id, each.watch.alert_id] = each.state
        await self.record([(each.watch, one) for each in kept for one in each.transitions])
        return kept

    async def restart(self, alert_id: UUID) -> None:
        self._reach()
        states = self._rows.states
        states.update({key: restarted(state) for key, state in states.items() if key[1] == alert_id})

    async def take_of_product(self, product_id: UUID) -> Sequence[Watch]:
        return self._take([key for key in self._rows.states if key[0] == product_id])

    async def take_of_alert(self, alert_id: UUID, limit: int) -> Sequence[Watch]:
        return self._take([key for key in self._rows.states if key[1] == alert_id][:limit])

    async def take_idle(self, limit: int, *, removed: bool) -> Sequence[Watch]:
        alerts = self._rows.removed if removed else self._rows.alerts
        idle = {each.id for each in alerts.values() if not each.enabled}
        taken = self._take([key for key in self._rows.states if key[1] in idle][:limit])
        if removed:
            left = {alert_id for _, alert_id in self._rows.states}
            for id in self._rows.removed.keys() - left:
                del self._rows.removed[id]
        return taken

    async def record(self, transitions: Collection[tuple[Watch, Transition]]) -> None:
        self._reach()
        self._rows.transitions.extend((watch.alert_id, watch.product_id, each) for watch, each in transitions)

    def _take(self, keys: Sequence[tuple[UUID, UUID]]) -> list[Watch]:
        self._reach()
        alerts = self._rows.alerts | self._rows.removed
        taken = [self._watch(alerts[alert_id], product_id) for product_id, alert_id in keys]
        for key in keys:
            del self._rows.states[key]
        return taken

    def _watch(self, alert: Alert, product_id: UUID) -> Watch:
        state = self._rows.states.get((product_id, alert.id), INITIAL)
        return Watch(alert.id, alert.name, alert.revision, alert.rule, product_id, state)

    def _within(self, asked: ProductWindow) -> list[PriceStep]:
        product_id, window = asked
        steps = [each for id, each in self._steps if id == product_id]
        touching = [each for each in steps if each.valid_from < window.end and each.valid_to > window.start]
        return sorted(touching, key=lambda each: each.valid_from)


def price_of(extreme: Extreme | None) -> int | None:
    return None if extreme is None else extreme.price


class InMemoryAlertReader:
    """See `AlertReader`."""

    def __init__(self, storage: "InMemoryStorage") -> None:
        self._storage = storage

    async def list(self, at_most: int) -> Sequence[Alert]:
        self._storage.reach()
        alerts = sorted(self._storage.rows.alerts.alerts.values(), key=lambda each: each.id)
        return sorted(alerts, key=lambda each: each.created_at, reverse=True)[:at_most]

    async def detail(self, alert_id: UUID, states: int, transitions: int) -> AlertDetail:
        self._storage.reach()
        rows = self._storage.rows.alerts
        if alert_id not in rows.alerts:
            raise AlertNotFound(alert_id)
        found = [(key[0], state) for key, state in rows.states.items() if key[1] == alert_id]
        active = [each for each in found if each[1].phase is not Phase.OK]
        active.sort(key=lambda each: (each[1].phase is not Phase.FIRING, each[0]))
        last = [RecordedTransition(product_id, each) for id, product_id, each in rows.transitions if id == alert_id]
        return AlertDetail(rows.alerts[alert_id], active[:states], last[::-1][:transitions])

    async def page(self, at_most: int, skip: int, counted: int) -> Sequence[ListedAlert]:
        return [
            ListedAlert(each, *(self._count(each, phase, counted) for phase in (Phase.FIRING, Phase.PENDING)))
            for each in (await self.list(at_most + skip))[skip:]
        ]

    async def transitions(self, at_most: int, before: int | None) -> Sequence[LoggedTransition]:
        self._storage.reach()
        rows = self._storage.rows.alerts
        logged = [
            LoggedTransition(
                number, id, rows.alerts[id].name if id in rows.alerts else None, RecordedTransition(product_id, each)
            )
            for number, (id, product_id, each) in enumerate(rows.transitions, start=1)
            if before is None or number < before
        ]
        return logged[::-1][:at_most]

    async def of_product(self, product_id: UUID, at_most: int) -> Sequence[tuple[Alert, AlertState]]:
        states = self._storage.rows.alerts.states
        alerts = await self.list(len(self._storage.rows.alerts.alerts))
        watching = [each for each in alerts if each.product_ids is None or product_id in each.product_ids]
        return [(each, states.get((product_id, each.id), INITIAL)) for each in watching[:at_most]]

    def _count(self, alert: Alert, phase: Phase, counted: int) -> int:
        states = self._storage.rows.alerts.states
        return min(counted, sum(id == alert.id and state.phase is phase for (_, id), state in states.items()))


class InMemoryAlertUpkeep:
    """The transitions kept in memory are never dropped."""

    def __init__(self, storage: "InMemoryStorage") -> None:
        self._storage = storage

    async def drop_expired(self, rows: int) -> int:
        self._storage.reach()
        return 0
