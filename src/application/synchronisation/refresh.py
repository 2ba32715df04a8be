"""What the worker does, batch by batch: register products upstream, observe their offers.

A batch is claimed under a lease and committed, then called for without any transaction, then written in groups as
answers come in; whatever the lease no longer covers is dropped. There are no retries inside a batch: the product's
`not_before` and its next slot are the only ones, so that the rate of calls is bounded by design.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from application.synchronisation.backoff import RetryRule
from application.synchronisation.batch import Answered, Failed, Group, attempt_all
from application.synchronisation.batch_report import Outcome, Report, error_text
from application.synchronisation.circuit_breaker import CircuitBreaker, Trial
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    OffersGateway,
    OffersServiceError,
    RegistrationRefused,
    UnknownUpstream,
)
from application.synchronisation.timing import Pace
from application.unit_of_work import BeginWork, Claim, Clock
from domain.offer import ObservedOffers
from domain.product import Product
from domain.synchronisation import Observation, Synchronisation


@dataclass(frozen=True, slots=True)
class RefreshDueProducts:
    """Observe one batch of the products whose observation is due."""

    begin: BeginWork
    offers: OffersGateway
    clock: Clock
    pace: Pace
    retry: RetryRule
    breaker: CircuitBreaker

    async def __call__(self, report: Report | None = None) -> Report:
        """Claim a batch and observe it; held back while upstream is in trouble or there is no access token.

        What was committed stands in a report that is given in also when the batch is broken off.
        """
        report = report or Report()
        with self.breaker.trial() as trial:
            if await _ready(trial, self.offers, report):
                await self._observe(trial, report)
        return report

    async def _observe(self, trial: Trial, report: Report) -> None:
        async with self.begin() as work:
            claim = await work.synchronisations.claim_observations(
                self.pace.refresh_interval, self.pace.lease, trial.size, likeliest=trial.probes
            )
            await work.commit()
        if claim is None:
            return

        async def write(group: Group[ObservedOffers]) -> None:
            report.add(group, await self._write(claim, group, trial))
            report.refused_rows += sum(each.answer.refused for each in group.answered.values())

        await attempt_all(claim, self.offers.offers_of, write, pace=self.pace, clock=self.clock)

    async def _write(self, claim: Claim, group: Group[ObservedOffers], trial: Trial) -> dict[UUID, Outcome]:
        forgotten = [id for id, failed in group.failed.items() if isinstance(failed.error, UnknownUpstream)]
        outcomes: dict[UUID, Outcome] = {}
        observations: list[Observation] = []
        async with self.begin() as work:
            # Products are locked before synchronisations, here as everywhere: with one order nothing deadlocks.
            products = {product.id: product for product in await work.products.list(forgotten)}
            states = await work.synchronisations.hold(claim.lease_id, [*group.answered, *group.failed])
            trouble = trial.count(group, states)
            offers = await work.offers.of([state.product_id for state in states])
            for state in states:
                id = state.product_id
                if id in products:
                    outcomes[id] = self._forget(products[id], state, group.failed[id])
                elif id in group.failed:
                    outcomes[id] = self._fail(state, group.failed[id], upstream_in_trouble=trouble)
                else:
                    answered = group.answered[id]
                    observation = state.observe(
                        offers.get(id, ()), answered.answer, answered.at, self.pace.refresh_interval
                    )
                    observations += [observation] if observation else []
                    outcomes[id] = Outcome.OBSERVED if observation else Outcome.SUPERSEDED
            await work.products.save(*products.values())
            await work.offers.record(observations)
            await work.synchronisations.save(*states)
            await work.synchronisations.postpone(claim.lease_id, group.unattempted)
            await work.commit()
        return outcomes

    def _forget(self, product: Product, state: Synchronisation, failed: Failed) -> Outcome:
        product.forgotten(failed.at)
        retry_at = self.retry.registration(failed.error, state.consecutive_failures + 1, failed.at)
        state.fail(error_text(failed.error), failed.at, retry_at)
        state.await_registration(retry_at)
        return Outcome.FORGOTTEN

    def _fail(self, state: Synchronisation, failed: Failed, *, upstream_in_trouble: bool) -> Outcome:
        failures = state.consecutive_failures + 1
        retry_at = self.retry.observation(failed.error, failures, failed.at, upstream_in_trouble=upstream_in_trouble)
        state.fail(error_text(failed.error), failed.at, retry_at)
        state.move_slot(self.pace.refresh_interval)
        return Outcome.FAILED


@dataclass(frozen=True, slots=True)
class SubmitRegistrations:
    """Register one batch of the products that wait for it with the Offers service."""

    begin: BeginWork
    offers: OffersGateway
    clock: Clock
    pace: Pace
    retry: RetryRule
    breaker: CircuitBreaker

    async def __call__(self, report: Report | None = None) -> Report:
        """Claim a batch and register it; held back while upstream is in trouble or there is no access token.

        What was committed stands in a report that is given in also when the batch is broken off.
        """
        report = report or Report()
        with self.breaker.trial() as trial:
            if await _ready(trial, self.offers, report):
                await self._submit(trial, report)
        return report

    async def _submit(self, trial: Trial, report: Report) -> None:
        async with self.begin() as work:
            claim = await work.synchronisations.claim_registrations(self.pace.lease, trial.size, likeliest=trial.probes)
            await work.commit()
        if claim is None:
            return
        # Another unit of work, because a claim locks synchronisations and products are locked before those.
        async with self.begin() as work:
            products = {product.id: product for product in await work.products.list(claim.product_ids)}
            # If an earlier attempt may have reached upstream, a 409 now is its echo: so note this one before it starts.
            submitted_before = {id for id, product in products.items() if product.registration.submitted_at}
            for product in products.values():
                product.submit(claim.claimed_at)
            await work.products.save(*products.values())
            await work.commit()
        claim = replace(claim, product_ids=list(products))

        async def register(product_id: UUID) -> Outcome:
            return await self._register(products[product_id], submitted_before=product_id in submitted_before)

        async def write(group: Group[Outcome]) -> None:
            report.add(group, await self._write(claim, group, trial))

        await attempt_all(claim, register, write, pace=self.pace, clock=self.clock)

    async def _register(self, product: Product, *, submitted_before: bool) -> Outcome:
        try:
            await self.offers.register(product.id, product.name, product.description)
        except AlreadyRegistered:
            return Outcome.REGISTERED if submitted_before else await self._whose(product.id)
        return Outcome.REGISTERED

    async def _whose(self, product_id: UUID) -> Outcome:
        try:
            await self.offers.offers_of(product_id)
        except UnknownUpstream:
            return Outcome.CONFLICT
        return Outcome.REGISTERED

    async def _write(self, claim: Claim, group: Group[Outcome], trial: Trial) -> dict[UUID, Outcome]:
        ids = [*group.answered, *group.failed]
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
                    outcomes[id] = _settle(products[id], state, group.answered[id])
            await work.products.save(*(products[id] for id in outcomes))
            await work.synchronisations.save(*states)
            await work.synchronisations.postpone(claim.lease_id, group.unattempted)
            await work.commit()
        return outcomes

    def _fail(self, product: Product, state: Synchronisation, failed: Failed) -> Outcome:
        if isinstance(failed.error, RegistrationRefused):
            product.rejected(error_text(failed.error), failed.at)
            state.give_up(error_text(failed.error), failed.at)
            return Outcome.REJECTED
        retry_at = self.retry.registration(failed.error, state.consecutive_failures + 1, failed.at)
        state.fail(error_text(failed.error), failed.at, retry_at)
        return Outcome.FAILED


def _settle(product: Product, state: Synchronisation, answered: Answered[Outcome]) -> Outcome:
    if answered.answer is Outcome.CONFLICT:
        detail = "The Offers service has another product under this id."
        product.conflicting(detail, answered.at)
        state.give_up(detail, answered.at)
    else:
        product.registered(answered.at)
        state.start_observing(answered.at)
    return answered.answer


async def _ready(trial: Trial, offers: OffersGateway, report: Report) -> bool:
    if not trial.size:
        report.held_back = "the Offers service is in trouble"
        return False
    try:
        await offers.authorise()
    except OffersServiceError as error:
        report.held_back = error_text(error)
    return report.held_back is None
