"""Lists from PostgreSQL agree with those that are searched, filtered and sorted in memory, in any locale."""

import random
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from application.catalogue.listing import SORTED_LENGTH, PagePosition, ProductFilter, ProductOrder, SortKey
from application.catalogue.views import ProductView
from domain.offer import Offer
from domain.prices.price import BestPrice
from domain.product import Product, Registration, RegistrationState
from domain.synchronisation import Synchronisation
from domain.text import words
from fakes.storage import NOON
from storages.storage import Storage, add, change, in_memory, on_postgres

pytestmark = pytest.mark.timeout(max(300, settings().max_examples))

PIECES = ["Crème", "CREME", "Straße", "strass", "USB-C", "usb", "c", "2", "x'y", "a:*", "&", "\\", "İ", "ﬁ", "Ⅳ"]
PIECES += ["हिन्दी", "日本"]
pieces = st.lists(st.sampled_from(PIECES), max_size=4).map(" ".join)
anything = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
texts = st.one_of(pieces, anything)
prices = st.one_of(st.none(), st.sampled_from([0, 1, 2, 2**63 - 1]))


@dataclass(frozen=True)
class Row:
    """What decides where a product is listed."""

    name: str
    description: str
    age: int
    price: int | None
    failures: int
    state: RegistrationState

    async def store(self, storage: Storage, id: UUID) -> None:
        product = Product(id, self.name, self.description, NOON, NOON, 1, Registration(self.state, NOON))
        product.created_at = NOON.replace(microsecond=self.age)
        await add(storage.begin, product)
        price = self.price

        def observed(state: Synchronisation) -> None:
            state.consecutive_failures = self.failures
            if price is not None:
                state.best, state.best_offer = BestPrice(price, NOON), Offer(id, price, 1)
                state.offers_in_stock = 1

        await change(storage.begin, id, observed)


rows = st.builds(
    Row, texts.filter(bool), texts, st.integers(0, 2), prices, st.integers(0, 1), st.sampled_from(RegistrationState)
)
catalogues = st.lists(rows, max_size=8, unique_by=lambda row: row.name)
orders = st.builds(ProductOrder, st.sampled_from(SortKey), st.booleans())


@st.composite
def filters(draw: st.DrawFn) -> ProductFilter:
    bounds = [draw(prices), draw(prices)]
    if None not in bounds:
        bounds.sort(key=lambda bound: bound or 0)
    return ProductFilter(
        ids=draw(st.frozensets(st.integers(0, 9).map(lambda number: UUID(int=number)), max_size=4)),
        words=frozenset(word[: draw(st.integers(1, 3))] for word in words(draw(st.one_of(st.just(""), texts)))),
        in_stock=draw(st.booleans()),
        min_price=bounds[0],
        max_price=bounds[1],
        registration=draw(st.one_of(st.none(), st.sampled_from(RegistrationState))),
        attention=draw(st.booleans()),
    )


async def walk(storage: Storage, order: ProductOrder, wanted: ProductFilter, limit: int) -> list[ProductView]:
    shown: list[ProductView] = []
    after: PagePosition | None = None
    while True:
        page = await storage.reader.products(limit, order, after, wanted)
        shown += page.items
        after = page.next
        if after is None:
            return shown


@given(
    catalogue=catalogues,
    asked=st.lists(st.tuples(orders, st.one_of(st.just(ProductFilter()), filters())), min_size=1, max_size=6),
    limit=st.integers(1, 9),
)
async def test_every_list_is_the_same_on_every_storage(
    engine: AsyncEngine,
    foreign_engine: AsyncEngine,
    catalogue: list[Row],
    asked: list[tuple[ProductOrder, ProductFilter]],
    limit: int,
) -> None:
    reference, *reals = in_memory(), on_postgres(engine), on_postgres(foreign_engine)
    for each in (engine, foreign_engine):
        async with each.begin() as connection:
            for table in ("synchronisation", "insight", "product"):
                await connection.execute(text(f"DELETE FROM {table}"))
    for number, row in enumerate(catalogue):
        for storage in (reference, *reals):
            await row.store(storage, UUID(int=number))
    for order, wanted in asked:
        expected = await walk(reference, order, wanted, limit)
        for real in reals:
            assert await walk(real, order, wanted, limit) == expected


async def test_prices_are_listed_for_a_writer_that_knows_nothing_of_it(database: AsyncEngine) -> None:
    storage = on_postgres(database)
    await Row("Kettle", "", 0, 7, 0, RegistrationState.REGISTERED).store(storage, UUID(int=1))
    async with database.begin() as connection:
        listed = text("SELECT product_id, best_price FROM listed_price")
        assert (await connection.execute(listed)).all() == [(UUID(int=1), 7)]
        await connection.execute(text("UPDATE synchronisation SET best_price = 9"))
        assert (await connection.execute(listed)).all() == [(UUID(int=1), 9)]
        await connection.execute(text("UPDATE synchronisation SET best_price = NULL"))
        assert (await connection.execute(listed)).all() == [(UUID(int=1), None)]
        await connection.execute(text("DELETE FROM synchronisation"))
        assert (await connection.execute(listed)).all() == []


async def test_the_longest_folded_name_can_be_stored_and_is_behind_itself(database: AsyncEngine) -> None:
    storage, compact = on_postgres(database), [chr(0x3300 + 37 * number % 88) for number in range(255)]
    for number, name in enumerate(("\ufdfa" * 255, "".join(compact), "\U00020000" * 255)):
        await Row(name, name * 15, 0, None, 0, RegistrationState.PENDING).store(storage, UUID(int=number))
    assert len(await walk(storage, ProductOrder(SortKey.NAME), ProductFilter(), 1)) == 3


async def test_what_names_are_sorted_by_fits_into_its_index_even_if_nothing_of_it_can_be_compressed(
    database: AsyncEngine,
) -> None:
    await Row("Lamp", "", 0, None, 0, RegistrationState.PENDING).store(on_postgres(database), UUID(int=1))
    ideographs = map(chr, random.Random(1).sample(range(0x20000, 0x2A6DF), SORTED_LENGTH))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE product SET name_folded = :longest"), {"longest": "".join(ideographs)})
