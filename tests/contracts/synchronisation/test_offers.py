"""The offer repository's port: current offers are replaced one by one, history is only ever appended to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.offer import OfferInterval, TrackedOffer
from domain.prices.price import PriceState, PriceStep
from domain.synchronisation import Observation
from factories import TrackedOfferFactory, some_id
from storages.storage import Storage, ago


async def offers_of(storage: Storage, *product_ids: UUID) -> Mapping[UUID, Sequence[TrackedOffer]]:
    async with storage.begin() as work:
        return await work.offers.of(product_ids)


async def record(storage: Storage, *observations: Observation) -> None:
    async with storage.begin() as work:
        await work.offers.record(observations)
        await work.commit()


def seen(product_id: UUID, *changed: TrackedOffer) -> Observation:
    return Observation(product_id, [*changed], [], [])


async def test_a_product_without_offers_has_none(storage: Storage) -> None:
    assert (await offers_of(storage, some_id())).get(some_id(), ()) == ()
    assert not await offers_of(storage)
    await record(storage)


async def test_offers_come_back_with_every_field_sold_out_ones_too(storage: Storage) -> None:
    in_stock, sold_out = TrackedOfferFactory.build(), TrackedOfferFactory.build(sold_out_at=ago())
    product_id, other = some_id(), some_id()
    await record(storage, seen(product_id, in_stock, sold_out), seen(other, in_stock))
    found = await offers_of(storage, product_id, other, some_id())
    assert {id: set(offers) for id, offers in found.items() if offers} == {
        product_id: {in_stock, sold_out},
        other: {in_stock},
    }


async def test_an_observation_without_changes_leaves_all_as_it_is(storage: Storage) -> None:
    offer, product_id = TrackedOfferFactory.build(), some_id()
    await record(storage, seen(product_id, offer))
    await record(storage, seen(product_id))
    assert list((await offers_of(storage, product_id))[product_id]) == [offer]


async def test_a_changed_offer_replaces_its_predecessor_of_the_same_product_only(storage: Storage) -> None:
    before, neighbour = TrackedOfferFactory.build(), TrackedOfferFactory.build()
    product_id, other = some_id(), some_id()
    await record(storage, seen(product_id, before, neighbour), seen(other, before))
    after = TrackedOfferFactory.build(id=before.id, sold_out_at=ago())
    new = TrackedOfferFactory.build()
    await record(storage, seen(product_id, after, new))
    assert set((await offers_of(storage, product_id))[product_id]) == {after, neighbour, new}
    assert list((await offers_of(storage, other))[other]) == [before]
    restocked = replace(after, sold_out_at=None)
    await record(storage, seen(product_id, restocked))
    assert restocked in (await offers_of(storage, product_id))[product_id]


async def test_prices_and_stocks_up_to_the_largest_integer_are_kept(storage: Storage) -> None:
    offer, product_id = TrackedOfferFactory.build(price=2**63 - 1, items_in_stock=2**63 - 1), some_id()
    await record(storage, seen(product_id, offer))
    assert list((await offers_of(storage, product_id))[product_id]) == [offer]


async def test_ended_intervals_and_steps_are_appended(storage: Storage) -> None:
    product_id, other, offer_id = some_id(), some_id(), some_id()
    times = [ago(hours=5) + timedelta(minutes=minutes, microseconds=7) for minutes in range(5)]
    intervals = [OfferInterval(offer_id, 2**62 + price, times[price], times[price + 1]) for price in range(3)]
    steps = [
        PriceStep(PriceState.IN_STOCK, 2**62, times[0], times[1]),
        PriceStep(PriceState.OUT_OF_STOCK, None, times[1], times[2]),
        PriceStep(PriceState.UNKNOWN, None, times[2], times[3]),
    ]
    await record(storage, Observation(product_id, [], intervals[:2], steps[:1]))
    await record(storage, Observation(product_id, [], intervals[2:], steps[1:]), seen(other))
    assert await storage.intervals(product_id) == intervals
    assert await storage.steps(product_id) == steps
    assert await storage.intervals(other) == []
    assert await storage.steps(other) == []
