"""Adding products to the catalogue. Their registration with the Offers service follows in the background."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from application.access.actor import Actor
from application.access.audit import Action, AuditEntry, Subject, changed
from application.catalogue.idempotency_keys import KEPT_FOR, IdempotentRequest, KeptAnswer
from application.catalogue.views import CreationOutcome, ProductView, TakenProduct, view_of_new
from application.clock import Clock
from application.unit_of_work import BeginWork
from domain.errors import IdempotencyMismatch, ProductAlreadyExists, ProductsAlreadyExist
from domain.event import product_created
from domain.product import Product, RegistrationState


class RegistrationSignal(Protocol):
    """Signals to workers that a registration is due. It only saves time: the schedule finds the registration anyway."""

    def __call__(self) -> None:
        """Return at once and never raise; several calls may become one signal."""


@dataclass(frozen=True, slots=True)
class NewProduct:
    """The texts of a new product, and its id if the caller has one for it."""

    name: str
    description: str
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcomes for new products in their order.

    `answer` is the JSON kept under the request's key, None without a key. If an earlier request with the key created
    the products, its answer is `replayed`, and there are no outcomes.
    """

    outcomes: Sequence[CreationOutcome]
    answer: bytes | None = None
    replayed: bool = False

    @property
    def product(self) -> ProductView:
        """The one product that was added."""
        (product,) = (each for each in self.outcomes if isinstance(each, ProductView))
        return product


@dataclass(frozen=True, slots=True)
class RegisterProducts:
    """Add products to the catalogue, in one unit of work."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal
    new_id: Callable[[], UUID] = uuid4

    async def __call__(
        self,
        wanted: Sequence[NewProduct],
        *,
        partial: bool = False,
        idempotency: IdempotentRequest | None = None,
        actor: Actor,
    ) -> Registered:
        """Store the products with pending registrations: all or none, or with `partial` those that can be added.

        A product with the id or the name of an earlier one in the sequence cannot be added, even if that one is not
        added either. A repeated idempotent request stores nothing and has the answer of the first one. A request that
        fails keeps nothing under its key, so it may be sent again.

        Raises:
            InvalidText: a name or a description cannot be stored.
            ProductsAlreadyExist: unless `partial`, others have the id or the name of some of the products.
            IdempotencyInProgress: an earlier request with the key is not finished.
            IdempotencyMismatch: an earlier request with the key had another content.
        """
        at = self.clock()
        products = [
            Product.create(id=each.id or self.new_id(), name=each.name, description=each.description, at=at)
            for each in wanted
        ]
        repeated = _repeated(products)
        async with self.begin() as work:
            if idempotency is not None:
                kept = await work.idempotency_keys.take(idempotency.key, KEPT_FOR)
                if kept is not None:
                    if kept.content != idempotency.content:
                        raise IdempotencyMismatch
                    return Registered((), kept.answer, replayed=True)
            firsts = [product for position, product in enumerate(products) if position not in repeated]
            taken = await work.products.add(*firsts)
            refused = repeated | {
                position: taken[product.id]
                for position, product in enumerate(products)
                if product.id in taken and position not in repeated
            }
            if refused and not partial:
                raise ProductsAlreadyExist(refused)
            added = [product for product in firsts if product.id not in taken]
            await work.audit.append(*(_creation(product, actor) for product in added))
            await work.events.append(*(product_created(product) for product in added))
            outcomes = [
                TakenProduct(refused[position]) if position in refused else view_of_new(product)
                for position, product in enumerate(products)
            ]
            answer = None
            if idempotency is not None:
                answer = idempotency.encode(outcomes)
                await work.idempotency_keys.keep(idempotency.key, KeptAnswer(idempotency.content, answer))
            await work.commit()
        if added:
            self.signal()
        return Registered(outcomes, answer)


@dataclass(frozen=True, slots=True)
class RegisterProduct:
    """Add one product to the catalogue."""

    register: RegisterProducts

    async def __call__(
        self,
        *,
        name: str,
        description: str,
        product_id: UUID | None = None,
        idempotency: IdempotentRequest | None = None,
        actor: Actor,
    ) -> Registered:
        """Store the product with a pending registration, as `RegisterProducts` does.

        Raises:
            InvalidText, IdempotencyInProgress, IdempotencyMismatch
            ProductAlreadyExists: another product has the name or the id.
        """
        try:
            return await self.register(
                [NewProduct(name, description, product_id)], idempotency=idempotency, actor=actor
            )
        except ProductsAlreadyExist as error:
            ((field, *_),) = error.taken.values()
            raise ProductAlreadyExists(field) from error


@dataclass(frozen=True, slots=True)
class RetryRegistration:
    """Make a pending, rejected or conflicting registration due now; a registered product stays as it is."""

    begin: BeginWork
    clock: Clock
    signal: RegistrationSignal

    async def __call__(self, product_id: UUID, *, actor: Actor) -> None:
        """Make the registration due.

        Raises:
            ProductNotFound
        """
        async with self.begin() as work:
            at = self.clock()
            product = await work.products.get(product_id)
            before = product.registration.state
            product.retry_registration(at)
            if product.registration.state is RegistrationState.PENDING:
                synchronisation = await work.synchronisations.get(product_id)
                synchronisation.await_registration(await work.now())
                await work.products.save(product)
                await work.synchronisations.save(synchronisation)
                changes = changed({"registration": before}, {"registration": product.registration.state})
                await work.audit.append(
                    AuditEntry(actor, Action.REGISTRATION_RETRIED, Subject.product(product.id), *changes)
                )
            await work.commit()
        self.signal()


def _creation(product: Product, actor: Actor) -> AuditEntry:
    after = {"name": product.name, "description": product.description}
    return AuditEntry(actor, Action.PRODUCT_CREATED, Subject.product(product.id), after=after)


def _repeated(products: Sequence[Product]) -> dict[int, tuple[str, ...]]:
    """Return the positions of products whose id or name an earlier one has, and which of the two it is."""
    ids: set[UUID] = set()
    names: set[str] = set()
    repeated: dict[int, tuple[str, ...]] = {}
    for position, product in enumerate(products):
        fields = (*(["id"] if product.id in ids else []), *(["name"] if product.name in names else []))
        if fields:
            repeated[position] = fields
        ids.add(product.id)
        names.add(product.name)
    return repeated
