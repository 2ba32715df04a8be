"""The facts that recorded prices give to alerts: of a whole window for back-tests, of one observation for live ones.

Both cut the same steps, so the recorded history later gives the facts that the observation gave.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from domain.alerts.condition import Condition, Fact, PriceExtreme, PriceMove, PricesBefore
from domain.prices.change import price_change
from domain.prices.history import steps_of, tiled
from domain.prices.price import PriceInForce, PriceState, PriceStep
from domain.window import MICROSECOND, Window


def facts_of_window(recorded: Iterable[PriceStep], when: Condition, window: Window) -> Iterator[Fact]:
    """Give the facts of a window; the recorded steps ascend and reach back one period before it."""
    period = when.period or timedelta(0)
    tiles = tiled(recorded, Window(window.start - period, window.end))
    stretches = tiled(tiles, window) if period else tiles
    match when:
        case PriceMove():
            yield from _with_earlier(stretches, tiles, period)
        case PriceExtreme():
            yield from _with_prices_before(tiles, when, period)
        case _:
            yield from map(_plain, stretches)


def facts_of_stretches(
    stretches: Sequence[PriceStep], when: Condition, recorded: Sequence[PriceStep], before: PricesBefore | None
) -> Iterator[Fact]:
    """Give the facts of the stretches that one observation ends and of the moment that it begins, the last of them.

    `recorded` are the steps one period before them. `before` belongs to the price that comes into force; it is None if
    the price stays the same.
    """
    match when:
        case PriceMove():
            yield from _with_earlier(stretches, recorded, when.period)
        case PriceExtreme():
            *ended, begun = map(_plain, stretches)
            yield from ended
            yield Fact(begun.start, begun.end, begun.in_force, before=before)
        case _:
            yield from map(_plain, stretches)


def _plain(step: PriceStep) -> Fact:
    return Fact(step.valid_from, step.valid_to, PriceInForce(step.state, step.price))


def _with_earlier(stretches: Sequence[PriceStep], recorded: Sequence[PriceStep], period: timedelta) -> Iterator[Fact]:
    """Cut the stretches where the price one period before changed; a moment is not cut."""
    shifted = [
        Window(each.valid_from - period, max(each.valid_to, each.valid_from + MICROSECOND) - period)
        for each in stretches
    ]
    for stretch, (window, within) in zip(stretches, steps_of(shifted, recorded), strict=True):
        in_force = PriceInForce(stretch.state, stretch.price)
        for tile in tiled(within, window):
            change = price_change(PriceInForce(tile.state, tile.price), in_force)
            end = min(tile.valid_to + period, stretch.valid_to)
            yield Fact(tile.valid_from + period, end, in_force, change.percent)


def _with_prices_before(tiles: Sequence[PriceStep], when: PriceExtreme, period: timedelta) -> Iterator[Fact]:
    """Judge each price that comes into force by the prices of the period before it, in one pass over the tiles."""
    sign = when.kind.sign
    extremes: deque[PriceStep] = deque()  # the first is the most extreme of the period, each later one less so
    last: PriceInForce | None = None
    known, passed, first = 0, 0, 0  # known microseconds before the tile, and of the tiles before its period
    for tile in tiles:
        in_force = PriceInForce(tile.state, tile.price)
        before = None
        if in_force.state is not PriceState.UNKNOWN and in_force != last:
            begin = tile.valid_from - period
            while tiles[first].valid_to <= begin:
                passed += _known(tiles[first])
                first += 1
            while extremes and extremes[0].valid_to <= begin:
                extremes.popleft()
            cut = _known(tiles[first], until=begin) if tiles[first].valid_from < begin else 0
            before = PricesBefore(extremes[0].price if extremes else None, known - passed - cut)
            last = in_force
        yield Fact(tile.valid_from, tile.valid_to, in_force, before=before)
        known += _known(tile)
        if tile.price is not None:
            while extremes and (extremes[-1].price or 0) * sign >= tile.price * sign:
                extremes.pop()
            extremes.append(tile)


def _known(tile: PriceStep, until: datetime | None = None) -> int:
    if tile.state is PriceState.UNKNOWN:
        return 0
    return ((until or tile.valid_to) - tile.valid_from) // MICROSECOND
