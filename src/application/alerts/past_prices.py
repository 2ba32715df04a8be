"""The recorded prices that conditions over a period compare with; others need none, and cost no statement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.alerts.repositories import AlertStateRepository, ProductWindow, Watch, WindowPrices
from domain.alerts.condition import ConditionKind, PriceExtreme, PriceMove, PricesBefore
from domain.prices.price import PriceState, PriceStep, price_state
from domain.synchronisation import Observation, ShownPrice
from domain.window import MICROSECOND, Window

_Key = tuple[UUID, timedelta | None]
"""A product and a period."""


@dataclass(frozen=True, slots=True)
class PastPrices:
    """The recorded prices that the watches of some observations need."""

    steps: Mapping[_Key, Sequence[PriceStep]]
    prices: Mapping[_Key, WindowPrices]

    def earlier(self, watch: Watch) -> Sequence[PriceStep]:
        """Return the steps one period before the time that the observation covers."""
        return self.steps.get(_key(watch), ())

    def before(self, watch: Watch) -> PricesBefore | None:
        """Return the prices before the one that came into force, None if none did."""
        found = self.prices.get(_key(watch))
        if found is None:
            return None
        lowest = watch.rule.when.kind is ConditionKind.NEW_LOW
        return PricesBefore(found.lowest if lowest else found.highest, found.known)


async def read_past_prices(
    states: AlertStateRepository, watches: Iterable[Watch], observations: Iterable[Observation]
) -> PastPrices:
    """Read the prices for the watches of these observations, by up to two statements."""
    seen = {each.product_id: each.shown for each in observations if each.shown is not None}
    begun = {each.product_id: each.shown.at for each in observations if each.event and each.shown}
    moves: dict[_Key, timedelta] = {}
    extremes: dict[_Key, timedelta] = {}
    for watch in watches:
        match watch.rule.when:
            case PriceMove(period=period):
                moves[_key(watch)] = period
            case PriceExtreme(period=period) if watch.product_id in begun:
                extremes[_key(watch)] = period
    steps = await _read_steps(states, moves, seen) if moves else {}
    if not extremes:
        return PastPrices(steps, {})
    windows = [ProductWindow(key[0], Window(begun[key[0]] - period, begun[key[0]])) for key, period in extremes.items()]
    return PastPrices(steps, dict(zip(extremes, await states.prices(windows), strict=True)))


async def _read_steps(
    states: AlertStateRepository, moves: Mapping[_Key, timedelta], seen: Mapping[UUID, ShownPrice]
) -> Mapping[_Key, Sequence[PriceStep]]:
    wanted = [(key, window) for key, period in moves.items() for window in _shifted(seen[key[0]], period)]
    read = await states.steps([ProductWindow(key[0], window) for key, window in wanted])
    found: dict[_Key, dict[datetime, PriceStep]] = {key: {} for key in moves}
    for (key, _), recorded in zip(wanted, read, strict=True):
        # A step may touch several windows.
        found[key].update((each.valid_from, each) for each in recorded)
    return {key: [*recorded.values(), *_in_force(seen[key[0]])] for key, recorded in found.items()}


def _shifted(shown: ShownPrice, period: timedelta) -> list[Window]:
    """Return the windows one period before the known stretches; they are short, because gaps are left out."""
    return [
        Window(each.valid_from - period, max(each.valid_to, each.valid_from + MICROSECOND) - period)
        for each in shown.stretches
        if each.state is not PriceState.UNKNOWN
    ]


def _in_force(shown: ShownPrice) -> list[PriceStep]:
    """Return the step that has not ended."""
    if not shown.known:
        return []
    return [PriceStep(price_state(shown.price), shown.price, shown.since, shown.at + MICROSECOND)]


def _key(watch: Watch) -> _Key:
    return watch.product_id, watch.rule.when.period
