"""Markets that tick."""

import statistics
import uuid
from itertools import pairwise
from typing import get_args

import pytest

from development.offers_simulator.caller import PRODUCT, START, Caller, ManualClock, by_id
from entrypoints.development.offers_simulator.product import SoldOut
from entrypoints.development.offers_simulator.world import World, WorldState


async def test_a_tick_moves_prices_a_little_and_lowers_stock(known: Caller, clock: ManualClock) -> None:
    before = by_id(await known.offers())
    clock.now = START + 59.9
    assert by_id(await known.offers()) == before
    clock.now = START + 60
    after = by_id(await known.offers())
    kept = before.keys() & after.keys()
    assert len(kept) >= len(before) - 1
    moves = [after[one]["price"] / before[one]["price"] for one in kept]
    assert all(0.85 < move < 1.15 for move in moves)
    assert sum(move != 1 for move in moves) > len(kept) / 2
    assert all(after[one]["items_in_stock"] < before[one]["items_in_stock"] for one in kept)


async def test_freezing_stops_the_ticks_and_thawing_goes_on_from_there(known: Caller, clock: ManualClock) -> None:
    clock.now += 60
    await known.control(freeze=True)
    before = by_id(await known.offers())
    clock.now += 120
    assert by_id(await known.offers()) == before
    assert (await known.state())["tick"] == 1
    await known.control(freeze=False)
    assert by_id(await known.offers()) == before
    clock.now += 60
    assert by_id(await known.offers()) != before
    assert (await known.state())["tick"] == 2


async def test_ticks_can_be_asked_for(known: Caller) -> None:
    before = by_id(await known.offers())
    await known.control(advance=3, freeze=True)
    assert by_id(await known.offers()) != before
    assert (await known.state())["tick"] == 3


def new_world(sold_out: SoldOut, seed: int = 3) -> tuple[World, uuid.UUID]:
    world = World(WorldState(seed), tick=60, sold_out=sold_out, now=START)
    product_id = uuid.UUID(PRODUCT)
    assert world.register(product_id, START)
    return world, product_id


def observe(sold_out: SoldOut, ticks: int = 400) -> list[dict[str, tuple[int, int]]]:
    world, product_id = new_world(sold_out)
    return [
        {offer.id: (offer.price, offer.items_in_stock) for offer in world.offers(product_id, START + 60 * n) or ()}
        for n in range(ticks)
    ]


def test_no_market_shows_an_offer_twice() -> None:
    world = World(WorldState(3), tick=60, sold_out="vanish", now=START)
    for number in range(500):
        product_id = uuid.UUID(int=number)
        world.register(product_id, START)
        ids = [offer.id for offer in world.offers(product_id, START + 300) or ()]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("sold_out", get_args(SoldOut))
def test_a_market_stays_within_bounds_for_good(sold_out: SoldOut) -> None:
    seen = observe(sold_out, 2_000)
    assert 5 <= statistics.mean(map(len, seen)) <= 11
    assert all(3 <= len(offers) <= 11 for offers in seen)
    assert all(15_000 <= price <= 80_000 for offers in seen for price, _ in offers.values())
    assert len(set().union(*seen)) > 100


@pytest.mark.parametrize("sold_out", ["vanish", "replace"])
def test_sold_out_offers_vanish_unseen_and_never_come_back(sold_out: SoldOut) -> None:
    seen = observe(sold_out)
    assert all(stock > 0 for offers in seen for _, stock in offers.values())
    for one in set().union(*seen):
        present = "".join("x" if one in offers else " " for offers in seen)
        assert " " not in present.strip()


def test_a_replaced_offer_leaves_the_number_of_offers_as_it_was() -> None:
    seen = observe("replace")
    exchanged = [(before, after) for before, after in pairwise(seen) if before.keys() - after]
    assert exchanged
    assert all(len(after) >= len(before) for before, after in exchanged)


def test_sold_out_offers_show_zero_for_exactly_one_tick() -> None:
    seen = observe("zero")
    gone = {one for before, after in pairwise(seen) for one in before if one not in after}
    assert gone
    for one in gone:
        stocks = [offers[one][1] for offers in seen if one in offers]
        assert stocks[-1] == 0
        assert stocks.count(0) == 1


def test_a_product_looks_the_same_whenever_and_in_whatever_order_it_is_read() -> None:
    patient, product_id = new_world("vanish")
    busy, _ = new_world("vanish")
    for tick in range(30):
        for other in range(5):
            busy.register(uuid.UUID(int=other), START)
            busy.offers(uuid.UUID(int=other), START + 60 * tick)
        busy.offers(product_id, START + 60 * tick)
    assert patient.offers(product_id, START + 1800) == busy.offers(product_id, START + 1800)


def test_another_seed_is_another_world() -> None:
    one, product_id = new_world("vanish", seed=1)
    other, _ = new_world("vanish", seed=2)
    assert one.offers(product_id, START) != other.offers(product_id, START)


def test_a_product_unread_for_a_year_can_be_read() -> None:
    world, product_id = new_world("vanish")
    assert world.offers(product_id, START + 365 * 86_400)
