"""The specification of every number that PostgreSQL sums from price steps: plain Python over step functions.

docs/price-history.md defines the numbers. The fakes return what these functions do, and tests hold SQL against them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.prices.history import Extreme, PriceSummary, steps_of, tiled
from domain.prices.price import BestPrice, PriceInForce, PriceState, PriceStep
from domain.prices.statistics import JUDGED_WINDOW, PriceDistribution, PriceSpans
from domain.window import MICROSECOND, Window


def open_step(best: BestPrice, known_until: datetime) -> PriceStep:
    """Return the step that is still in force, as far as it is known."""
    state = PriceState.OUT_OF_STOCK if best.price is None else PriceState.IN_STOCK
    return PriceStep(state, best.price, best.since, max(best.since, known_until))


def in_force_at(steps: Iterable[PriceStep], at: datetime) -> PriceInForce | None:
    """Return the price in force at this time: None before the first of the ascending steps, unknown in a hole."""
    found: PriceInForce | None = None
    for step in steps:
        if step.valid_from <= at:
            known = at < step.valid_to
            found = PriceInForce(step.state, step.price) if known else PriceInForce(PriceState.UNKNOWN, None)
    return found


def summarized(tiles: Sequence[PriceStep]) -> PriceSummary:
    """Sum what `tiled` returned for a window."""
    durations = [Window(tile.valid_from, tile.valid_to).microseconds for tile in tiles]
    priced = [(tile.price, duration) for tile, duration in zip(tiles, durations, strict=True) if tile.price is not None]
    known = sum(length for tile, length in zip(tiles, durations, strict=True) if tile.state is not PriceState.UNKNOWN)
    prices = [price for price, _ in priced]
    return PriceSummary(
        Window(tiles[0].valid_from, tiles[-1].valid_to),
        open=tiles[0].price,
        close=tiles[-1].price,
        lowest=_latest(tiles, min(prices, default=None)),
        highest=_latest(tiles, max(prices, default=None)),
        price_time=sum(price * duration for price, duration in priced),
        in_stock=sum(duration for _, duration in priced),
        known=known,
    )


def buckets(steps: Sequence[PriceStep], grid: Iterable[Window]) -> list[PriceSummary]:
    """Sum every bucket of the grid, whose buckets ascend, also those without a record."""
    return [summarized(tiled(within, bucket)) for bucket, within in steps_of(grid, steps)]


def distribution(tiles: Sequence[PriceStep], current: int | None) -> PriceDistribution:
    """Distribute the prices of a window's tiles (`price_history.tiled`)."""
    durations: dict[int, int] = {}
    for tile in tiles:
        if tile.price is not None:
            length = (tile.valid_to - tile.valid_from) // MICROSECOND
            durations[tile.price] = durations.get(tile.price, 0) + length
    higher = sum(length for price, length in durations.items() if current is not None and price > current)
    return PriceDistribution(_quantile(durations, 1), _quantile(durations, 2), _quantile(durations, 3), higher)


def spans_of(summaries: Sequence[PriceSummary], current: int | None) -> PriceSpans:
    """Compare the extremes of whole buckets with the current price."""
    unsummed = JUDGED_WINDOW // MICROSECOND - sum(each.window.microseconds for each in summaries)
    known, in_stock = sum(each.known for each in summaries), sum(each.in_stock for each in summaries)
    extremes = [
        (each.lowest.price, each.highest.price, each.in_stock) for each in summaries if each.lowest and each.highest
    ]
    if current is None:
        return PriceSpans(unsummed, known, in_stock)
    return PriceSpans(
        unsummed,
        known,
        in_stock,
        dearer=sum(length for lowest, _, length in extremes if lowest > current),
        not_dearer=sum(length for _, highest, length in extremes if highest <= current),
        cheaper=sum(length for _, highest, length in extremes if highest < current),
        not_cheaper=sum(length for lowest, _, length in extremes if lowest >= current),
    )


def _latest(tiles: Sequence[PriceStep], price: int | None) -> Extreme | None:
    if price is None:
        return None
    return Extreme(price, max(tile.valid_from for tile in tiles if tile.price == price))


def _quantile(durations: Mapping[int, int], quarters: int) -> int | None:
    total, reached = sum(durations.values()), 0
    for price in sorted(durations):
        reached += durations[price]
        if reached * 4 >= total * quarters:
            return price
    return None
