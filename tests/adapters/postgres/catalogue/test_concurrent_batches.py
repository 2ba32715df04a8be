"""Batches of products beside other writers of the same names and ids: each name is given once, and no writer fails."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from application.access.actor import OPERATOR
from application.catalogue.idempotency_keys import IdempotentRequest
from application.catalogue.registration import NewProduct, Registered, RegisterProducts
from application.catalogue.views import ProductView, TakenProduct
from domain.errors import ProductsAlreadyExist
from factories import some_id
from fakes.job_queue import CountingRegistrationSignal
from storages.databases import system_clock
from storages.storage import Storage, add, new_product, on_postgres, waits_or_ends, withdraw


def registering(storage: Storage) -> Callable[..., Coroutine[Any, Any, Registered]]:
    return partial(RegisterProducts(storage.begin, system_clock, CountingRegistrationSignal()), actor=OPERATOR)


async def names(storage: Storage) -> list[str]:
    return sorted(product.name for product in (await storage.reader.products(100)).items)


async def test_of_batches_at_once_in_other_orders_each_name_is_given_once(database: AsyncEngine) -> None:
    storage, dice = on_postgres(database), random.Random(7)
    wanted = [f"Pan {number}" for number in range(60)]
    ids = [some_id() for _ in wanted]
    batches = []
    for _ in range(4):
        # Names and ids meet anew in each batch: no order of names is one of ids.
        dice.shuffle(wanted)
        dice.shuffle(ids)
        batches.append([NewProduct(name, "", id) for name, id in zip(wanted[:40], ids, strict=False)])
    register = registering(storage)
    done = await asyncio.gather(*(register(batch, partial=True) for batch in batches))
    added = [product for each in done for product in each.outcomes if isinstance(product, ProductView)]
    refused = [product for each in done for product in each.outcomes if isinstance(product, TakenProduct)]
    assert len(added) + len(refused) == 4 * 40
    assert all(each.fields for each in refused)
    assert sorted(product.name for product in added) == await names(storage)
    assert len({product.id for product in added}) == len(added)


async def test_a_batch_lets_a_writer_go_first_that_waits_for_it(database: AsyncEngine) -> None:
    storage = on_postgres(database)
    async with storage.begin() as other:
        await other.products.add(new_product(name="Zip"))
        batch = asyncio.create_task(
            registering(storage)([NewProduct(name, "") for name in ("Zip", "Ant", "Bee")], partial=True)
        )
        await waits_or_ends(storage, batch)
        # The batch has Ant, and waits for Zip.
        await other.products.add(new_product(name="Ant"))
        await other.commit()
    ant = ("name",)
    assert [getattr(each, "fields", None) for each in (await batch).outcomes] == [("name",), ant, None]
    assert await names(storage) == ["Ant", "Bee", "Zip"]


@pytest.mark.parametrize("partial", [True, False])
async def test_a_name_that_is_taken_while_a_batch_waits_for_it_is_refused(
    database: AsyncEngine, *, partial: bool
) -> None:
    storage = on_postgres(database)
    async with storage.begin() as other:
        await other.products.add(new_product(name="Pan"))
        wanted = [NewProduct("Kettle", ""), NewProduct("Pan", "")]
        batch = asyncio.create_task(registering(storage)(wanted, partial=partial))
        await waits_or_ends(storage, batch)
        await other.commit()
    if partial:
        assert isinstance((await batch).outcomes[1], TakenProduct)
        assert await names(storage) == ["Kettle", "Pan"]
    else:
        with pytest.raises(ProductsAlreadyExist) as refusal:
            await batch
        assert refusal.value.taken == {1: ("name",)}
        assert await names(storage) == ["Pan"]


async def test_a_withdrawal_under_way_frees_the_name_and_not_the_id(database: AsyncEngine) -> None:
    storage, gone = on_postgres(database), new_product(name="Pan")
    await add(storage.begin, gone)
    async with storage.begin() as work:
        await work.products.remove(await work.products.get(gone.id))
        wanted = [NewProduct("Pan", ""), NewProduct("Kettle", "", gone.id)]
        batch = asyncio.create_task(registering(storage)(wanted, partial=True))
        await waits_or_ends(storage, batch)
        await work.commit()
    assert [getattr(each, "fields", None) for each in (await batch).outcomes] == [None, ("id",)]
    assert await names(storage) == ["Pan"]


async def statements(database: AsyncEngine, batch: list[NewProduct], key: bytes) -> list[str]:
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(database.sync_engine, "before_cursor_execute", note)
    try:
        idempotency = IdempotentRequest(key, b"", lambda _: b"{}")
        await registering(on_postgres(database))(batch, partial=True, idempotency=idempotency)
    finally:
        event.remove(database.sync_engine, "before_cursor_execute", note)
    return sent


async def test_the_number_of_statements_is_the_same_for_two_and_for_a_thousand(database: AsyncEngine) -> None:
    await add(on_postgres(database).begin, *(new_product(name=f"Pan {number}") for number in range(500)))
    few = await statements(database, [NewProduct("Pan 1", ""), NewProduct("Kettle", "")], bytes(32))
    thousand = [NewProduct(f"Pan {number}", "") for number in range(1_000)]
    many = await statements(database, thousand, bytes(range(32)))
    assert len(many) == len(few) <= 10
    assert sum("audit_record" in each for each in many) == 1
    async with database.connect() as connection:
        recorded = await connection.execute(text("SELECT count(DISTINCT subject_id), count(*) FROM audit_record"))
    assert tuple(recorded.one()) == (501, 501)


async def test_an_id_of_a_withdrawn_product_is_taken_in_a_batch_too(database: AsyncEngine) -> None:
    storage, gone = on_postgres(database), new_product(name="Pan")
    await add(storage.begin, gone)
    await withdraw(storage.begin, gone.id)
    with pytest.raises(ProductsAlreadyExist) as refusal:
        await registering(storage)([NewProduct("Pan", ""), NewProduct("Pot", "", UUID(int=gone.id.int))])
    assert refusal.value.taken == {1: ("id",)}
