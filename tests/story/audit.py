"""The invariants that must hold after every step of a story."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from adapters.offers_api.token_seal import AesGcmTokenSeal
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import RegistrationRefused, UnknownUpstream
from application.synchronisation.timing import Timing
from domain.offer import Offer
from domain.product import Product, RegistrationState
from domain.synchronisation import Synchronisation
from fakes.storage import Leased
from story.naive_history import ObservationLog
from story.worker import Batch, Call, Outside

TIMING = Timing()
DEADLINE = timedelta(seconds=TIMING.batch_deadline)
LONGEST_WAIT = TIMING.most_backoff_intervals * TIMING.refresh_interval + timedelta(minutes=10)
"""Until the next attempt; the minutes are for clocks that were set."""


class Audit:
    """Compares the storage with the acknowledged requests and the observations."""

    def __init__(self, outside: Outside) -> None:
        self.names: dict[UUID, str] = {}
        self.retried: set[Call] = set()
        self._outside = outside
        self._logs: defaultdict[UUID, ObservationLog] = defaultdict(ObservationLog)
        self._attempts: dict[UUID, datetime] = {}
        self._revisions: dict[UUID, int] = {}
        self._seal = AesGcmTokenSeal("http://offers", Secret("refresh"))
        self._sealed: bytes | None = None
        self._kept_token: Secret | None = None
        self._checked = outside.storage.rows

    def note_retry(self, product_id: UUID) -> None:
        """An admin's retry ends the lease, if there is one."""
        self.retried.update(self._outside.calls[product_id])

    def note_lost_token_row(self) -> None:
        self._kept_token = self._sealed = None

    def observations(self) -> dict[UUID, int]:
        """Count the observations of every product that is attempted at all."""
        rows = self._outside.storage.rows.synchronisations
        return {id: len(self._logs[id].seen) for id in self.names if rows[id].state.not_before is not None}

    def check(self) -> None:
        assert not self._outside.flaws
        self._check_token()
        rows = self._outside.storage.rows
        if rows is self._checked:
            return
        self._checked = rows
        assert {id: product.name for id, product in rows.products.items()} == self.names
        assert rows.synchronisations.keys() == self.names.keys()
        for id, leased in rows.synchronisations.items():
            self._check_attempt(leased.state)
            self._check_observation(leased.state)
            self._check_registration(rows.products[id], leased.state)
            self._check_attempts(leased)
        for id, log in self._logs.items():
            self._check_offers_and_history(id, log)

    def check_batch(self, batch: Batch) -> None:
        """Check the results of a batch, in the step in which it ended."""
        report = batch.report()
        if report is None:
            return
        assert not report.defects
        for id, call in batch.calls.items():
            row = self._outside.storage.rows.synchronisations.get(id)
            if row is None:
                continue
            if row.lease_id == call.lease_id:
                assert not call.attempted, "the outcome of a call is lost"
                assert row.ended(self._outside.clock.now), "a product without an attempt is not handed back"
            elif call is self._outside.calls[id][-1] and call not in self.retried and row.lease_id is None:
                assert call.attempted, "a product without an attempt lost its turn"

    def check_age(self, batch: Batch) -> None:
        """Check that a batch under way waits for no call beyond its deadline."""
        now = self._outside.clock.now
        assert all(call.ended_at or now < call.began_at + DEADLINE for call in batch.calls.values())

    def _check_observation(self, state: Synchronisation) -> None:
        log = self._logs[state.product_id]
        last_at = None if log.last is None else log.last.at
        at = state.observed_at
        if at == last_at:
            return
        assert at is not None, "an observation is lost"
        assert last_at is None or last_at < at, "an older observation takes the place of a newer one"
        call = self._call_behind(state.product_id, at)
        assert call.answer is not None
        assert call.ended_at is not None
        assert call.ended_at - call.began_at <= DEADLINE, "the answer is older than it says"
        assert state.scheduled_at is not None
        assert call.began_at - TIMING.refresh_interval < state.scheduled_at <= call.began_at, "the slot was not moved"
        log.take_in(at, call.answer)

    def _check_attempt(self, state: Synchronisation) -> None:
        at = state.last_attempt_at
        if at is not None and at != self._attempts.get(state.product_id):
            self._attempts[state.product_id] = at
            self._call_behind(state.product_id, at)

    def _call_behind(self, product_id: UUID, at: datetime) -> Call:
        """Return the call to which an attempt that was written belongs, which must be one of the last lease."""
        calls = self._outside.calls[product_id]
        found = [call for call in calls if call.dated == at and call.attempted]
        assert found, "an attempt is written that nobody made"
        assert found[-1].lease_id == calls[-1].lease_id, "what is written is superseded"
        return found[-1]

    def _check_registration(self, product: Product, state: Synchronisation) -> None:
        calls = self._outside.calls[product.id]
        match product.registration.state:
            case RegistrationState.PENDING:
                assert state.scheduled_at is None
            case RegistrationState.REGISTERED:
                assert state.scheduled_at is not None
                upstream = self._outside.upstream
                assert upstream.registrations[product.id] or product.id in upstream.foreign
            case RegistrationState.REJECTED:
                assert product.registration.detail == state.last_error
                assert any(isinstance(call.error, RegistrationRefused) for call in calls)
            case RegistrationState.CONFLICT:
                assert product.registration.detail == state.last_error
                assert any(isinstance(call.error, UnknownUpstream) for call in calls)
        assert self._revisions.get(product.id, 1) <= product.revision
        self._revisions[product.id] = product.revision
        terminal = product.registration.state in (RegistrationState.REJECTED, RegistrationState.CONFLICT)
        assert terminal == (state.not_before is None), "nobody will attempt it again"

    def _check_attempts(self, leased: Leased) -> None:
        state, now = leased.state, self._outside.clock.now
        next_at = state.next_attempt_at(TIMING.refresh_interval)
        assert next_at is None or next_at <= now + LONGEST_WAIT
        assert leased.lease_until is None or leased.lease_until <= now + TIMING.lease
        assert (state.consecutive_failures == 0) == (state.last_error is None)

    def _check_offers_and_history(self, id: UUID, log: ObservationLog) -> None:
        """Check a product that was ever observed, even if it was withdrawn."""
        rows, last = self._outside.storage.rows, log.last
        tracked = rows.offers.get(id, {}).values()
        in_stock = {each.id: Offer(each.id, each.price, each.items_in_stock) for each in tracked}
        assert all(in_stock.pop(each.id).items_in_stock == 0 for each in tracked if each.sold_out_at)
        assert in_stock == (last.in_stock if last else {})
        best, steps = log.best_price()
        assert [step for of, step in rows.steps if of == id] == steps
        intervals = [interval for of, interval in rows.intervals if of == id]
        assert sorted(intervals, key=repr) == sorted(log.intervals(), key=repr)
        if id in rows.synchronisations:
            state = rows.synchronisations[id].state
            assert state.best == best
            assert (state.best_offer, state.offers_in_stock) == (last and last.best, len(in_stock))

    def _check_token(self) -> None:
        """Check that a token that was kept and still lives is not thrown away."""
        row = self._outside.tokens.rows.get(self._seal.name)
        sealed = row.sealed if row else None
        if sealed == self._sealed:
            return
        self._sealed = sealed
        token = self._seal.open(sealed) if sealed else None
        if self._kept_token is not None and self._outside.upstream.issuer.accepts(self._kept_token):
            assert token == self._kept_token
        self._kept_token = token
