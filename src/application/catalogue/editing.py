"""Amending and withdrawing products. The Offers service has no update and no delete, so neither reaches it."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.access.actor import Actor
from application.access.audit import Action, AuditEntry, Fields, Subject, changed
from application.catalogue.views import Encoded, ProductView
from application.clock import Clock
from application.unit_of_work import BeginWork, UnitOfWork
from domain.event import product_amended, product_withdrawn
from domain.product import Product


@dataclass(frozen=True, slots=True)
class AmendProduct:
    """Change a product's name, its description or both."""

    begin: BeginWork
    clock: Clock

    async def __call__(
        self,
        product_id: UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        expected: Container[int] | None = None,
        actor: Actor,
    ) -> Encoded[ProductView]:
        """Change the given texts and return the product; None as `expected` allows every revision.

        Raises:
            ProductNotFound
            PreconditionFailed: the product's revision is not among the expected ones.
            InvalidText: the name or the description cannot be stored.
            ProductAlreadyExists: another product has the name.
        """
        async with self.begin() as work:
            product = await work.products.get(product_id)
            product.require_revision(expected)
            before = _texts(product)
            product.amend(name=name, description=description, at=self.clock())
            await work.products.save(product)
            changes = changed(before, _texts(product))
            if changes != (None, None):
                await work.audit.append(
                    AuditEntry(actor, Action.PRODUCT_AMENDED, Subject.product(product.id), *changes)
                )
                await work.events.append(product_amended(product))
            shown = await work.products.show(product)
            await work.commit()
        return shown


class StopWatching(Protocol):
    """Resolves the alerts that fire for a product, in the unit of work that has removed it."""

    async def __call__(self, work: UnitOfWork, product_id: UUID, at: datetime) -> None:
        """End the states of all alerts for the product."""


@dataclass(frozen=True, slots=True)
class WithdrawProduct:
    """Take a product out of the catalogue; its rows are purged later."""

    begin: BeginWork
    stop_watching: StopWatching

    async def __call__(self, product_id: UUID, *, expected: Container[int] | None = None, actor: Actor) -> None:
        """Withdraw the product; None as `expected` allows every revision.

        Raises:
            ProductNotFound
            PreconditionFailed: the product's revision is not among the expected ones.
        """
        async with self.begin() as work:
            product = await work.products.get(product_id)
            product.require_revision(expected)
            await work.products.remove(product)
            before = _texts(product)
            await work.audit.append(AuditEntry(actor, Action.PRODUCT_WITHDRAWN, Subject.product(product.id), before))
            now = await work.now()
            await work.events.append(product_withdrawn(product, now))
            await self.stop_watching(work, product_id, now)
            await work.commit()


def _texts(product: Product) -> Fields:
    return {"name": product.name, "description": product.description}
