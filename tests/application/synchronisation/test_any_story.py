"""In every story, no product is lost and nothing is invented; and once all is well, all products are current.

The processes are event loops that the story runs, freezes or drops, and time is what its clock says: nothing waits.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from structlog.testing import capture_logs

from application.synchronisation.offers_gateway import AnswerRefused, OffersServiceUnavailable
from application.synchronisation.scheduling import Job
from story.audit import TIMING
from story.own_story import OwnStory, Priced, answer, offer_ids, priced, products, workers
from story.upstream import AUTH, Way

STEPS = 30
A_SHORT_TIME = timedelta(seconds=5)
TROUBLES: Mapping[str, Exception] = {
    "down": OffersServiceUnavailable("HTTP 503"),
    "busy": OffersServiceUnavailable("HTTP 429", retry_after=120),
    "malformed": AnswerRefused("not JSON"),
}
troubles = st.sampled_from(list(TROUBLES))
ways = st.sampled_from([str(way) for way in Way])


class AnyStory(OwnStory):
    """And the actions of the Offers service."""

    @rule(
        product=products,
        offers=priced,
        unreadable=st.sets(offer_ids, max_size=1),
        complete=st.booleans(),
        beats=st.integers(0, 4),
    )
    def offers_change(self, product: UUID, offers: Priced, unreadable: set[int], complete: bool, beats: int) -> None:
        self.upstream.put_on_offer(product, answer(offers, unreadable, complete=complete))
        for _ in range(beats):
            self.stage.beat()

    @rule(product=products, trouble=troubles)
    def one_is_in_trouble(self, product: UUID, trouble: str) -> None:
        self.upstream.trouble[product] = TROUBLES[trouble]

    @rule(trouble=troubles)
    def all_are_in_trouble(self, trouble: str) -> None:
        self.upstream.trouble.update(dict.fromkeys(self.audit.names, TROUBLES[trouble]))

    @rule(product=products)
    def it_forgets_and_the_next_reply_to_a_registration_is_lost(self, product: UUID) -> None:
        self.upstream.offers.pop(product, None)
        self.upstream.lost_replies[product] = OffersServiceUnavailable("connection failed")

    @rule(product=products, way=ways)
    def messages_are_slow(self, product: UUID, way: str) -> None:
        self.upstream.slow[product] = Way(way)

    @rule(product=products, way=ways, worker=workers)
    def a_worker_hangs(self, product: UUID, way: str, worker: str) -> None:
        """Let it wait for one answer, as it begins its next batch."""
        self.stage.pass_time(TIMING.refresh_interval)
        self.upstream.slow[product] = Way(way)
        for job in Job:
            self.stage.work(worker, job)

    @rule(product=products, way=ways, worker=workers)
    def a_worker_is_overtaken(self, product: UUID, way: str, worker: str) -> None:
        """Freeze it in the middle of a batch, which the other one does once more."""
        self.a_worker_hangs(product, way, worker)
        self.stage.workers[worker].frozen = True
        self.what_is_on_its_way_arrives()
        self.stage.pass_time(TIMING.lease)
        self.stage.beat("A" if worker == "B" else "B")
        self.stage.thaw(worker)

    @rule(product=products, way=ways, worker=workers)
    def a_worker_is_stopped_in_mid_call(self, product: UUID, way: str, worker: str) -> None:
        self.a_worker_hangs(product, way, worker)
        self.stage.stop(worker)
        self.what_is_on_its_way_arrives()

    @rule(worker=workers, product=products, seconds=st.sampled_from([-150, 150]))
    def a_clock_is_set_in_mid_call(self, worker: str, product: UUID, seconds: int) -> None:
        self.a_worker_hangs(product, Way.REPLY, worker)
        self.stage.workers[worker].ahead = timedelta(seconds=seconds)
        self.what_is_on_its_way_arrives()

    @rule()
    def what_is_on_its_way_arrives(self) -> None:
        self.upstream.slow.clear()
        self.upstream.let_all_arrive()
        self.stage.let_run()

    @rule()
    def upstream_recovers(self) -> None:
        self.upstream.recover()
        self.stage.let_run()

    @rule(product=products)
    def upstream_forgets(self, product: UUID) -> None:
        self.upstream.offers.pop(product, None)

    @rule(product=products)
    def another_client_has_the_id(self, product: UUID) -> None:
        if product not in self.upstream.offers:
            self.upstream.foreign.add(product)

    @rule(worker=workers, beats=st.integers(0, 2))
    def the_token_is_revoked(self, worker: str, beats: int) -> None:
        """Let one worker find out, and perhaps get a new token."""
        self.upstream.issuer.revoke()
        for _ in range(beats):
            self.stage.beat(worker, A_SHORT_TIME)

    @rule()
    def the_row_of_the_token_is_lost(self) -> None:
        self.stage.outside.tokens.rows.clear()
        self.upstream.issuer.forgive()
        self.audit.note_lost_token_row()

    @rule(down=st.booleans(), loses_reply=st.booleans())
    def tokens_are_hard_to_get(self, down: bool, loses_reply: bool) -> None:
        self.upstream.issuer.down, self.upstream.issuer.loses_reply = down, loses_reply

    @rule(way=ways)
    def tokens_are_slow(self, way: str) -> None:
        self.upstream.slow[AUTH] = Way(way)


@pytest.mark.timeout(600)
def test_every_story_ends_well() -> None:
    with capture_logs():
        run_state_machine_as_test(AnyStory, settings=settings(stateful_step_count=STEPS))
