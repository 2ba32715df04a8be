"""For all observations, the recorded history agrees with a naive model at every instant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer
from domain.prices.price import PriceState, PriceStep
from domain.synchronisation import Synchronisation

START = datetime(2026, 3, 14, 23, 50, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IDS = [UUID(int=number) for number in range(1, 4)]

answers = st.builds(
    lambda offers, unreadable, complete: ObservedOffers(
        {id: Offer(id, price, stock) for id, (price, stock) in offers.items()}, frozenset(unreadable), complete
    ),
    st.dictionaries(st.sampled_from(IDS), st.tuples(st.integers(0, 2), st.integers(0, 2))),
    st.sets(st.sampled_from(IDS), max_size=1),
    st.sampled_from([True, True, True, False]),
)
pauses = st.one_of(
    st.integers(1, 400),
    st.sampled_from([10, 29, 30, 31, 60, 179, 180, 181, 600, 601, 86_400, 200_000]),
)
polls = st.lists(st.tuples(pauses, answers, st.sampled_from([10, 60])), min_size=1, max_size=25)
set_back = st.one_of(pauses, st.integers(-400, 0), st.sampled_from([-200_000, -86_400, -3_600]))
polls_by_an_unsound_clock = st.lists(st.tuples(set_back, answers, st.sampled_from([10, 60])), min_size=1, max_size=25)


@dataclass
class Known:
    """The naive model: each observation as a whole, and until when it is trusted.

    Offers in `running_out` are trusted until then, as the observation did not confirm them. It says nothing about the
    `lost` ones.
    """

    at: datetime
    trusted_until: datetime
    in_stock: Mapping[UUID, int]
    running_out: Mapping[UUID, datetime] = field(default_factory=dict)
    lost: frozenset[UUID] = frozenset()

    @property
    def best(self) -> int | None:
        return min(self.in_stock.values(), default=None)

    @property
    def best_ids(self) -> list[UUID]:
        """The cheapest offers, confirmed ones first."""
        cheapest = [id for id, price in self.in_stock.items() if price == self.best]
        return sorted(cheapest, key=lambda id: (id in self.running_out, id))

    @property
    def until(self) -> datetime:
        if self.best is None:
            return self.at if self.lost else self.trusted_until
        return min(self.trusted_until, self.running_out.get(self.best_ids[0], self.trusted_until))

    def in_stock_at(self, instant: datetime) -> dict[UUID, int]:
        return {id: price for id, price in self.in_stock.items() if id not in self.lost_at(instant)}

    def lost_at(self, instant: datetime) -> frozenset[UUID]:
        return self.lost | {id for id, until in self.running_out.items() if until <= instant}

    def then(self, at: datetime, answer: ObservedOffers, interval: timedelta) -> "Known":
        in_stock = {id: offer.price for id, offer in answer.offers.items() if offer.items_in_stock}
        running_out, lost = {}, set()
        for id in IDS:
            if id in answer.offers or (answer.complete and id not in answer.unreadable):
                continue
            until = min(self.running_out.get(id, self.at + 3 * interval), at + 3 * interval)
            if id in self.lost or (id in self.in_stock and until <= at + interval / 2):
                lost.add(id)
            elif id in self.in_stock:
                in_stock[id], running_out[id] = self.in_stock[id], until
        return Known(at, at + 3 * interval, in_stock, running_out, frozenset(lost))


@dataclass
class Replay:
    """What the code stored while the model looked on."""

    state: Synchronisation = field(default_factory=lambda: Synchronisation(UUID(int=0), START))
    offers: dict[UUID, TrackedOffer] = field(default_factory=dict)
    intervals: list[OfferInterval] = field(default_factory=list)
    steps: list[PriceStep] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)

    def poll(self, at: datetime, answer: ObservedOffers, interval: timedelta) -> None:
        trusted_until = self.state.known_until
        observation = self.state.observe(list(self.offers.values()), answer, at, interval)
        if not self.known or at > self.known[-1].at:
            latest = min(at, trusted_until or at)
            priced = [ended for ended in observation.ended if ended.price is not None]
            assert all(ended.valid_to <= max(latest, self.recorded_until) for ended in priced)
        self.offers.update((offer.id, offer) for offer in observation.changed)
        self.intervals += observation.ended
        self.steps += observation.steps
        before = self.known[-1] if self.known else Known(at, at, {})
        self.known.append(before.then(at, answer, interval))

    @property
    def recorded_until(self) -> datetime:
        ends = [step.valid_to for step in self.steps] + [interval.valid_to for interval in self.intervals]
        return max([*ends, *(offer.changed_at for offer in self.offers.values())], default=START)

    def best_at(self, instant: datetime) -> tuple[PriceState, int | None]:
        for step in self.steps:
            if step.valid_from <= instant < step.valid_to:
                return step.state, step.price
        assert self.state.best is not None
        assert self.state.best.since <= instant
        assert self.state.known_until is not None
        return state_of(self.state.best.price) if instant < self.state.known_until else (PriceState.UNKNOWN, None)

    def in_stock_at(self, instant: datetime) -> dict[UUID, int]:
        found = {
            each.offer_id: each.price
            for each in self.intervals
            if each.valid_from <= instant < each.valid_to and each.price is not None
        }
        for offer in self.offers.values():
            ended = offer.known_until is not None and offer.known_until <= instant
            if offer.sold_out_at is None and offer.changed_at <= instant and not ended:
                found[offer.id] = offer.price
        return found

    def lost_at(self, instant: datetime) -> set[UUID]:
        ended = [each for each in self.intervals if each.valid_from <= instant < each.valid_to]
        return {each.offer_id for each in ended if each.price is None} | {
            offer.id for offer in self.offers.values() if offer.known_until is not None and offer.known_until <= instant
        }

    def instants(self) -> Iterator[tuple[datetime, Known]]:
        """Every moment at which anything may change, the one before it, and the observation then in force."""
        ends = [following.at for following in self.known[1:]] + [self.known[-1].until + 1000 * SECOND]
        for known, end in zip(self.known, ends, strict=True):
            moments = {known.at, known.until, end, midnight_after(known.at), midnight_after(known.until)}
            for moment in moments | set(known.running_out.values()):
                for instant in (moment - timedelta(microseconds=1), moment):
                    if known.at <= instant < end:
                        yield instant, known


def state_of(price: int | None) -> tuple[PriceState, int | None]:
    return (PriceState.OUT_OF_STOCK if price is None else PriceState.IN_STOCK), price


def midnight_after(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def replayed(polls: list[tuple[int, ObservedOffers, int]]) -> Replay:
    replay, at = Replay(), START
    for pause, answer, interval in polls:
        at += pause * SECOND
        replay.poll(at, answer, interval * SECOND)
    return replay


@given(polls)
def test_the_best_price_replays_at_every_instant_and_is_unknown_exactly_in_gaps(
    polls: list[tuple[int, ObservedOffers, int]],
) -> None:
    replay = replayed(polls)
    for instant, known in replay.instants():
        expected = state_of(known.best) if instant < known.until else (PriceState.UNKNOWN, None)
        assert replay.best_at(instant) == expected


@given(polls)
def test_steps_tile_time_from_the_first_observation_to_the_price_in_force(
    polls: list[tuple[int, ObservedOffers, int]],
) -> None:
    replay = replayed(polls)
    best = replay.state.best
    assert best is not None
    in_force = PriceStep(*state_of(best.price), best.since, best.since + SECOND)
    tiles = [*replay.steps, in_force]
    assert tiles[0].valid_from == replay.known[0].at
    for step, following in pairwise(tiles):
        assert step.valid_from < step.valid_to == following.valid_from <= midnight_after(step.valid_from)
        differ = (step.state, step.price) != (following.state, following.price)
        # While nothing but unknown offers could be in stock, every observation ends an unknown step.
        unknown = step.state is PriceState.UNKNOWN
        assert differ or unknown or step.valid_to == midnight_after(step.valid_from)


@given(polls_by_an_unsound_clock)
def test_steps_tile_time_whatever_the_clock_does(polls: list[tuple[int, ObservedOffers, int]]) -> None:
    replay = replayed(polls)
    best = replay.state.best
    assert best is not None
    tiles = [(step.valid_from, step.valid_to) for step in replay.steps] + [(best.since, best.since + SECOND)]
    assert tiles[0][0] == replay.known[0].at
    for (starts, ends), (following, _) in pairwise(tiles):
        assert starts < ends == following <= midnight_after(starts)


@given(polls_by_an_unsound_clock)
def test_offer_intervals_never_overlap_and_lie_in_one_day_each(polls: list[tuple[int, ObservedOffers, int]]) -> None:
    replay = replayed(polls)
    for id in IDS:
        intervals = [interval for interval in replay.intervals if interval.offer_id == id]
        for interval in intervals:
            assert interval.valid_from < interval.valid_to <= midnight_after(interval.valid_from)
        for interval, following in pairwise(intervals):
            assert interval.valid_to <= following.valid_from
        if intervals and id in replay.offers:
            assert intervals[-1].valid_to <= replay.offers[id].changed_at


@given(polls)
def test_offers_replay_at_every_instant_that_is_known(polls: list[tuple[int, ObservedOffers, int]]) -> None:
    replay = replayed(polls)
    for instant, known in replay.instants():
        if instant < known.until:
            assert replay.in_stock_at(instant) == known.in_stock_at(instant)
            assert replay.lost_at(instant) == known.lost_at(instant)


@given(polls_by_an_unsound_clock)
def test_what_is_current_is_what_the_last_observation_left(polls: list[tuple[int, ObservedOffers, int]]) -> None:
    replay = replayed(polls)
    state, known = replay.state, replay.known[-1]
    assert (state.observed_at, state.known_until) == (known.at, known.until)
    assert state.offers_in_stock == len(known.in_stock)
    assert (state.best and state.best.price, state.best_offer and state.best_offer.price) == (known.best, known.best)
    assert (state.best_offer and state.best_offer.id) == next(iter(known.best_ids), None)
