"""New products that come at the same time: one transaction for all, and to each the answer that he would get alone."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from application.catalogue.new_products import NewProducts
from application.unit_of_work import StorageContended, StorageUnavailable, UnitOfWork
from domain.errors import ProductAlreadyExists
from domain.product import Product
from fakes.storage import FakeClock, InMemoryProductRepository, InMemoryStorage, InMemoryUnitOfWork
from storages.storage import new_product


class CountingStorage(InMemoryStorage):
    """Knows how many units of work were begun."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.begun = 0

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]:
        self.begun += 1
        return super().begin()


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


async def add_at_once(storage: CountingStorage, *products: Product) -> list[object]:
    new_products = NewProducts(storage.begin)
    return await asyncio.gather(*(new_products.add(product) for product in products), return_exceptions=True)


async def test_those_that_come_together_are_stored_in_one_transaction(storage: CountingStorage) -> None:
    products = [new_product() for _ in range(8)]
    assert await add_at_once(storage, *products) == [None] * 8
    assert list(storage.rows.products.values()) == products
    assert storage.begun == 1


@pytest.mark.parametrize("taken", ["name", "id"])
async def test_who_is_refused_learns_what_is_taken_and_the_others_are_stored(
    storage: CountingStorage, taken: str
) -> None:
    first, other = new_product(), new_product()
    second = new_product(name=first.name) if taken == "name" else new_product(id=first.id, name="another")
    nothing, refusal, nothing_either = await add_at_once(storage, first, second, other)
    assert (nothing, nothing_either) == (None, None)
    assert isinstance(refusal, ProductAlreadyExists)
    assert refusal.field == taken
    assert list(storage.rows.products.values()) == [first, other]


@pytest.mark.parametrize("trouble", [StorageContended("a name"), ProductAlreadyExists("id"), RuntimeError("a defect")])
async def test_trouble_with_all_of_them_is_not_that_of_each(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    async def fail(_self: InMemoryProductRepository, _products: Sequence[Product]) -> Sequence[bool]:
        raise trouble

    monkeypatch.setattr(InMemoryProductRepository, "add_free", fail)
    first, same_name, other = new_product(name="first"), new_product(name="first"), new_product()
    answers = await add_at_once(storage, first, same_name, other)
    assert [type(answer) for answer in answers] == [type(None), ProductAlreadyExists, type(None)]
    assert list(storage.rows.products.values()) == [first, other]


async def test_a_storage_that_does_not_answer_is_asked_once_for_all(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: InMemoryProductRepository, _products: Sequence[Product]) -> Sequence[bool]:
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(InMemoryProductRepository, "add_free", fail)
    answers = await add_at_once(storage, *(new_product() for _ in range(3)))
    assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
    assert storage.begun == 1


async def test_nobody_is_told_that_he_is_stored_when_the_commit_fails(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: InMemoryUnitOfWork) -> None:
        raise StorageUnavailable("hung up")

    monkeypatch.setattr(InMemoryUnitOfWork, "commit", fail)
    answers = await add_at_once(storage, *(new_product() for _ in range(3)))
    assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
    assert storage.begun == 1, "what may be stored is not tried again"


async def test_a_storage_that_is_away_is_told_to_all(storage: CountingStorage) -> None:
    storage.away = True
    answers = await add_at_once(storage, *(new_product() for _ in range(3)))
    assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
