"""How a worker observes products, batch by batch.

A batch is claimed under a lease and committed. The calls are made outside any transaction, and the outcomes are written
in groups as they arrive; outcomes that the lease no longer covers are dropped. A batch does not retry: the product's
`not_before` and its next slot are the only retries, so the rate of calls is bounded by design.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from application.alerts.evaluation import evaluate_alerts, in_order
from application.synchronisation.backoff import Backoff
from application.synchronisation.batch import Failed, Group, attempt_all, claimed, give_back
from application.synchronisation.batch_report import BatchReport, Outcome, error_text
from application.synchronisation.circuit_breaker import CircuitBreaker, Trial, ready_to_call
from application.synchronisation.offers_gateway import OffersGateway, UnknownUpstream
from application.synchronisation.repositories import Claim
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork
from domain.offer import ObservedOffers
from domain.product import Product
from domain.synchronisation import Observation, Synchronisation


@dataclass(frozen=True, slots=True)
class RefreshDueProducts:
    """Observe one batch of the products whose observation is due; `now` is a monotonic clock in seconds."""

    begin: BeginWork
    offers: OffersGateway
    now: Callable[[], float]
    timing: Timing
    backoff: Backoff
    breaker: CircuitBreaker

    async def __call__(self, report: BatchReport | None = None) -> BatchReport:
        """Claim a batch and observe it, unless upstream is in trouble or there is no access token.

        A report that the caller passes in shows what was committed even when the batch is broken off.
        """
        report = report or BatchReport()
        with self.breaker.trial() as trial:
            if await ready_to_call(trial, self.offers, report):
                await self._observe(trial, report)
        return report

    async def _observe(self, trial: Trial, report: BatchReport) -> None:
        claim = await claimed(self._claim(trial), partial(give_back, self.begin))
        if claim is None:
            return

        async def write(group: Group[ObservedOffers]) -> None:
            outcomes, observations = await self._write(claim, group, trial)
            report.add(group, outcomes)
            report.refused_rows += sum(each.result.refused for each in group.succeeded.values())
            report.lost_offers += sum(each.lost for each in observations)

        await attempt_all(claim, self.offers.offers_of, write, timing=self.timing, now=self.now)

    async def _claim(self, trial: Trial) -> Claim | None:
        async with self.begin() as work:
            claim = await work.synchronisations.claim_observations(
                self.timing.refresh_interval, self.timing.lease, trial.size, likeliest=trial.probes
            )
            await work.commit()
        return claim

    async def _write(
        self, claim: Claim, group: Group[ObservedOffers], trial: Trial
    ) -> tuple[dict[UUID, Outcome], list[Observation]]:
        forgotten = [id for id, failed in group.failed.items() if isinstance(failed.error, UnknownUpstream)]
        outcomes: dict[UUID, Outcome] = {}
        observations: list[Observation] = []
        async with self.begin() as work:
            # Every transaction locks products before synchronisations: with one order nothing deadlocks.
            products = {product.id: product for product in await work.products.list(forgotten)}
            states = await work.synchronisations.hold(claim.lease_id, [*group.succeeded, *group.failed])
            trouble = trial.count(group, states)
            offers = await work.offers.of([state.product_id for state in states])
            for state in states:
                id = state.product_id
                if id in products:
                    outcomes[id] = self._forget(products[id], state, group.failed[id])
                elif id in group.failed:
                    outcomes[id] = self._fail(state, group.failed[id], upstream_in_trouble=trouble)
                else:
                    succeeded = group.succeeded[id]
                    before = offers.get(id, ())
                    observations.append(
                        state.observe(before, succeeded.result, succeeded.at, self.timing.refresh_interval)
                    )
                    outcomes[id] = Outcome.OBSERVED
            await work.products.save(*products.values())
            await work.offers.record(observations)
            await work.events.append(*in_order(observations, await evaluate_alerts(work, observations)))
            await work.synchronisations.save(*states)
            await work.synchronisations.postpone(claim.lease_id, group.unattempted)
            await work.commit()
        return outcomes, observations

    def _forget(self, product: Product, state: Synchronisation, failed: Failed) -> Outcome:
        product.forgotten(failed.at)
        retry_at = self.backoff.registration(failed.error, state.consecutive_failures + 1, failed.at)
        state.fail(error_text(failed.error), failed.at, retry_at)
        state.await_registration(retry_at)
        return Outcome.FORGOTTEN

    def _fail(self, state: Synchronisation, failed: Failed, *, upstream_in_trouble: bool) -> Outcome:
        failures = state.consecutive_failures + 1
        retry_at = self.backoff.observation(failed.error, failures, failed.at, upstream_in_trouble=upstream_in_trouble)
        state.fail(error_text(failed.error), failed.at, retry_at)
        state.move_slot(self.timing.refresh_interval)
        if upstream_in_trouble:
            state.bring_forward(self.backoff.spread())
        return Outcome.FAILED
