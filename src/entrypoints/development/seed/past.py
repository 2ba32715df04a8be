"""A made-up past as observing it would have recorded it: replayed, poll by poll, through the domain."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from adapters.postgres.prices.history_backfill import FirstSight, Past
from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer
from domain.prices.price import PriceStep
from domain.synchronisation import Synchronisation
from entrypoints.development.seed.price_walk import POLLS_A_DAY, Shown, market_before

INTERVAL = timedelta(days=1) / POLLS_A_DAY
LATEST_ANSWER = timedelta(seconds=20)


def made_up_past(product_id: UUID, sight: FirstSight, begins: datetime, dice: random.Random) -> Past:
    """Make up the history from a midnight, at least a day earlier, to the first sight of a product with offers."""
    state = Synchronisation(product_id, not_before=None)
    offers: dict[UUID, TrackedOffer] = {}
    ended: list[OfferInterval] = []
    steps: list[PriceStep] = []
    times = list(_times(begins, sight.at, dice))
    polls: list[tuple[datetime, Shown | None]] = list(
        zip(times, market_before(sight.prices, len(times), dice), strict=True)
    )
    for at, shown in [*polls, (sight.at, dict(sight.prices))]:
        if shown is not None:
            observation = state.observe(offers.values(), _answer(shown), at, INTERVAL)
            offers.update((offer.id, offer) for offer in observation.changed)
            ended += observation.ended
            steps += observation.steps
    return Past(begins, sight, ended, steps, {id: offers[id].first_seen_at for id in sight.prices})


def _times(begins: datetime, ends: datetime, dice: random.Random) -> Iterator[datetime]:
    at = slot = begins
    while at < ends:
        yield at
        slot += INTERVAL
        at = slot + dice.random() * LATEST_ANSWER


def _answer(shown: Shown) -> ObservedOffers:
    # History records no stock, so any will do.
    return ObservedOffers({id: Offer(id, price, 1) for id, price in shown.items()})
