"""How a worker registers products with the Offers service, batch by batch, as `refresh` observes them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from application.synchronisation.backoff import Backoff
from application.synchronisation.batch import Failed, Group, Succeeded, attempt_all, claimed, give_back
from application.synchronisation.batch_report import BatchReport, Outcome, error_text
from application.synchronisation.circuit_breaker import CircuitBreaker, Trial, ready_to_call
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    OffersGateway,
    RegistrationRefused,
    UnknownUpstream,
)
from application.synchronisation.repositories import Claim
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork
from domain.event import registration_settled
from domain.product import Product
from domain.synchronisation import Synchronisation


@dataclass(frozen=True, slots=True)
class SubmitRegistrations:
    """Register one batch of the products that wait for it with the Offers service; `now` is monotonic, in seconds."""

    begin: BeginWork
    offers: OffersGateway
    now: Callable[[], float]
    timing: Timing
    backoff: Backoff
    breaker: CircuitBreaker

    async def __call__(self, report: BatchReport | None = None) -> BatchReport:
        """Claim a batch and register it, unless upstream is in trouble or there is no access token.

        A report that the caller passes in shows what was committed even when the batch is broken off.
        """
        report = report or BatchReport()
        with self.breaker.trial() as trial:
            if await ready_to_call(trial, self.offers, report):
                await self._submit(trial, report)
        return report

    async def _submit(self, trial: Trial, report: BatchReport) -> None:
        found = await claimed(self._claim(trial), lambda found: give_back(self.begin, found[0]))
        if found is None:
            return
        claim, products, submitted_before = found

        async def register(product_id: UUID) -> Outcome:
            return await self._register(products[product_id], submitted_before=product_id in submitted_before)

        async def write(group: Group[Outcome]) -> None:
            report.add(group, await self._write(claim, group, trial))

        await attempt_all(claim, register, write, timing=self.timing, now=self.now)

    async def _claim(self, trial: Trial) -> tuple[Claim, dict[UUID, Product], set[UUID]] | None:
        """Claim a batch, and return also its products and those that an earlier attempt was noted for."""
        async with self.begin() as work:
            claim = await work.synchronisations.claim_registrations(
                self.timing.lease, trial.size, likeliest=trial.probes
            )
            await work.commit()
        if claim is None:
            return None
        # A unit of work of its own: a claim locks synchronisations, and products must be locked before those.
        async with self.begin() as work:
            products = {product.id: product for product in await work.products.list(claim.product_ids)}
            # A 409 after an earlier attempt is the echo of that attempt, so each attempt is noted before it starts.
            submitted_before = {id for id, product in products.items() if product.registration.submitted_at}
            for product in products.values():
                product.submit(claim.claimed_at)
            await work.products.save(*products.values())
            await work.commit()
        return replace(claim, product_ids=list(products)), products, submitted_before

    async def _register(self, product: Product, *, submitted_before: bool) -> Outcome:
        try:
            await self.offers.register(product.id, product.name, product.description)
        except AlreadyRegistered:
            return Outcome.REGISTERED if submitted_before else await self._settle_conflict(product.id)
        return Outcome.REGISTERED

    async def _settle_conflict(self, product_id: UUID) -> Outcome:
        try:
            await self.offers.offers_of(product_id)
        except UnknownUpstream:
            return Outcome.CONFLICT
        return Outcome.REGISTERED

    async def _write(self, claim: Claim, group: Group[Outcome], trial: Trial) -> dict[UUID, Outcome]:
        ids = [*group.succeeded, *group.failed]
        outcomes: dict[UUID, Outcome] = {}
        async with self.begin() as work:
            products = {product.id: product for product in await work.products.list(ids)}
            states = await work.synchronisations.hold(claim.lease_id, products)
            trial.count(group, states)
            for state in states:
                id = state.product_id
                if id in group.failed:
                    outcomes[id] = self._fail(products[id], state, group.failed[id])
                else:
                    outcomes[id] = _settle(products[id], state, group.succeeded[id])
            await work.products.save(*(products[id] for id in outcomes))
            await work.synchronisations.save(*states)
            settled = (id for id, outcome in outcomes.items() if outcome is not Outcome.FAILED)
            await work.events.append(*(registration_settled(products[id]) for id in settled))
            await work.synchronisations.postpone(claim.lease_id, group.unattempted)
            await work.commit()
        return outcomes

    def _fail(self, product: Product, state: Synchronisation, failed: Failed) -> Outcome:
        if isinstance(failed.error, RegistrationRefused):
            product.rejected(error_text(failed.error), failed.at)
            state.give_up(error_text(failed.error), failed.at)
            return Outcome.REJECTED
        retry_at = self.backoff.registration(failed.error, state.consecutive_failures + 1, failed.at)
        state.fail(error_text(failed.error), failed.at, retry_at)
        return Outcome.FAILED


def _settle(product: Product, state: Synchronisation, succeeded: Succeeded[Outcome]) -> Outcome:
    if succeeded.result is Outcome.CONFLICT:
        detail = "The Offers service has another product under this id."
        product.conflicting(detail, succeeded.at)
        state.give_up(detail, succeeded.at)
    else:
        product.registered(succeeded.at)
        state.start_observing(succeeded.at)
    return succeeded.result
