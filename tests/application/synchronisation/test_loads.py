"""A catalogue that is loaded at once holds up neither those who add single products nor those who watch others.

A single product is observed behind `MOST_UNOBSERVED` others at most, as the contract of the repository says.
"""

from application.catalogue.registration import NewProduct
from domain.offer import Offer
from domain.product import RegistrationState
from factories import some_id
from fakes.offers_gateway import observed
from fakes.synchronisation import Synchronising

FEW = 2
"""Batches of each kind; all that was loaded takes many more."""


async def load(world: Synchronising) -> None:
    products = [NewProduct(f"Product {some_id()}", "") for _ in range(10 * FEW * world.timing.batch_size)]
    await world.load(products)


async def test_others_are_registered_and_observed_in_their_turn(world: Synchronising) -> None:
    watched = [await world.watched(Offer(some_id(), 5, 1)) for _ in range(3)]
    await load(world)
    single = await world.created()
    for _ in range(FEW):
        await world.submit()
        for id in world.storage.rows.products:
            world.upstream.offers.setdefault(id, observed())
        await world.refresh()
    assert world.product(single).registration.state is RegistrationState.REGISTERED
    assert [world.state(id).observed_at for id in watched] == [world.clock.now] * len(watched)


async def test_they_are_so_while_more_is_loaded_than_can_be_registered(world: Synchronising) -> None:
    single = await world.created()
    for _ in range(FEW):
        await load(world)
        later = await world.created()
        await world.submit()
        assert world.product(later).registration.state is RegistrationState.REGISTERED
    assert world.product(single).registration.state is RegistrationState.REGISTERED
