"""The unit of work's port: all or nothing, seen by others only as a whole."""

import asyncio

import pytest

from domain.errors import ProductNotFound
from domain.synchronisation import Observation
from factories import TrackedOfferFactory
from storages.storage import Storage, add, ago, change, new_product, state_of, waits_or_ends, withdraw


async def names(storage: Storage) -> set[str]:
    return {product.name for product in (await storage.reader.products(100)).items}


async def test_leaving_without_commit_stores_nothing_of_any_repository(storage: Storage) -> None:
    kept, removed = new_product(), new_product()
    await add(storage.begin, kept, removed)
    async with storage.begin() as work:
        await work.products.add(new_product(name="new"))
        product = await work.products.get(kept.id)
        product.name = "renamed"
        await work.products.save(product)
        await work.products.remove(await work.products.get(removed.id))
        assert await work.synchronisations.claim_registrations(lease=ago() - ago(hours=1), limit=10)
        await work.offers.record([Observation(kept.id, [TrackedOfferFactory.build()], [], [])])
    assert await names(storage) == {kept.name, removed.name}
    async with storage.begin() as work:
        assert await work.offers.of([kept.id]) == {}
        claim = await work.synchronisations.claim_registrations(lease=ago() - ago(hours=1), limit=10)
    assert claim is not None
    assert set(claim.product_ids) == {kept.id, removed.id}


async def test_an_error_inside_rolls_back_and_goes_on(storage: Storage) -> None:
    async def add_and_fail() -> None:
        async with storage.begin() as work:
            await work.products.add(new_product())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fail()
    assert await names(storage) == set()


async def test_a_cancelled_unit_rolls_back_and_lets_others_in(storage: Storage) -> None:
    product = new_product(name="before")
    await add(storage.begin, product)
    inside = asyncio.Event()

    async def rename_and_hang() -> None:
        async with storage.begin() as work:
            mine = await work.products.get(product.id)
            mine.name = "after"
            await work.products.save(mine)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(rename_and_hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with storage.begin() as work:
        assert (await work.products.get(product.id)).name == "before"


async def test_a_unit_sees_its_own_writes_and_others_see_them_once_committed(storage: Storage) -> None:
    product = new_product()
    async with storage.begin() as work:
        await work.products.add(product)
        assert await work.products.get(product.id) == product
        assert await names(storage) == set()
        with pytest.raises(ProductNotFound):
            await storage.reader.product(product.id)
        await work.commit()
    assert await names(storage) == {product.name}


async def test_units_that_change_the_same_state_come_one_after_the_other(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)

    async def fail_once_more() -> None:
        await change(storage.begin, product.id, lambda state: state.fail("no", ago(), ago()))

    await asyncio.gather(*(fail_once_more() for _ in range(8)))
    assert (await state_of(storage.begin, product.id)).consecutive_failures == 8


async def test_a_withdrawal_waits_for_an_observation_under_way(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    async with storage.begin() as work:
        state = await work.synchronisations.get(product.id)
        withdrawal = asyncio.create_task(withdraw(storage.begin, product.id))
        await waits_or_ends(storage, withdrawal)
        assert not withdrawal.done()
        await work.synchronisations.save(state)
        await work.commit()
    await withdrawal
    assert await names(storage) == set()
