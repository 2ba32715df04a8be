"""How products come into the catalogue. Their registration with the Offers service follows in the background."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from application.catalogue.idempotency_keys import KEPT_FOR, IdempotentRequest, KeptProduct
from application.catalogue.views import ProductView, view_of_new
from application.clock import Clock
from application.unit_of_work import BeginWork
from domain.errors import IdempotencyMismatch
from domain.product import Product, RegistrationState


class RegistrationSignal(Protocol):
    """Tells the workers that a registration is due. It only saves time: the schedule finds the registration anyway."""

    def __call__(self) -> None:
        """Return at once and never raise; several calls may become one signal."""


@dataclass(frozen=True, slots=True)
class RegisteredProduct:
    """A product as its creation left it; `replayed` if an earlier request with the same key created it."""

    product: ProductView
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class RegisterProduct:
    """Add a product to the catalogue."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal
    new_id: Callable[[], UUID] = uuid4

    async def __call__(
        self,
        *,
        name: str,
        description: str,
        product_id: UUID | None = None,
        idempotency: IdempotentRequest | None = None,
    ) -> RegisteredProduct:
        """Store the product with a pending registration and return it.

        A repeated idempotent request stores nothing and returns the product of the first one. A request that fails
        keeps nothing under its key, so it may be sent again.

        Raises:
            InvalidText: the name or the description cannot be stored.
            ProductAlreadyExists: another product has the name or the id.
            IdempotencyInProgress: an earlier request with the key is not finished.
            IdempotencyMismatch: an earlier request with the key had another content.
        """
        product = Product.create(id=product_id or self.new_id(), name=name, description=description, at=self.clock())
        async with self.begin() as work:
            if idempotency is not None:
                kept = await work.idempotency_keys.take(idempotency.key, KEPT_FOR)
                if kept is not None:
                    if kept.content != idempotency.content:
                        raise IdempotencyMismatch
                    return RegisteredProduct(kept.product, replayed=True)
            await work.products.add(product)
            view = view_of_new(product)
            if idempotency is not None:
                await work.idempotency_keys.keep(idempotency.key, KeptProduct(idempotency.content, view))
            await work.commit()
        self.signal()
        return RegisteredProduct(view)


@dataclass(frozen=True, slots=True)
class RetryRegistration:
    """Make a pending, rejected or conflicting registration due now; a registered product stays as it is."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal

    async def __call__(self, product_id: UUID) -> None:
        """Make the registration due.

        Raises:
            ProductNotFound
        """
        async with self.begin() as work:
            at = self.clock()
            product = await work.products.get(product_id)
            product.retry_registration(at)
            if product.registration.state is RegistrationState.PENDING:
                synchronisation = await work.synchronisations.get(product_id)
                synchronisation.await_registration(await work.now())
                await work.products.save(product)
                await work.synchronisations.save(synchronisation)
            await work.commit()
        self.signal()
