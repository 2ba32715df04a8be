"""The number of products by state, counted or, beyond a million, estimated."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.census import SqlAlchemyCensus
from adapters.postgres.connection import connect
from domain.product import RegistrationState
from factories import some_time
from storages.storage import add, new_product, on_postgres, withdraw


async def test_products_are_counted_by_state_without_withdrawn_ones(database: AsyncEngine) -> None:
    storage, census = on_postgres(database), SqlAlchemyCensus(database)
    assert await census() == {RegistrationState.REGISTERED: 0}
    products = [new_product() for _ in range(6)]
    for product in products[:3]:
        product.registered(some_time())
    products[3].rejected("no", some_time())
    await add(storage.begin, *products)
    await withdraw(storage.begin, products[0].id)
    await withdraw(storage.begin, products[5].id)
    expected = {RegistrationState.REGISTERED: 2, RegistrationState.REJECTED: 1, RegistrationState.PENDING: 1}
    assert await census() == expected


async def test_a_large_catalogue_is_estimated(database: AsyncEngine) -> None:
    await add(on_postgres(database).begin, new_product())
    async with connect(database) as connection:
        await connection.execute(text("UPDATE pg_class SET reltuples = 2e6 WHERE oid = 'product'::regclass"))
        await connection.commit()
        try:
            found = await SqlAlchemyCensus(database)()
        finally:
            await connection.execute(text("ANALYZE product"))
            await connection.commit()
    assert found == {RegistrationState.REGISTERED: 1_999_999, RegistrationState.PENDING: 1}
