"""Random histories of one product: polls with gaps, sell-outs, restocks and midnights, as the code records them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer
from domain.prices.price import PriceStep
from domain.synchronisation import Observation, Synchronisation
from factories import some_id

SECOND = timedelta(seconds=1)
OFFERS = [UUID(int=number << 80) for number in range(1, 4)]
LARGEST = 2**63 - 1

_prices = st.one_of(st.integers(0, 3), st.sampled_from([100, 101, 41_250, LARGEST - 1, LARGEST]))
_stock = st.sampled_from([0, 1, 7])
_answers = st.builds(
    lambda offers, unreadable, complete: ObservedOffers(
        {id: Offer(id, price, stock) for id, (price, stock) in offers.items()}, frozenset(unreadable), complete
    ),
    st.dictionaries(st.sampled_from(OFFERS), st.tuples(_prices, _stock)),
    st.sets(st.sampled_from(OFFERS), max_size=1),
    st.sampled_from([True, True, True, False]),
)
# In microseconds: within and beyond what an observation is trusted for, on the grid and off it, over midnights.
_pauses = st.one_of(
    st.integers(1, 400 * 10**6),
    st.sampled_from([10, 29, 30, 31, 60, 179, 180, 181, 300, 600, 3_600, 30_000]).map(lambda seconds: seconds * 10**6),
)
polls = st.lists(st.tuples(_pauses, _answers, st.sampled_from([10, 60, 3_000])), min_size=1, max_size=12)
"""Each poll: microseconds after the one before, its answer, the refresh interval in seconds."""


@dataclass
class History:
    """The result of observing one product: its state, and the rows to store."""

    product_id: UUID = field(default_factory=some_id)
    state: Synchronisation = field(init=False)
    offers: dict[UUID, TrackedOffer] = field(default_factory=dict)
    intervals: list[OfferInterval] = field(default_factory=list)
    steps: list[PriceStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = Synchronisation(self.product_id, datetime.now(UTC))

    def observe(self, at: datetime, answer: ObservedOffers, interval: timedelta) -> None:
        observation = self.state.observe(list(self.offers.values()), answer, at, interval)
        self.offers.update((offer.id, offer) for offer in observation.changed)
        self.intervals += observation.ended
        self.steps += observation.steps

    @property
    def observation(self) -> Observation:
        """All observations as one."""
        return Observation(self.product_id, list(self.offers.values()), self.intervals, self.steps)

    @classmethod
    def of(cls, start: datetime, polls: Sequence[tuple[int, ObservedOffers, int]]) -> "History":
        history, at = cls(), start
        for pause, answer, interval in polls:
            at += timedelta(microseconds=pause)
            history.observe(at, answer, interval * SECOND)
        return history
