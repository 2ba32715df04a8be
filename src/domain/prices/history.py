"""A price over a window of time. PostgreSQL sums windows; tests/specification defines the results.

A price over time is a step function. Times are counted in whole microseconds and summed as integers, so that the sums
of a window are the same however it is cut; a number is divided once, where it is published, and rounded half to even.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from domain.offer import OfferInterval
from domain.prices.price import PriceState, PriceStep
from domain.window import Window


def tiled(steps: Iterable[PriceStep], window: Window, hole: PriceState = PriceState.UNKNOWN) -> list[PriceStep]:
    """Cut steps, which ascend and do not overlap, to the window; fill the holes and join equal neighbours."""
    tiles: list[PriceStep] = []

    def lay(state: PriceState, price: int | None, end: datetime) -> None:
        last = tiles[-1] if tiles else None
        if last is not None and (last.state, last.price) == (state, price):
            tiles[-1] = PriceStep(state, price, last.valid_from, end)
        else:
            tiles.append(PriceStep(state, price, last.valid_to if last else window.start, end))

    reached = window.start
    for step in steps:
        begin, end = max(step.valid_from, window.start), min(step.valid_to, window.end)
        if begin < end:
            if reached < begin:
                lay(hole, None, begin)
            lay(step.state, step.price, end)
            reached = end
    if reached < window.end:
        lay(hole, None, window.end)
    return tiles


def tiled_offer(intervals: Iterable[OfferInterval], known: Iterable[Window], window: Window) -> list[PriceStep]:
    """Return one offer's step function: out of stock where the product is known and the offer was not seen in stock.

    An offer that did not change across a gap was recorded as one interval: the unknown parts of it are cut out. In an
    interval without a price the offer itself is unknown.
    """
    steps = [
        PriceStep(
            PriceState.UNKNOWN if each.price is None else PriceState.IN_STOCK,
            each.price,
            each.valid_from,
            each.valid_to,
        )
        for each in intervals
    ]
    of_known = (tiled(within, stretch, PriceState.OUT_OF_STOCK) for stretch, within in steps_of(known, steps))
    return tiled(chain.from_iterable(of_known), window)


@dataclass(frozen=True, slots=True)
class Extreme:
    """The lowest or the highest price of a window, and the latest time in it at which that price came into force."""

    price: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PriceSummary:
    """The sums of a window: exact integers, times in microseconds.

    `open` is the price in force at its start and `close` the one at its end, None without a price.
    `price_time` is price x time over the time in stock; `known` is the time in stock or known to be out of stock.
    """

    window: Window
    open: int | None = None
    close: int | None = None
    lowest: Extreme | None = None
    highest: Extreme | None = None
    price_time: int = 0
    in_stock: int = 0
    known: int = 0

    @property
    def average(self) -> Decimal | None:
        """The price weighted by the time for which it was in force, two exact decimals: never outside the extremes."""
        return rounded(self.price_time, self.in_stock, 2)

    @property
    def in_stock_share(self) -> float | None:
        """The share of the known time in which the product was in stock, four decimals."""
        return share(self.in_stock, self.known)

    @property
    def out_of_stock_share(self) -> float | None:
        """The share of the known time in which it was not, four decimals."""
        return share(self.known - self.in_stock, self.known)

    @property
    def coverage(self) -> float | None:
        """The known share of the window, four decimals."""
        return share(self.known, self.window.microseconds)


def joined(parts: Sequence[PriceSummary], window: Window) -> PriceSummary:
    """Sum a window from the sums of its parts, which ascend; nothing is recorded of the time between them."""
    first = bool(parts) and parts[0].window.start == window.start
    last = bool(parts) and parts[-1].window.end == window.end
    return PriceSummary(
        window,
        open=parts[0].open if first else None,
        close=parts[-1].close if last else None,
        lowest=_joined_extreme([(part.lowest, part) for part in parts], sign=1),
        highest=_joined_extreme([(part.highest, part) for part in parts], sign=-1),
        price_time=sum(part.price_time for part in parts),
        in_stock=sum(part.in_stock for part in parts),
        known=sum(part.known for part in parts),
    )


def rounded(numerator: int, denominator: int, decimals: int) -> Decimal | None:
    """Divide exactly, rounding half to even; None when there is nothing to divide by."""
    return None if denominator == 0 else Decimal(f"{_divided(numerator, denominator, decimals)}e-{decimals}")


def share(part: int, whole: int) -> float | None:
    """Return a share with four decimals, which is 0 or 1 only if it is exactly that; None of nothing."""
    if whole == 0:
        return None
    if 0 < part < whole:
        return min(max(_divided(part, whole, 4), 1), 9_999) / 10_000
    return part / whole


def _divided(numerator: int, denominator: int, decimals: int) -> int:
    """Return the quotient in units of its last decimal."""
    scale: int = 10**decimals
    quotient, rest = divmod(numerator * scale, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        quotient += 1
    return quotient


def steps_of(stretches: Iterable[Window], steps: Sequence[PriceStep]) -> Iterator[tuple[Window, Sequence[PriceStep]]]:
    """Give each of the stretches the steps that touch it, both ascending, without going through all for each."""
    first = 0
    for stretch in stretches:
        while first < len(steps) and steps[first].valid_to <= stretch.start:
            first += 1
        last = first
        while last < len(steps) and steps[last].valid_from < stretch.end:
            last += 1
        yield stretch, steps[first:last]


def _joined_extreme(found: Iterable[tuple[Extreme | None, PriceSummary]], *, sign: int) -> Extreme | None:
    best: Extreme | None = None
    before: PriceSummary | None = None
    for extreme, part in found:
        if extreme is not None and (best is None or extreme.price * sign <= best.price * sign):
            # A price that was in force already as the part began was not reached in it.
            goes_on = best is not None and extreme == Extreme(best.price, part.window.start)
            if not (
                goes_on and before is not None and before.window.end == extreme.at and before.close == extreme.price
            ):
                best = extreme
        before = part
    return best
