"""A made-up past leads to the first observation: without a hole, without a jump, and never equal to it."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from adapters.postgres.prices.history_backfill import FirstSight, Past
from domain.prices.price import PriceState, PriceStep
from domain.window import BucketWidth
from entrypoints.development.seed.past import made_up_past
from factories import some_id

NOON = datetime(2026, 3, 14, 12, 34, 56, 789_012, tzinfo=UTC)
JUST_AFTER_MIDNIGHT = datetime(2026, 3, 14, 0, 0, 0, 1, tzinfo=UTC)
PRODUCT = some_id()
A, B, C = (UUID(int=number) for number in (1, 2, 3))


def usual_prices(dice: random.Random) -> dict[UUID, int]:
    centre = dice.uniform(17_000, 72_000)
    return {UUID(int=dice.getrandbits(128)): round(centre * (1 + dice.gauss(0, 0.04))) for _ in range(9)}


def past_of(seed: int, *, days: int = 30, at: datetime = NOON, prices: dict[UUID, int] | None = None) -> Past:
    dice = random.Random(seed)
    sight = FirstSight(at, prices or usual_prices(dice), rolled_up=False)
    return made_up_past(PRODUCT, sight, BucketWidth.DAY.floor(at) - timedelta(days=days), dice)


@pytest.fixture(scope="module")
def usual() -> list[Past]:
    """Give pasts of usual products."""
    return [past_of(seed) for seed in range(6)]


@pytest.fixture(params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    """Give some dice."""
    return int(request.param)


@pytest.fixture(params=["usual", "shortest", "new at midnight", "cheapest", "no room between prices"])
def past(request: pytest.FixtureRequest, seed: int, usual: list[Past]) -> Past:
    """Give pasts of every kind of first sight."""
    match request.param:
        case "usual":
            return usual[seed]
        case "shortest":
            return past_of(seed, days=1)
        case "new at midnight":
            return past_of(seed, days=7, at=JUST_AFTER_MIDNIGHT)
        case "cheapest":
            return past_of(seed, days=1, prices={A: 1})
        case _:
            return past_of(seed, days=1, prices={A: 2, B: 1, C: 1})


def moves(steps: list[PriceStep]) -> list[tuple[PriceStep, PriceStep]]:
    return [pair for pair in pairwise(steps) if pair[0].price != pair[1].price]


def test_steps_tile_the_time_from_the_first_midnight_to_the_first_sight(past: Past) -> None:
    assert past.steps[0].valid_from == past.begins
    assert past.steps[-1].valid_to == past.sight.at
    for step, following in pairwise(past.steps):
        assert step.valid_from < step.valid_to == following.valid_from
        midnight = BucketWidth.DAY.floor(step.valid_to) == step.valid_to
        assert midnight or (step.state, step.price) != (following.state, following.price)


def test_what_was_first_seen_is_new_at_that_moment(past: Past) -> None:
    last = past.steps[-1]
    assert (last.state, last.price) != (PriceState.IN_STOCK, min(past.sight.prices.values()))
    for id, price in past.sight.prices.items():
        before = [each for each in past.ended if each.offer_id == id and each.valid_to == past.sight.at]
        assert [each.price for each in before] != [price]
        assert len(before) == (past.first_seen[id] < past.sight.at)


def test_intervals_of_an_offer_never_overlap_nor_last_beyond_the_first_sight(past: Past) -> None:
    for id in {each.offer_id for each in past.ended}:
        own = sorted((each for each in past.ended if each.offer_id == id), key=lambda each: each.valid_from)
        assert past.begins <= own[0].valid_from
        assert own[-1].valid_to <= past.sight.at
        assert all(one.valid_to <= other.valid_from for one, other in pairwise(own))


def test_the_best_price_moves_every_day_and_stays_in_a_believable_band(usual: list[Past]) -> None:
    for past in usual:
        best = min(past.sight.prices.values())
        prices = [step.price for step in past.steps if step.price is not None]
        assert best * 0.5 < min(prices) < max(prices) < best * 1.6
        per_day = Counter(BucketWidth.DAY.floor(after.valid_from) for _, after in moves(past.steps))
        assert min(per_day[past.begins + timedelta(days=day)] for day in range(31)) > 5


def test_the_past_leads_to_the_present_without_a_jump(usual: list[Past]) -> None:
    for past in usual:
        last = past.steps[-1].price
        assert last is not None
        assert abs(last / min(past.sight.prices.values()) - 1) < 0.03


def test_there_is_a_bit_of_everything(usual: list[Past]) -> None:
    for past in usual:
        stretches = {state: [step for step in past.steps if step.state == state] for state in PriceState}
        assert stretches[PriceState.UNKNOWN]
        assert stretches[PriceState.OUT_OF_STOCK]
        assert {each.offer_id for each in past.ended} - past.sight.prices.keys(), "none came and went"
        assert any(past.begins < seen < past.sight.at for seen in past.first_seen.values()), "none came later"


def test_the_same_dice_make_the_same_past() -> None:
    assert past_of(3, days=1) == past_of(3, days=1)
    assert past_of(3, days=1) != past_of(4, days=1)
