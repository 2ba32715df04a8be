"""Where a story takes place: two workers, the time that passes for them, and the good end that every story has."""

import math
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job
from domain.product import RegistrationState
from story.audit import TIMING, Audit
from story.manual_event_loop import ManualEventLoop
from story.upstream import REFUSED_NAME
from story.worker import Outside, Worker
from story.workers_storage import WorkersStorage

TOKEN_CALLS = ("load", "lease", "keep", "postpone", "drop")
MOMENT = timedelta(microseconds=1)
BEAT = timedelta(seconds=20)
BEATS_TO_RECOVER = 60
"""Ten intervals of backoff, a slot, a new registration and its observation."""
BEATS_OF_A_CYCLE = 5
LONGEST_AGE = TIMING.refresh_interval + 2 * BEAT


class Stage:
    """Everything is checked after each thing that is done here."""

    def __init__(self) -> None:
        self.outside = Outside()
        self.clock, self.upstream, self.storage = self.outside.clock, self.outside.upstream, self.outside.storage
        self.workers_storage = WorkersStorage(self.storage, flaws=self.outside.flaws)
        self.audit = Audit(self.outside)
        self.admin_loop = ManualEventLoop(self.clock)
        self.loops = [self.admin_loop]
        self.workers = {name: self._new_worker() for name in "AB"}

    def administer(self, request: Coroutine[Any, Any, object]) -> bool:
        """Carry out an admin's request; False if storage is away, which is the only allowed reason."""
        away = self.storage.away
        try:
            self.admin_loop.run_until_complete(request)
        except StorageUnavailable:
            assert away
            return False
        assert not away
        return True

    def work(self, name: str, job: Job) -> None:
        worker = self.workers[name]
        worker.start(job)
        self._run(worker)

    def let_run(self) -> float:
        """Let all do what they can now; return in how many seconds the first of them goes on."""
        return min(self._run(worker) for worker in self.workers.values())

    def pass_time(self, duration: timedelta) -> None:
        """Turn the clock from timer to timer."""
        end = self.clock.now + duration
        while (left := end - self.clock.now) > timedelta(0):
            wait = self.let_run()
            self.clock.advance(left if wait >= left.total_seconds() else max(timedelta(seconds=wait), MOMENT))
        self.let_run()

    def beat(self, who: str = "AB", length: timedelta = BEAT) -> None:
        """Let workers look for work once, as they do all the time."""
        for name in who:
            for job in Job:
                self.work(name, job)
        self.pass_time(length)

    def stop(self, name: str) -> None:
        """Stop a worker properly and start it anew."""
        self.workers[name].stop()
        self.let_run()
        self.kill(name)

    def kill(self, name: str) -> None:
        """Leave the worker where it is for ever, and start another."""
        self.workers[name] = self._new_worker()

    def thaw(self, name: str) -> None:
        self.workers[name].frozen = False
        self.let_run()

    def set_storage_away(self, *, away: bool) -> None:
        self.storage.away = away
        self.outside.tokens.away = TOKEN_CALLS if away else ()

    def end_well(self) -> None:
        """Switch all trouble off, let time pass, and check that all is as it should be."""
        self.set_storage_away(away=False)
        self.workers_storage.commits_left = None
        self.upstream.recover()
        for name in self.workers:
            self.workers[name].ahead = timedelta(0)
            self.thaw(name)
        for product_id in self.audit.names:
            self.retry(product_id)
        before = self.audit.observations()
        beats_well = 0
        for _ in range(BEATS_TO_RECOVER):
            self.beat()
            after = self.audit.observations()
            well = not self._not_well() and all(before.get(id, 0) < count for id, count in after.items())
            beats_well = beats_well + 1 if well else 0
            if beats_well == BEATS_OF_A_CYCLE:
                break
        assert beats_well == BEATS_OF_A_CYCLE, self._not_well()

    def retry(self, product_id: UUID) -> None:
        if self.administer(self.outside.scene.retry(product_id)):
            self.audit.note_retry(product_id)

    def close(self) -> None:
        for loop in self.loops:
            loop.give_up()

    def _run(self, worker: Worker) -> float:
        if worker.frozen:
            return math.inf
        wait = worker.loop.run_until_idle()
        for batch in worker.take_ended():
            self.audit.check_batch(batch)
        for batch in worker.batches:
            self.audit.check_age(batch)
        self.audit.check()
        return wait

    def _not_well(self) -> dict[UUID, str]:
        """Return the faults of the final state, by product."""
        found = {product_id: self._trouble(product_id) for product_id in self.audit.names}
        return {product_id: trouble for product_id, trouble in found.items() if trouble is not None}

    def _trouble(self, product_id: UUID) -> str | None:
        product, leased = self.storage.rows.products[product_id], self.storage.rows.synchronisations[product_id]
        state, upstream = leased.state, self.upstream.offers.get(product_id)
        if upstream is None:
            if product_id in self.upstream.foreign:
                ended = product.registration.state is RegistrationState.CONFLICT
            else:
                ended = product.registration.state is RegistrationState.REJECTED and product.name == REFUSED_NAME
            return None if ended else "not registered"
        tracked = self.storage.rows.offers.get(product_id, {}).values()
        in_stock = {each.id: each.price for each in tracked if each.sold_out_at is None}
        offered = {id: offer.price for id, offer in upstream.offers.items() if offer.items_in_stock}
        troubles = {
            "not registered": product.registration.state is not RegistrationState.REGISTERED,
            "leased": leased.lease_id is not None,
            "failing": state.last_error is not None,
            "stale": state.observed_at is None or self.clock.now - state.observed_at > LONGEST_AGE,
            "not current": in_stock != offered,
        }
        return next((trouble for trouble, there in troubles.items() if there), None)

    def _new_worker(self) -> Worker:
        worker = Worker(self.outside, self.workers_storage.begin)
        self.loops.append(worker.loop)
        return worker
