"""How often an alert below (above) each possible price would have fired, counted in one pass."""

from collections.abc import Iterable
from itertools import accumulate, pairwise

from domain.alerts.condition import HIGHEST_PRICE, ConditionKind
from domain.prices.price import PriceState, PriceStep


def firings_by_threshold(kind: ConditionKind, steps: Iterable[PriceStep]) -> list[tuple[int, int]]:
    """Return prices with the number of times that an alert of the kind fires there, the most extreme first.

    They are the prices of the steps and those right above them; at any other one it fires as often as at the next lower
    of these. For `price_above` it is the mirror image.
    """
    # What is high is low with the other sign.
    shown = _moves(steps, kind.sign)
    prices = sorted({price for price in shown if price is not None})
    ranks: dict[int | None, int] = {price: rank for rank, price in enumerate(prices)}
    out_of_stock = ranks[None] = len(prices)
    # Out of stock is above every price, and so is the time before the first one.
    moves = [out_of_stock, *(ranks[price] for price in shown)]
    falls = [(before, after) for before, after in pairwise(moves) if after < before]
    between = _covered(len(prices), ((after, before) for before, after in falls))
    at = _covered(len(prices), ((after + 1, before) for before, after in falls))
    for first, rank, last in zip(moves, moves[1:], moves[2:], strict=False):
        # At the threshold itself nothing fires or resolves.
        if last < rank < first:
            at[rank] += 1
    found = []
    for rank, price in enumerate(prices):
        found.append((price * kind.sign, at[rank]))
        above = price + 1
        if 0 <= above * kind.sign <= HIGHEST_PRICE and above not in ranks:
            found.append((above * kind.sign, between[rank]))
    return found


def _moves(steps: Iterable[PriceStep], sign: int) -> list[int | None]:
    """Return the known prices, None for out of stock, without repetitions: in unknown time nothing happens."""
    shown: list[int | None] = []
    for step in steps:
        price = None if step.price is None else step.price * sign
        if step.state is not PriceState.UNKNOWN and (not shown or shown[-1] != price):
            shown.append(price)
    return shown


def _covered(count: int, ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Return for each rank the number of half-open ranges that hold it."""
    changes = [0] * (count + 1)
    for first, end in ranges:
        changes[min(first, count)] += 1
        changes[min(end, count)] -= 1
    return list(accumulate(changes[:count]))
