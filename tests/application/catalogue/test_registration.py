"""How products come into the catalogue."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from application.catalogue.idempotency_keys import IdempotentRequest
from application.catalogue.views import CreationOutcome
from application.storage import StorageUnavailable
from domain.errors import IdempotencyInProgress, IdempotencyMismatch, InvalidText, ProductAlreadyExists
from domain.product import RegistrationState
from factories import some_id
from fakes.synchronisation import Synchronising

HOUR = timedelta(hours=1)


async def test_a_new_product_is_stored_as_pending_and_its_registration_signalled(world: Synchronising) -> None:
    product = await world.new(name="  Lamp ", description="Gives light.")
    assert world.product(product.id) == product
    assert (product.name, product.revision, product.created_at) == ("Lamp", 1, world.clock.now)
    assert product.registration.state is RegistrationState.PENDING
    assert world.signal.signals == 1


async def test_a_product_may_bring_its_id(world: Synchronising) -> None:
    id = some_id()
    assert (await world.new(name="Lamp", description="", product_id=id)).id == id
    assert world.product(id).name == "Lamp"


async def test_what_cannot_be_stored_is_refused_and_signals_nothing(world: Synchronising) -> None:
    lamp = await world.new(name="Lamp", description="")
    with pytest.raises(ProductAlreadyExists):
        await world.new(name="Lamp", description="another")
    with pytest.raises(ProductAlreadyExists):
        await world.new(name="other", description="", product_id=lamp.id)
    with pytest.raises(InvalidText):
        await world.new(name="", description="")
    world.storage.away = True
    with pytest.raises(StorageUnavailable):
        await world.new(name="other", description="")
    assert list(world.storage.rows.products.values()) == [lamp]
    assert world.signal.signals == 1


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


def encode(outcomes: Sequence[CreationOutcome]) -> bytes:
    return msgspec.json.encode(outcomes)


REQUEST = IdempotentRequest(b"key", b"content", encode)


async def test_a_repeated_request_is_answered_with_the_first_product_and_stores_nothing(world: Synchronising) -> None:
    first = await world.create(name="Lamp", description="", idempotency=REQUEST)
    await world.amend(first.product.id, name="Torch")
    world.clock.advance(timedelta(hours=23))
    again = await world.create(name="Lamp", description="", idempotency=REQUEST)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.answer == first.answer == encode(first.outcomes)
    assert len(world.storage.rows.products) == world.signal.signals == 1


async def test_a_key_is_forgotten_after_a_day(world: Synchronising) -> None:
    await world.create(name="Lamp", description="", idempotency=REQUEST)
    world.clock.advance(timedelta(hours=24, microseconds=1))
    second = await world.create(name="Torch", description="", idempotency=REQUEST)
    assert (second.replayed, second.product.name) == (False, "Torch")


async def test_a_key_with_another_content_is_refused(world: Synchronising) -> None:
    await world.create(name="Lamp", description="", idempotency=REQUEST)
    with pytest.raises(IdempotencyMismatch):
        await world.create(name="Torch", description="", idempotency=IdempotentRequest(b"key", b"other", encode))
    assert len(world.storage.rows.products) == 1


async def test_a_request_that_fails_keeps_nothing_under_its_key(world: Synchronising) -> None:
    lamp = await world.new(name="Lamp", description="")
    with pytest.raises(ProductAlreadyExists):
        await world.create(name="Lamp", description="", idempotency=REQUEST)
    await world.withdraw(lamp.id)
    assert not (await world.create(name="Lamp", description="", idempotency=REQUEST)).replayed


async def test_a_key_that_another_request_has_is_refused(world: Synchronising) -> None:
    world.storage.taken.add(b"key")
    with pytest.raises(IdempotencyInProgress):
        await world.create(name="Lamp", description="", idempotency=REQUEST)
