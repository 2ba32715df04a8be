"""What admins change about products that exist."""

from datetime import timedelta

import msgspec
import pytest

from application.catalogue.views import Encoded, ProductView
from domain.errors import InvalidText, PreconditionFailed, ProductAlreadyExists, ProductNotFound
from factories import some_id
from fakes.synchronisation import Synchronising

HOUR = timedelta(hours=1)


def decode(shown: Encoded[ProductView]) -> ProductView:
    return msgspec.json.decode(shown.json, type=ProductView)


async def test_an_edit_changes_what_is_given(world: Synchronising) -> None:
    product = await world.new(name="Lamp", description="Gives light.")
    later = world.clock.advance(HOUR)
    shown = decode(await world.amend(product.id, name="Torch"))
    stored = world.product(product.id)
    assert (shown.name, shown.revision) == (stored.name, stored.revision)
    assert (stored.name, stored.description, stored.revision, stored.updated_at) == ("Torch", "Gives light.", 2, later)


async def test_an_edit_or_a_withdrawal_may_expect_revisions(world: Synchronising) -> None:
    product = await world.new(name="Lamp", description="")
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
    product = await world.new(name="Lamp", description="Gives light.")
    world.clock.advance(HOUR)
    await world.amend(product.id, name="Lamp ", description="Gives light.")
    assert world.product(product.id) == product


async def test_an_edit_that_is_refused_changes_nothing(world: Synchronising) -> None:
    lamp, torch = [await world.new(name=name) for name in ("Lamp", "Torch")]
    with pytest.raises(ProductAlreadyExists):
        await world.amend(torch.id, name="Lamp", description="new")
    with pytest.raises(InvalidText):
        await world.amend(torch.id, name="New", description="\0")
    with pytest.raises(ProductNotFound):
        await world.amend(some_id(), name="New")
    assert (world.product(lamp.id), world.product(torch.id)) == (lamp, torch)


async def test_a_withdrawn_product_is_gone_and_its_name_is_free(world: Synchronising) -> None:
    product = await world.new(name="Lamp", description="")
    await world.withdraw(product.id)
    for gone in (world.withdraw(product.id), world.amend(product.id, name="New"), world.retry(product.id)):
        with pytest.raises(ProductNotFound):
            await gone
    assert (await world.new(name="Lamp", description="")).id != product.id
