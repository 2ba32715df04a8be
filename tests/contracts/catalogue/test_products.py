"""The product repository's port."""

import asyncio
from dataclasses import replace

import pytest

from application.catalogue.views import ProductView, Version
from domain.errors import ProductAlreadyExists, ProductNotFound
from domain.product import Product
from domain.synchronisation import Synchronisation
from factories import ProductFactory, some_id
from storages.databases import system_clock
from storages.decoded_reader import decode, view_without_offers
from storages.storage import Storage, add, change, new_product, waits_or_ends, withdraw


async def stored(storage: Storage, product: Product) -> Product:
    async with storage.begin() as work:
        return await work.products.get(product.id)


async def test_an_added_product_comes_back_with_every_field(storage: Storage) -> None:
    product = ProductFactory.build()
    await add(storage.begin, product)
    assert await stored(storage, product) == product


async def test_a_saved_product_comes_back_with_every_field(storage: Storage) -> None:
    before, others = ProductFactory.build(), ProductFactory.batch(3)
    await add(storage.begin, before, *others)
    after = ProductFactory.build(id=before.id, created_at=before.created_at)
    second = ProductFactory.build(id=others[0].id, created_at=others[0].created_at)
    async with storage.begin() as work:
        await work.products.list([before.id, others[0].id])
        await work.products.save(after, second)
        await work.commit()
    assert await stored(storage, before) == after
    assert await stored(storage, others[0]) == second
    assert await stored(storage, others[1]) == others[1]


async def test_texts_of_any_script_come_back_as_they_are(storage: Storage) -> None:
    product = replace(new_product(), name="Škoda 東京 İß 🛒 ' \" \\ %", description="\n\ttab  two spaces ")
    await add(storage.begin, product)
    assert await stored(storage, product) == product


async def test_a_new_product_waits_for_its_registration_since_it_was_created(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    async with storage.begin() as work:
        assert await work.synchronisations.get(product.id) == Synchronisation(product.id, product.created_at)


async def test_a_changed_product_is_not_stored_until_it_is_saved(storage: Storage) -> None:
    product = new_product(name="before")
    await add(storage.begin, product)
    async with storage.begin() as work:
        (await work.products.get(product.id)).name = "after"
        await work.commit()
    assert (await stored(storage, product)).name == "before"


@pytest.mark.parametrize("taken", ["name", "id"])
async def test_a_taken_name_or_id_is_refused(storage: Storage, taken: str) -> None:
    first = new_product()
    second = new_product(name=first.name) if taken == "name" else new_product(id=first.id, name="other")
    await add(storage.begin, first)
    with pytest.raises(ProductAlreadyExists) as refusal:
        await add(storage.begin, second)
    assert refusal.value.field == taken
    assert await stored(storage, first) == first


async def test_names_that_differ_in_case_or_accents_are_different(storage: Storage) -> None:
    products = [new_product(name=name) for name in ("Resume", "resume", "Résumé", "RÉSUMÉ", "straße", "strasse")]
    await add(storage.begin, *products)
    for product in products:
        assert (await stored(storage, product)).name == product.name


async def test_renaming_to_a_taken_name_is_refused(storage: Storage) -> None:
    first, second = new_product(name="first"), new_product(name="second")
    await add(storage.begin, first, second)
    async with storage.begin() as work:
        product = await work.products.get(second.id)
        product.name = "first"
        with pytest.raises(ProductAlreadyExists) as refusal:
            await work.products.save(product)
    assert refusal.value.field == "name"
    assert (await stored(storage, second)).name == "second"


async def test_an_unknown_product_is_not_found(storage: Storage) -> None:
    with pytest.raises(ProductNotFound):
        await stored(storage, new_product())


async def test_list_returns_those_that_exist_in_the_order_of_their_ids(storage: Storage) -> None:
    products = [new_product() for _ in range(6)]
    await add(storage.begin, *products)
    await withdraw(storage.begin, products[0].id)
    async with storage.begin() as work:
        assert await work.products.list([]) == []
        listed = await work.products.list([some_id(), *(product.id for product in products[:5])])
    assert listed == sorted(products[1:5], key=lambda product: product.id)


async def test_a_withdrawn_product_is_gone_and_its_name_is_free(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    await withdraw(storage.begin, product.id)
    with pytest.raises(ProductNotFound):
        await stored(storage, product)
    with pytest.raises(ProductNotFound):
        await change(storage.begin, product.id, lambda state: state)
    successor = new_product(name=product.name)
    await add(storage.begin, successor)
    assert await stored(storage, successor) == successor


async def test_the_id_of_a_withdrawn_product_is_taken_until_it_is_purged(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    await withdraw(storage.begin, product.id)
    again = new_product(id=product.id, name="again")
    with pytest.raises(ProductAlreadyExists) as refusal:
        await add(storage.begin, again)
    assert refusal.value.field == "id"
    assert await storage.purge.purge_withdrawn()
    assert not await storage.purge.purge_withdrawn()
    await add(storage.begin, again)
    assert await stored(storage, again) == again


@pytest.mark.parametrize("many", [False, True])
async def test_whoever_got_a_product_keeps_other_writers_away(storage: Storage, many: bool) -> None:
    product = new_product(name="before")
    await add(storage.begin, product)

    async def read_later() -> Product:
        async with storage.begin() as work:
            return await work.products.get(product.id)

    async with storage.begin() as work:
        mine = (await work.products.list([product.id]))[0] if many else await work.products.get(product.id)
        other = asyncio.create_task(read_later())
        mine.name = "after"
        await work.products.save(mine)
        await waits_or_ends(storage, other)
        assert not other.done()
        await work.commit()
    assert (await other).name == "after"


async def test_a_unit_of_work_shows_a_product_with_the_changes_it_has_saved(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    async with storage.begin() as work:
        found = await work.products.get(product.id)
        found.amend(name="amended", at=system_clock())
        await work.products.save(found)
        shown = await work.products.show(found)
        await work.commit()
    view = decode(shown.json, ProductView)
    assert (view.name, view.revision) == ("amended", 2)
    assert shown.version == Version(2, None, stale=False)
    assert view == view_without_offers(await storage.reader.product(product.id))
