"""What admins do to the catalogue. Each use-case answers only after its commit."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from application.catalogue.idempotency_keys import ANSWERS_KEPT, KeptAnswer
from application.catalogue.new_products import NewProducts
from application.unit_of_work import BeginWork, Clock
from domain.errors import IdempotencyMismatch
from domain.product import Product, RegistrationState


class RegistrationSignal(Protocol):
    """Tells the workers that a registration is due, for speed only: the schedule finds it anyway."""

    def __call__(self) -> None:
        """Return at once, never raise; many calls may become one signal."""


@dataclass(frozen=True, slots=True)
class RegisterProduct:
    """Add a product to the catalogue; its registration upstream follows in the background."""

    new_products: NewProducts
    clock: Clock
    signal: RegistrationSignal
    new_id: Callable[[], UUID] = uuid4

    async def __call__(self, *, name: str, description: str, product_id: UUID | None = None) -> Product:
        """Store the product as pending and return it.

        Raises:
            InvalidText: the name or the description cannot be stored.
            ProductAlreadyExists: the name or the id is taken.
        """
        product = Product.create(id=product_id or self.new_id(), name=name, description=description, at=self.clock())
        await self.new_products.add(product)
        self.signal()
        return product


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and whether it was before."""

    answer: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class RegisterProductOnce:
    """Add a product to the catalogue, however often the same request comes; failures may be tried again."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal
    new_id: Callable[[], UUID] = uuid4

    async def __call__(
        self,
        key: bytes,
        request: bytes,
        write: Callable[[Product], bytes],
        *,
        name: str,
        description: str,
        product_id: UUID | None = None,
    ) -> Answer:
        """Store the product as pending and what `write` answers, or return what was answered to the same request.

        `key` and `request` are digests of what marks the request and of what it asks for.

        Raises:
            IdempotencyInProgress: the first request with the key is under way.
            IdempotencyMismatch: the key came with another request.
            InvalidText, ProductAlreadyExists: as `RegisterProduct`.
        """
        product = Product.create(id=product_id or self.new_id(), name=name, description=description, at=self.clock())
        async with self.begin() as work:
            kept = await work.answers.take(key, ANSWERS_KEPT)
            if kept is not None:
                if kept.request != request:
                    raise IdempotencyMismatch
                return Answer(kept.answer, replayed=True)
            await work.products.add(product)
            answer = write(product)
            await work.answers.keep(key, KeptAnswer(request, answer))
            await work.commit()
        self.signal()
        return Answer(answer, replayed=False)


@dataclass(frozen=True, slots=True)
class AmendProduct:
    """Edit a product's text. Upstream knows no update, so it never hears of it."""

    begin: BeginWork
    clock: Clock

    async def __call__(
        self,
        product_id: UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        expected: Collection[int] | None = None,
    ) -> None:
        """Change what is given, if the product has one of the expected revisions; None stands for any.

        Raises:
            ProductNotFound
            PreconditionFailed: it has another revision.
            InvalidText: the name or the description cannot be stored.
            ProductAlreadyExists: the name is taken.
        """
        async with self.begin() as work:
            product = await work.products.get(product_id)
            product.require_revision(expected)
            product.amend(name=name, description=description, at=self.clock())
            await work.products.save(product)
            await work.commit()


@dataclass(frozen=True, slots=True)
class WithdrawProduct:
    """Take a product out of the catalogue; its rows are purged later."""

    begin: BeginWork

    async def __call__(self, product_id: UUID, *, expected: Collection[int] | None = None) -> None:
        """Withdraw the product, if it has one of the expected revisions; None stands for any.

        Raises:
            ProductNotFound
            PreconditionFailed: it has another revision.
        """
        async with self.begin() as work:
            product = await work.products.get(product_id)
            product.require_revision(expected)
            await work.products.remove(product)
            await work.commit()


@dataclass(frozen=True, slots=True)
class RetryRegistration:
    """Try a registration that is waiting or ended badly again now; a registered product stays as it is."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal

    async def __call__(self, product_id: UUID) -> None:
        """Make the registration due at once.

        Raises:
            ProductNotFound
        """
        async with self.begin() as work:
            at = self.clock()
            product = await work.products.get(product_id)
            product.retry_registration(at)
            if product.registration.state is RegistrationState.PENDING:
                synchronisation = await work.synchronisations.get(product_id)
                synchronisation.await_registration(at)
                await work.products.save(product)
                await work.synchronisations.save(synchronisation)
            await work.commit()
        self.signal()
