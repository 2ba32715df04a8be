"""The port of whole catalogues: order, filters, one moment, and where to go on."""

from contextlib import aclosing
from uuid import UUID

from application.catalogue.listing import EVERYTHING, ProductFilter, search_words
from application.catalogue.views import ProductView
from domain.offer import Offer
from factories import some_id
from fakes.offers_gateway import observed
from storages.decoded_reader import decode, view_without_offers
from storages.storage import Storage, add, ago, new_product, observe, scheduled, withdraw


async def exported(
    storage: Storage, wanted: ProductFilter = EVERYTHING, after: UUID | None = None
) -> list[ProductView]:
    async with aclosing(storage.catalogue_export(wanted, after)) as batches:
        return [decode(line, ProductView) for batch in [each async for each in batches] for line in batch]


async def ids(storage: Storage, wanted: ProductFilter = EVERYTHING, after: UUID | None = None) -> list[UUID]:
    return [view.id for view in await exported(storage, wanted, after)]


async def added(storage: Storage, *names: str) -> list[UUID]:
    """Add a product for each name; return their ids in order."""
    products = [new_product(name=name) for name in names]
    await add(storage.begin, *products)
    return sorted(product.id for product in products)


async def test_an_empty_catalogue_has_no_products(storage: Storage) -> None:
    assert await exported(storage) == []


async def test_all_come_in_the_order_of_their_ids_as_they_are_read_one_by_one(storage: Storage) -> None:
    watched = await scheduled(storage.begin, ago(hours=1))
    await observe(storage.begin, watched, observed(Offer(some_id(), 90, 5)), ago())
    added_ids = await added(storage, "Kettle", '\u2028 \\ "Pan"\nsecond', "Pot", "Lid", "Tea")
    found = await exported(storage)
    assert [view.id for view in found] == sorted([watched, *added_ids])
    assert found == [view_without_offers(await storage.reader.product(view.id)) for view in found]


async def test_it_goes_on_behind_an_id_whether_that_exists_or_not(storage: Storage) -> None:
    all_ids = await added(storage, "Kettle", "Pan", "Pot", "Lid", "Tea")
    for number, id in enumerate(all_ids, start=1):
        assert await ids(storage, after=id) == all_ids[number:]
    assert await ids(storage, after=UUID(int=0)) == all_ids


async def test_withdrawn_products_are_left_out(storage: Storage) -> None:
    first, second = await added(storage, "Kettle", "Pan")
    await withdraw(storage.begin, first)
    assert await ids(storage) == [second]


async def test_the_filters_of_lists_apply(storage: Storage) -> None:
    kettle, pan, pot = [(await added(storage, name))[0] for name in ("Red kettle", "Red pan", "Pot")]
    priced = await scheduled(storage.begin, ago(hours=1))
    await observe(storage.begin, priced, observed(Offer(some_id(), 90, 5)), ago())
    for wanted, found in (
        (ProductFilter(words=search_words("red")), {kettle, pan}),
        (ProductFilter(words=search_words("red ket")), {kettle}),
        (ProductFilter(in_stock=True), {priced}),
        (ProductFilter(min_price=90, max_price=90), {priced}),
        (ProductFilter(max_price=89), set()),
        (ProductFilter(ids=frozenset({pan, pot, some_id()})), {pan, pot}),
        (ProductFilter(ids=frozenset({pan, pot}), words=search_words("red")), {pan}),
        (ProductFilter(attention=True), set()),
    ):
        assert await ids(storage, wanted) == sorted(found), wanted
        assert await ids(storage, wanted, after=kettle) == sorted(id for id in found if id > kettle), wanted


async def test_all_batches_are_of_one_moment(storage: Storage) -> None:
    first, *others = await added(storage, "Kettle", "Pan", "Pot", "Lid", "Tea")
    async with aclosing(storage.catalogue_export()) as batches:
        begun = await anext(batches)
        await withdraw(storage.begin, others[-1])
        await add(storage.begin, new_product(id=UUID(int=2**128 - 1)))
        rest = [line for batch in [each async for each in batches] for line in batch]
    assert [decode(line, ProductView).id for line in [*begun, *rest]] == [first, *others]
