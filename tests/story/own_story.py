"""The half of a story that plays on our side: what admins, workers, clocks and the storage may do in any order."""

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, multiple, rule

from application.synchronisation.scheduling import Job
from domain.errors import ProductAlreadyExists, ProductNotFound
from domain.offer import ObservedOffers, Offer
from story.stage import Stage
from story.upstream import REFUSED_NAME

Priced = Mapping[int, tuple[int, int]]
"""Offers by number, each with its price and how many there are."""
products = Bundle[UUID]("products")
names = st.sampled_from(["lamp", "desk", REFUSED_NAME])
jobs = st.sampled_from([str(job) for job in Job])
workers = st.sampled_from("AB")
offer_ids = st.integers(1, 3)
priced = st.dictionaries(offer_ids, st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=3)
durations = st.sampled_from([1, 5, 14, 20, 26, 60, 170, 190, 301, 3 * 3600])


class OwnStory(RuleBasedStateMachine):
    """What admins, workers, clocks and the storage may do."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self._created = 0
        self.upstream, self.audit = self.stage.upstream, self.stage.audit
        self.scene = self.stage.outside.scene

    def teardown(self) -> None:
        try:
            self.stage.end_well()
        finally:
            self.stage.close()

    @initialize(target=products, offers=priced)
    def two_are_watched(self, offers: Priced) -> MultipleResults[UUID]:
        created = [product_id for name in ("chair", "shelf") if (product_id := self._create(name))]
        for product_id in created:
            self.upstream.put_on_offer(product_id, answer(offers))
        self.stage.beat()
        return multiple(*created)

    @rule(target=products, name=names)
    def create(self, name: str) -> UUID | MultipleResults[UUID]:
        taken = name in self.audit.names.values()
        try:
            product_id = self._create(name)
        except ProductAlreadyExists:
            assert taken
            return multiple()
        assert not (taken and product_id)
        return product_id or multiple()

    @rule(product=products, name=names)
    def amend(self, product: UUID, name: str) -> None:
        others = [other for id, other in self.audit.names.items() if id != product]
        try:
            if self.stage.administer(self.scene.amend(product, name=name)):
                self.audit.names[product] = name
        except ProductNotFound:
            assert product not in self.audit.names
        except ProductAlreadyExists:
            assert name in others
        self.stage.let_run()

    @rule(product=products)
    def withdraw(self, product: UUID) -> None:
        try:
            if self.stage.administer(self.scene.withdraw(product)):
                del self.audit.names[product]
        except ProductNotFound:
            assert product not in self.audit.names
        self.stage.let_run()

    @rule(product=products)
    def retry(self, product: UUID) -> None:
        try:
            self.stage.retry(product)
        except ProductNotFound:
            assert product not in self.audit.names
        self.stage.let_run()

    @rule(worker=workers, job=jobs)
    def work(self, worker: str, job: str) -> None:
        self.stage.work(worker, Job(job))

    @rule(who=st.sampled_from(["AB", "A", "B"]), beats=st.integers(1, 6), seconds=st.sampled_from([20, 5]))
    def work_on(self, who: str, beats: int, seconds: int) -> None:
        for _ in range(beats):
            self.stage.beat(who, timedelta(seconds=seconds))

    @rule(seconds=durations)
    def time_passes(self, seconds: int) -> None:
        self.stage.pass_time(timedelta(seconds=seconds))

    @rule()
    def it_is_nearly_midnight(self) -> None:
        now = self.stage.clock.now
        self.stage.pass_time(max(timedelta(0), datetime.combine(now, time(23, 59, 30), now.tzinfo) - now))

    @rule(worker=workers)
    def stop(self, worker: str) -> None:
        self.stage.stop(worker)

    @rule(worker=workers)
    def kill(self, worker: str) -> None:
        self.stage.kill(worker)

    @rule(worker=workers)
    def freeze(self, worker: str) -> None:
        self.stage.workers[worker].frozen = True

    @rule(worker=workers)
    def thaw(self, worker: str) -> None:
        self.stage.thaw(worker)

    @rule(away=st.booleans())
    def storage_is_away(self, away: bool) -> None:
        self.stage.set_storage_away(away=away)

    @rule(after=st.integers(0, 2), stored=st.booleans())
    def a_commit_fails(self, after: int, stored: bool) -> None:
        self.stage.workers_storage.fail(after, stores_all_the_same=stored)

    def _create(self, name: str) -> UUID | None:
        """Create a product with the next number for its id; None if storage is away."""
        self._created += 1
        product_id = UUID(int=self._created)
        if not self.stage.administer(self.scene.create(name=name, description="", product_id=product_id)):
            return None
        self.audit.names[product_id] = name
        self.stage.let_run()
        return product_id


def answer(offers: Priced, unreadable: Collection[int] = (), *, complete: bool = True) -> ObservedOffers:
    found = {UUID(int=number): Offer(UUID(int=number), *each) for number, each in offers.items()}
    refused = frozenset(UUID(int=number) for number in unreadable)
    return ObservedOffers(found, refused - found.keys(), complete)
