"""The event of a changed best price: the observations with an event, and its facts about the time before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.event import Event, EventType
from domain.offer import ObservedOffers, Offer, TrackedOffer
from domain.synchronisation import Synchronisation
from factories import some_id
from fakes.offers_gateway import observed

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OFFER, OTHER = some_id(), some_id()


class Watched:
    """A product that is observed once a minute."""

    def __init__(self) -> None:
        self.state = Synchronisation(some_id(), AT)
        self.offers: dict[UUID, TrackedOffer] = {}

    def see(self, minute: int, answer: ObservedOffers) -> Event | None:
        observation = self.state.observe(self.offers.values(), answer, AT + minute * MINUTE, MINUTE)
        self.offers.update((each.id, each) for each in observation.changed)
        return observation.event

    def price(self, minute: int, price: int) -> Event | None:
        return self.see(minute, observed(Offer(OFFER, price, 1)))


def step(price: int | None, minute: int) -> Mapping[str, object]:
    return {"price": price, "state": "out_of_stock" if price is None else "in_stock", "since": AT + minute * MINUTE}


NOTHING = replace(observed(), complete=False, refused=1)


def test_the_first_observation_has_an_event_without_a_previous_price() -> None:
    watched = Watched()
    event = watched.price(0, 900)
    current = {**step(900, 0), "offer_id": OFFER}
    data = {"previous": None, "current": current, "unknown_since": None}
    assert event == Event(EventType.PRICE_CHANGED, watched.state.product_id, AT, data)


def test_the_first_observation_may_show_that_nothing_is_in_stock() -> None:
    event = Watched().see(0, observed())
    assert event is not None
    assert event.data["current"] == {**step(None, 0), "offer_id": None}


def test_after_a_first_observation_that_shows_nothing_for_sure_there_is_no_previous_price() -> None:
    watched = Watched()
    assert watched.see(0, NOTHING) is None
    assert watched.see(1, NOTHING) is None
    event = watched.price(2, 900)
    assert event is not None
    assert (event.data["previous"], event.data["unknown_since"]) == (None, None)


def test_only_another_best_price_or_stock_state_has_an_event() -> None:
    watched = Watched()
    watched.price(0, 900)
    assert watched.price(1, 900) is None
    assert watched.see(2, observed(Offer(OFFER, 900, 5), Offer(OTHER, 950, 1))) is None
    assert watched.see(3, observed(Offer(OFFER, 900, 0), Offer(OTHER, 900, 1))) is None
    event = watched.see(4, observed(Offer(OTHER, 850, 1)))
    assert event is not None
    assert event.data == {
        "previous": step(900, 0),
        "current": {**step(850, 4), "offer_id": OTHER},
        "unknown_since": None,
    }
    gone = watched.see(5, observed(Offer(OTHER, 850, 0)))
    assert gone is not None
    assert (gone.data["previous"], gone.time) == (step(850, 4), AT + 5 * MINUTE)
    assert watched.see(6, observed()) is None
    back = watched.price(7, 850)
    assert back is not None
    assert back.data["previous"] == step(None, 5)


def test_a_change_across_a_gap_says_since_when_the_price_was_unknown() -> None:
    watched = Watched()
    watched.price(0, 900)
    assert watched.price(100, 900) is None
    event = watched.price(200, 800)
    assert event is not None
    assert (event.data["previous"], event.data["unknown_since"]) == (step(900, 100), AT + 103 * MINUTE)


def test_an_observation_that_shows_nothing_for_sure_has_no_event_and_the_last_known_price_stands() -> None:
    watched = Watched()
    assert watched.see(0, NOTHING) is None
    assert watched.price(1, 900) is not None
    # The offer is trusted for three minutes without a confirmation; then nothing is known.
    for minute in range(2, 8):
        assert watched.see(minute, NOTHING) is None
    assert watched.state.last_known is not None
    event = watched.price(8, 800)
    assert event is not None
    assert event.data["previous"] == step(900, 1)
    assert watched.state.last_known is None
    unknown_since = event.data["unknown_since"]
    assert isinstance(unknown_since, datetime)
    assert AT + 2 * MINUTE <= unknown_since <= AT + 5 * MINUTE


def test_the_same_price_after_an_unknown_time_has_no_event() -> None:
    watched = Watched()
    watched.price(0, 900)
    for minute in range(1, 8):
        watched.see(minute, NOTHING)
    assert watched.price(8, 900) is None
    assert watched.state.last_known is None
