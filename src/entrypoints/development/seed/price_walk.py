"""How the offers of a product may have moved before they were first seen; made up backwards from there.

Pure: dice are passed in, so the same dice give the same past.
"""

import math
import random
from collections.abc import Iterator, Mapping
from statistics import median
from uuid import UUID

POLLS_A_DAY = 144
"""One every ten minutes; the first of all is at midnight."""

Shown = dict[UUID, int]
"""The offers in stock with their prices, as one poll shows them."""

_CALM_POLLS = 18  # at both ends, where neither a sale nor an outage makes a jump
_POLLS_WITH_AN_OFFER = 10 * POLLS_A_DAY
_LONGEST_PAUSE = POLLS_A_DAY // 2
_REPRICED = 0.4
_SAME_OFFER_AGAIN = 0.4


def market_before(first_seen: Mapping[UUID, int], polls: int, dice: random.Random) -> list[Shown | None]:
    """Return the offers that each of so many polls before the first sight showed, None for one that failed.

    There is at least a day of them.

    Offers drift together around a daily rhythm and each by itself, come and go, are sold cheaply or sold out for a
    while. Their last prices are near those at first sight, but never the same, nor is the best of them.
    """
    centre = median(map(_logarithm, first_seen.values()))
    drift = _backwards(0, polls, keeps=0.9995, spread=0.002, dice=dice)
    trend = [centre + drift[poll] + _rhythm(poll) - _rhythm(polls) for poll in range(polls)]
    sales = [(dice.choice(list(first_seen)), _stretch(polls, 72, 288, dice), dice.uniform(0.08, 0.2)) for _ in "12"]
    shown: list[Shown | None] = [{} for _ in range(polls)]
    for offer_id, price in first_seen.items():
        distance = _backwards(_logarithm(price) - centre, polls, keeps=0.992, spread=0.005, dice=dice)
        wanted = [level + apart for level, apart in zip(trend, distance, strict=True)]
        for of, stretch, discount in sales:
            for poll in stretch if of == offer_id else ():
                wanted[poll] -= discount
        for poll, id, asked in _one_place(offer_id, wanted, dice):
            shown[poll] = {**(shown[poll] or {}), id: asked}
    for _ in range(max(1, polls // (10 * POLLS_A_DAY))):
        for poll in _stretch(polls, 6, 12, dice):
            shown[poll] = {}
    for _ in range(dice.randint(1, 2)):
        for poll in _stretch(polls, 6, 24, dice):
            shown[poll] = None
    shown[-1] = _unlike(first_seen, shown[-1] or {})
    return shown


def _one_place(offer_id: UUID, wanted: list[float], dice: random.Random) -> Iterator[tuple[int, UUID, int]]:
    """Yield the polls, with the offer that held this place in the market, and its price; pauses have none."""
    end = len(wanted)
    while end > 0:
        begin = max(0, end - round(dice.expovariate(1 / _POLLS_WITH_AN_OFFER)))
        asked = None
        for poll in range(begin, end):
            if asked is None or dice.random() < _REPRICED:
                asked = max(1, round(math.exp(wanted[poll])))
            yield poll, offer_id, asked
        end = begin - dice.randint(1, _LONGEST_PAUSE)
        if dice.random() > _SAME_OFFER_AGAIN:
            offer_id = UUID(int=dice.getrandbits(128))


def _backwards(value: float, polls: int, *, keeps: float, spread: float, dice: random.Random) -> list[float]:
    """Walk back from a value at first sight, always drawn a little towards 0."""
    walked = []
    for _ in range(polls):
        value = keeps * value + dice.gauss(0, spread)
        walked.append(value)
    return walked[::-1]


def _stretch(polls: int, shortest: int, longest: int, dice: random.Random) -> range:
    room = polls - 2 * _CALM_POLLS
    length = min(dice.randint(shortest, longest), room // 2)
    begin = _CALM_POLLS + dice.randrange(room - length)
    return range(begin, begin + length)


def _unlike(first_seen: Mapping[UUID, int], last: Shown) -> Shown:
    best = min(first_seen.values())
    return {id: _next_but(price, {best, first_seen.get(id)}) for id, price in last.items()}


def _next_but(price: int, taken: set[int | None]) -> int:
    while price in taken:
        price += 1
    return price


def _rhythm(poll: int) -> float:
    return 0.008 * math.cos(2 * math.pi * poll / POLLS_A_DAY)


def _logarithm(price: int) -> float:
    return math.log(max(price, 1))
