"""The ports to the rows of the synchronisation: schedule and leases, current offers, and their history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.offer import TrackedOffer
from domain.synchronisation import Observation, Synchronisation

LONGEST_LEASE = timedelta(seconds=60)
LONGEST_REGISTRATION_WAIT = timedelta(seconds=300)
"""A lease or a wait that is longer was written while the storage's clock was ahead, and is over."""
MOST_UNOBSERVED = 1_000
"""While so many products wait for their first observation, no product that was added with others is registered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Products that one worker may attempt until the lease ends; `claimed_at` is by the storage's clock."""

    lease_id: UUID
    claimed_at: datetime
    product_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Due:
    """How many registrations and observations are due, each counted up to the requested limit.

    `lag` is how long the most overdue observation has been due, claimed ones included; 0 if none is. `at` is the time
    of the count by the storage's clock.
    """

    registrations: int
    observations: int
    lag: timedelta
    at: datetime = field(compare=False)


class SynchronisationRepository(Protocol):
    """Schedule and leases. For use inside a unit of work only; a claim takes effect when that unit of work commits.

    A claim is None when nothing is due. After the storage's clock was set back these are due at once: future slots
    whose wait is over, products whose last attempt or creation lies in the future, and leases and waits of
    registrations that are longer than LONGEST_LEASE and LONGEST_REGISTRATION_WAIT.
    """

    async def count_due(self, interval: timedelta, limit: int) -> Due:
        """Count the products that a claim could take now, each kind up to `limit`."""

    async def claim_registrations(self, lease: timedelta, limit: int, *, likeliest: bool = False) -> Claim | None:
        """Lease up to `limit` products whose registration is due, longest waiting first, skipping locked rows.

        Products that were added alone and those that were added together with others take turns: each kind gets half of
        the claim, and the places that the other leaves free. None of the latter is due while `MOST_UNOBSERVED` products
        wait for their first observation.

        With `likeliest`, the products most likely to succeed come first: the fewest failures in a row, then the newest.
        """

    async def claim_observations(
        self, interval: timedelta, lease: timedelta, limit: int, *, likeliest: bool = False
    ) -> Claim | None:
        """Lease up to `limit` products whose observation is due, oldest slot first, skipping locked rows.

        Products that were never observed and those that were take turns: each kind gets half of the claim, and the
        places that the other leaves free.

        With `likeliest`, the products most likely to succeed come first: the fewest failures in a row, then the newest
        slot. A slot is due one interval after the last one and not before `not_before`; a claim that was never finished
        is due when its lease ends. The claim moves the slot on by one interval, or to now if a slot was missed.
        """

    async def hold(self, lease_id: UUID, product_ids: Collection[UUID]) -> list[Synchronisation]:
        """Return and lock the products among these that the lease still covers, without withdrawn ones.

        A lease that has ended still covers a product until another worker claims it.
        """

    async def get(self, product_id: UUID) -> Synchronisation:
        """Return and lock one product's state, under any lease or none.

        Raises:
            ProductNotFound: there is no such product, or it was withdrawn.
        """

    async def save(self, *states: Synchronisation) -> None:
        """Store states that this unit of work holds or has got, and end their leases."""

    async def postpone(self, lease_id: UUID, product_ids: Collection[UUID]) -> None:
        """End the lease of products that were not attempted: they stay due in the slot they were claimed for."""


class OfferRepository(Protocol):
    """Current offers and history. For use inside a unit of work only."""

    async def of(self, product_ids: Collection[UUID]) -> Mapping[UUID, Sequence[TrackedOffer]]:
        """Return the stored offers, sold-out ones included, of each product that has any."""

    async def record(self, observations: Collection[Observation]) -> None:
        """Store changed offers and append ended intervals and steps; the products' synchronisations are held."""
