"""What admins do to the catalogue."""

from datetime import timedelta

import pytest

from application.unit_of_work import StorageUnavailable
from domain.errors import InvalidText, PreconditionFailed, ProductAlreadyExists, ProductNotFound
from domain.product import RegistrationState
from factories import some_id
from fakes.synchronisation import Synchronising

HOUR = timedelta(hours=1)


async def test_a_new_product_is_stored_as_pending_and_its_registration_signalled(world: Synchronising) -> None:
    product = await world.create(name="  Lamp ", description="Gives light.")
    assert world.product(product.id) == product
    assert (product.name, product.revision, product.created_at) == ("Lamp", 1, world.clock.now)
    assert product.registration.state is RegistrationState.PENDING
    assert world.signal.signals == 1


async def test_a_product_may_bring_its_id(world: Synchronising) -> None:
    id = some_id()
    assert (await world.create(name="Lamp", description="", product_id=id)).id == id
    assert world.product(id).name == "Lamp"


async def test_what_cannot_be_stored_is_refused_and_signals_nothing(world: Synchronising) -> None:
    lamp = await world.create(name="Lamp", description="")
    with pytest.raises(ProductAlreadyExists):
        await world.create(name="Lamp", description="another")
    with pytest.raises(ProductAlreadyExists):
        await world.create(name="other", description="", product_id=lamp.id)
    with pytest.raises(InvalidText):
        await world.create(name="", description="")
    world.storage.away = True
    with pytest.raises(StorageUnavailable):
        await world.create(name="other", description="")
    assert list(world.storage.rows.products.values()) == [lamp]
    assert world.signal.signals == 1


async def test_an_edit_changes_what_is_given(world: Synchronising) -> None:
    product = await world.create(name="Lamp", description="Gives light.")
    later = world.clock.advance(HOUR)
    await world.amend(product.id, name="Torch")
    stored = world.product(product.id)
    assert (stored.name, stored.description, stored.revision, stored.updated_at) == ("Torch", "Gives light.", 2, later)


async def test_an_edit_or_a_withdrawal_may_expect_revisions(world: Synchronising) -> None:
    product = await world.create(name="Lamp", description="")
    for expected in ((), (2,), (2, 3)):
        with pytest.raises(PreconditionFailed):
            await world.amend(product.id, name="Torch", expected=expected)
        with pytest.raises(PreconditionFailed):
            await world.withdraw(product.id, expected=expected)
    assert world.product(product.id) == product
    await world.amend(product.id, name="Torch", expected=(3, 1))
    await world.withdraw(product.id, expected=(2,))
    assert product.id not in world.storage.rows.products


async def test_an_edit_that_changes_nothing_is_no_revision(world: Synchronising) -> None:
    product = await world.create(name="Lamp", description="Gives light.")
    world.clock.advance(HOUR)
    await world.amend(product.id, name="Lamp ", description="Gives light.")
    assert world.product(product.id) == product


async def test_an_edit_that_is_refused_changes_nothing(world: Synchronising) -> None:
    lamp, torch = [await world.create(name=name, description="") for name in ("Lamp", "Torch")]
    with pytest.raises(ProductAlreadyExists):
        await world.amend(torch.id, name="Lamp", description="new")
    with pytest.raises(InvalidText):
        await world.amend(torch.id, name="New", description="\0")
    with pytest.raises(ProductNotFound):
        await world.amend(some_id(), name="New")
    assert (world.product(lamp.id), world.product(torch.id)) == (lamp, torch)


async def test_a_withdrawn_product_is_gone_and_its_name_is_free(world: Synchronising) -> None:
    product = await world.create(name="Lamp", description="")
    await world.withdraw(product.id)
    for gone in (world.withdraw(product.id), world.amend(product.id, name="New"), world.retry(product.id)):
        with pytest.raises(ProductNotFound):
            await gone
    assert (await world.create(name="Lamp", description="")).id != product.id


@pytest.mark.parametrize("state", [RegistrationState.REJECTED, RegistrationState.CONFLICT])
async def test_a_registration_that_ended_badly_is_due_again_at_once(
    world: Synchronising, state: RegistrationState
) -> None:
    id = await world.created()
    async with world.storage.begin() as work:
        product, synchronisation = await work.products.get(id), await work.synchronisations.get(id)
        if state is RegistrationState.REJECTED:
            product.rejected("bad", world.clock.now)
        else:
            product.conflicting("not ours", world.clock.now)
        synchronisation.give_up("bad", world.clock.now)
        await work.products.save(product)
        await work.synchronisations.save(synchronisation)
        await work.commit()
    later = world.clock.advance(HOUR)
    await world.retry(id)
    assert world.product(id).registration.state is RegistrationState.PENDING
    assert world.product(id).registration.since == later
    assert world.signal.signals == 2
    await world.submit()
    assert world.product(id).registration.state is RegistrationState.REGISTERED


async def test_a_registration_that_waits_for_its_retry_is_due_at_once(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.trouble[id] = OSError()
    await world.submit()
    world.upstream.trouble.clear()
    product = world.product(id)
    assert not (await world.submit()).outcomes
    await world.retry(id)
    assert world.product(id) == product
    await world.submit()
    assert world.product(id).registration.state is RegistrationState.REGISTERED


async def test_a_registered_product_stays_as_it_is_on_a_retry(world: Synchronising) -> None:
    id = await world.watched()
    product, state = world.product(id), world.state(id)
    await world.retry(id)
    assert (world.product(id), world.state(id)) == (product, state)
